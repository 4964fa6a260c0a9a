//! The planted bugs of `tests/mutants` fit the code, and each has been caught.

use std::collections::BTreeSet;
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
        let inside = ["core/src", "platform-linux/src", "platform-embedded/src"];
        let files = mutant.files.iter();
        let outside = files.filter(|file| !inside.iter().any(|folder| file.starts_with(folder)));
        faults.extend(outside.map(|file| format!("{}: {}", mutant.name, file.display())));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn every_mutant_was_caught_by_tests_that_exist() -> io::Result<()> {
    let caught = mutants::caught()?;
    let names: BTreeSet<_> = mutants::all()?.into_iter().map(|m| m.name).collect();
    let listed: BTreeSet<_> = caught.keys().cloned().collect();
    assert_eq!(names, listed, "run: cargo xtask mutants --keep");
    let mut functions = BTreeSet::new();
    for folder in ["core", "platform-linux", "platform-embedded", "tests"] {
        functions.extend(test_names(folder)?);
    }
    for (mutant, tests) in &caught {
        assert!(!tests.is_empty(), "nobody has caught {mutant}");
        for test in tests {
            let name = test.rsplit("::").next().unwrap_or(test);
            // A program that hangs is named without a test: `rules_watch::(hangs)`.
            let is_there = test == "swarm" || name.starts_with('(') || functions.contains(name);
            assert!(is_there, "{mutant} was caught by {test}, which is gone");
        }
    }
    Ok(())
}

/// The names of all functions below a folder, test modules included.
fn test_names(folder: &str) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for source in source::read_all(folder)? {
        let text = std::fs::read_to_string(source::root().join(&source.path))?;
        let functions = text.split("fn ").skip(1);
        names.extend(functions.filter_map(|rest| Some(rest.split_once('(')?.0.to_owned())));
    }
    Ok(names)
}
