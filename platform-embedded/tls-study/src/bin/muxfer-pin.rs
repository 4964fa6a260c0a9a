//! The client of this project, without the engine, with a pinned key and nothing else.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use muxfer_embedded::tls::{Pin, Settings};
use muxfer_tls_study::PIN;
use muxfer_tls_study::own::run;

const PINS: &[Pin] = &[*PIN];

#[muxfer_board::entry]
fn main() -> ! {
    run("muxfer-pin", &[Settings::pins(PINS)])
}
