//! Lines for people. A closed standard error is no reason to stop a download, so nothing here can
//! fail.

use std::io::{Write, stderr};

use log::{LevelFilter, Log, Metadata, Record};

/// What the libraries log, as the remarks of `-v`.
struct Remarks;

impl Log for Remarks {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        error_line(&format!("* {}", record.args()));
    }

    fn flush(&self) {}
}

/// Shows what is logged, if that is wanted.
pub(crate) fn log_if(wanted: bool) {
    if wanted && log::set_logger(&Remarks).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

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
