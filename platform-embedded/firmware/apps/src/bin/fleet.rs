//! x
#![no_std]
#![no_main]
use muxfer_firmware as _;
#[muxfer_board::entry]
fn main() -> ! { muxfer_board::exit(0) }
