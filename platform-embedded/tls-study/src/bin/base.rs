//! The stream without TLS: what the images over embedded-tls are compared with.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use embedded_io::{Read, Write};
use muxfer_firmware::Node;
use muxfer_tls_study::REQUEST;
use muxfer_tls_study::line::Line;

#[muxfer_board::entry]
fn main() -> ! {
    let Some(mut line) = Line::connect(Node::start()) else {
        muxfer_board::exit(2)
    };
    let mut bytes = 0;
    let mut room = [0; 256];
    if line.write_all(REQUEST).is_ok() {
        while let Ok(n @ 1..) = line.read(&mut room) {
            bytes += n;
        }
    }
    line.end("base", 0, bytes)
}
