//! The table of the rules.

use crate::shell::Fault;

/// Brings the column of tests in docs/contract.md up to date.
pub(crate) fn run() -> Result<(), Fault> {
    let bare = muxfer_tests::contract::update().map_err(|error| Fault(error.to_string()))?;
    println!(
        "{} rules want a test and have none: {}",
        bare.len(),
        bare.join(" ")
    );
    Ok(())
}
