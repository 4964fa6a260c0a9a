//! A plain GET by the ready-made easy handle, whose limits are values.
#![no_std]
#![no_main]

use heapless::String;
use muxfer_core::easy::{Fetch, Taken};
use muxfer_core::{Config, Resources};
use muxfer_size::Stack;

/// Where the body goes.
type Sink = fn(&[u8]) -> Taken;
/// A request in fixed strings.
type Get = Fetch<String<128>, Sink>;
/// Eight transfers over four connections to three hosts; six blocks of 256 bytes for header lines.
type Memory = Resources<Get, 8, 4, 3, 64, 6, 256>;

/// Where the device begins.
#[expect(unsafe_code, reason = "the linker looks for this name")]
// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    let number = muxfer_size::used_anyway(Stack::now().as_micros());
    if number == 0 {
        muxfer_size::report(0, 0);
    }
    #[expect(unsafe_code, reason = "one static of all memory")]
    let memory = {
        static mut MEMORY: Memory = Memory::new();
        let memory = &raw mut MEMORY;
        // SAFETY: this function is entered once.
        unsafe { &mut *memory }
    };
    let (status, code) = run(memory).unwrap_or((0, 255));
    muxfer_size::report(status, code)
}

fn run(memory: &mut Memory) -> Option<(u16, u8)> {
    let mut stack = Stack::new();
    let mut multi = memory.multi(Config::DEFAULT);
    let sink: Sink = |bytes| {
        muxfer_size::body(bytes);
        Taken::All
    };
    let get = Get::get("http://192.0.2.1/update", sink).ok()?;
    multi.add(Stack::now(), &mut stack, get).ok()?;
    loop {
        while let Some(event) = Stack::event() {
            multi.mark(event);
        }
        multi.run(Stack::now(), &mut stack);
        if let Some(done) = multi.info_read() {
            let get = multi.remove(Stack::now(), &mut stack, done.handle)?;
            let code = u8::from(done.result.is_err());
            return Some((get.status(), code));
        }
    }
}
