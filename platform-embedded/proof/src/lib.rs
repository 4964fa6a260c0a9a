//! Proves by building that the engine needs neither std nor an allocator.
//!
//! This is a static library with its own panic handler and no `#[global_allocator]`. As a final
//! product it is where rustc asks for both, so it does not build
//! * if any crate below it uses `alloc`, even one that this program never calls: "no global memory
//!   allocator found but one is required";
//! * if any crate below it uses `std`: "found duplicate lang item `panic_impl`".
//!
//! That this gate closes was seen by adding `extern crate alloc;` and a `Box` to a copy of the core,
//! then `extern crate std;`: each failed with those words.
//!
//! All that is generic in the engine is instantiated here, with capacities of a small device, by
//! running one transfer to its end over a platform without a network.
#![no_std]

mod nothing;

use core::panic::PanicInfo;

use heapless::String;
use muxfer_embedded::muxfer_core::easy::{Fetch, Taken};
use muxfer_embedded::muxfer_core::time::Instant;
use muxfer_embedded::muxfer_core::{Config, Event, Multi, Pause, Resources};
use nothing::Nothing;

/// Where the body goes: bytes are counted and dropped.
type Sink = fn(&[u8]) -> Taken;
/// A request in fixed strings.
type Easy = Fetch<String<128>, Sink>;
/// Four transfers over two connections to two hosts; six blocks of 256 bytes for header lines.
type Memory = Resources<Easy, 4, 2, 2, 64, 6, 256>;

/// Runs one transfer over a platform without a network; gives libcurl's number for how it ended,
/// which is 7 (could not connect), or 255 if the engine could not be set up.
#[expect(
    unsafe_code,
    reason = "the name must be exported, or nothing of the library is kept"
)]
// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn muxfer_proof() -> u8 {
    let mut memory = const { Memory::new() };
    run(&mut memory).unwrap_or(255)
}

/// `None` if the engine could not be set up or lost its transfer.
fn run(memory: &mut Memory) -> Option<u8> {
    let mut platform = Nothing { timer: None };
    let mut multi = Multi::new(memory.storage(), Config::DEFAULT).ok()?;
    let mut now = Instant::ZERO;
    let sink: Sink = |_| Taken::All;
    let easy = Easy::get("http://192.0.2.1/update", sink).ok()?;
    let handle = multi.add(now, &mut platform, easy).ok()?;
    // It has no connection yet, so both are refused (CONTRACT R100); they are called to be linked.
    let refused = multi
        .pause(now, &mut platform, handle, Pause::BOTH)
        .is_err()
        && multi.unpause(now, &mut platform, handle).is_err();
    debug_assert!(refused);
    while let Some(at) = platform.timer.take() {
        now = now.max(at);
        if multi
            .socket_action(now, &mut platform, Event::Timeout)
            .transfers
            == 0
        {
            break;
        }
    }
    let message = multi.info_read()?;
    let status = multi.info(message.handle)?.status;
    debug_assert_eq!(status, 0);
    multi.remove(now, &mut platform, message.handle)?;
    Some(message.result.err().map_or(0, |error| error.curl_code()))
}

/// A device would reset.
#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
