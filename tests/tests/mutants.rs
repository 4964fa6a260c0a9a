//! The planted bugs of `tests/mutants` fit the code.

use std::io;

use muxfer_tests::mutants;
use muxfer_tests::source;

#[test]
fn every_mutant_still_applies_and_says_what_it_breaks() -> io::Result<()> {
    let all = mutants::all()?;
    assert!(all.len() >= 15, "only {} mutants", all.len());
    let mut faults = Vec::new();
    for mutant in &all {
        if let Err(error) = mutants::apply(mutant, &source::root(), true) {
            faults.push(error.to_string());
        }
        let inside = ["core/src", "platform-linux/src"];
        let files = mutant.files.iter();
        let outside = files.filter(|file| !inside.iter().any(|folder| file.starts_with(folder)));
        faults.extend(outside.map(|file| format!("{}: {}", mutant.name, file.display())));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}
