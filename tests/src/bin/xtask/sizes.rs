//! What the engine's types take.

use crate::shell::Fault;

/// Prints the table; a type that takes more than was promised is a fault.
pub(crate) fn run() -> Result<(), Fault> {
    let table = muxfer_tests::sizes::table();
    println!("{:<28} {:>6} {:>9}", "of", "bytes", "promised");
    for row in table {
        println!("{:<28} {:>6} {:>9}", row.what, row.bytes, row.promised);
    }
    match table.iter().find(|row| row.bytes > row.promised) {
        None => Ok(()),
        Some(row) => Err(Fault(format!(
            "{} takes {} bytes, but {} were promised (tests/src/sizes.rs)",
            row.what, row.bytes, row.promised
        ))),
    }
}
