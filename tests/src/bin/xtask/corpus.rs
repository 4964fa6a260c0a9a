//! The verdicts on the corpus of responses.

use muxfer_tests::corpus::verdicts;

use crate::shell::Fault;

/// Brings tests/corpus/verdicts.txt up to date and prints what has changed.
pub(crate) fn run() -> Result<(), Fault> {
    let changed = verdicts::update().map_err(|error| Fault(error.to_string()))?;
    for line in &changed {
        println!("{line}");
    }
    println!("{} lines are new", changed.len());
    Ok(())
}
