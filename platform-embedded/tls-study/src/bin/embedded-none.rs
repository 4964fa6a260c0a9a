//! embedded-tls without any verification.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use embedded_tls::NoVerify;
use muxfer_tls_study::embedded::run;

#[muxfer_board::entry]
fn main() -> ! {
    run("embedded-none", |_| NoVerify, |_| true)
}
