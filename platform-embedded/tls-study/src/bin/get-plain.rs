//! A GET with the engine, plain: what `get-secured` is compared with.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

#[muxfer_board::entry]
fn main() -> ! {
    muxfer_tls_study::get::run("get-plain", None)
}
