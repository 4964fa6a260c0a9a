//! Lines for people. A closed standard error is no reason to stop a download, so nothing here can
//! fail.

use std::io::{Write, stderr};

/// A line on standard error, written as one piece. Servers and lists of URLs have a say in what is
/// in it; control characters would have one in what the terminal does, so they are replaced.
pub(crate) fn error_line(line: &str) {
    let mut line = line.replace(
        |letter: char| letter.is_control() && letter != '\t',
        "\u{fffd}",
    );
    line.push('\n');
    let _ = stderr().lock().write_all(line.as_bytes());
}
