//! A GET without muxfer: connects over smoltcp, sends a fixed request, reads to the end, prints the
//! digest of all that came.
//!
//! It is what the size of `get` is compared with: the same machine, stack, digest and log.
#![no_std]
#![no_main]

use muxfer_board as _;

#[muxfer_board::entry]
fn main() -> ! {
    let (mut m, mut mac) = muxfer_board::machine::start().unwrap();
    defmt::info!("hi {}", m.now_us());
    m.sleep(&mut mac, 50_000);
    defmt::info!("hi {}", m.now_us());
    muxfer_board::exit(0)
}
