//! embedded-tls with the verifier of this project: a pinned key and nothing else.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use muxfer_tls_study::embedded::run;
use muxfer_tls_study::verifier::{Pin, Settings, Verifier};
use muxfer_tls_study::{HOST, PIN};

const PINS: &[Pin] = &[*PIN];

#[muxfer_board::entry]
fn main() -> ! {
    let make = |time| Verifier::new(HOST, time, Settings::pins(PINS));
    run("embedded-pin", make, |verifier| verifier.verified)
}
