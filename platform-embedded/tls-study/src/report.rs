//! The figures, in plain text on the emulator's standard error.

use muxfer_board::stack;
use muxfer_firmware::Node;
use semihosting::io::{Write, stderr};

/// Writes `name handshake_us bytes stack`, and ends.
pub fn end(node: Node, name: &str, handshake_us: u64, bytes: usize) -> ! {
    let (used, _) = stack::peak();
    say(name, &[handshake_us, bytes as u64, used as u64]);
    node.end(u8::from(bytes == 0))
}

/// Writes a line of a name and numbers.
pub fn say(name: &str, numbers: &[u64]) {
    if let Ok(mut out) = stderr() {
        let _ = out.write_all(name.as_bytes());
        for number in numbers {
            let mut digits = [0; 20];
            let _ = out.write_all(b" ");
            let _ = out.write_all(decimal(*number, &mut digits));
        }
        let _ = out.write_all(b"\n");
    }
}

/// The digits of a number, without the machinery that formats it.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}
