//! The committed cases of the fuzz targets, on stable Rust. Fuzzing itself is `cargo xtask fuzz`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use muxfer_tests::fuzz::{TARGETS, Target};
use muxfer_tests::source;

const MOST_CASES: usize = 400;
const MOST_BYTES: u64 = 300 * 1024;

#[test]
fn every_committed_case_of_every_target_passes() -> io::Result<()> {
    let mut faults = Vec::new();
    for target in TARGETS {
        let corpus = files(&folder("corpus").join(target.name))?;
        if corpus.is_empty() {
            faults.push(format!("{} has no corpus", target.name));
        }
        for case in corpus.iter().chain(&regressions(target)?) {
            faults.extend(fault(target, case, &fs::read(case)?));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn targets_and_folders_and_the_manifest_name_the_same() -> io::Result<()> {
    let table: BTreeSet<String> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    assert_eq!(table.len(), TARGETS.len(), "a name stands twice");
    let manifest = fs::read_to_string(folder("Cargo.toml"))?;
    let binaries = manifest.split("[[bin]]").skip(1).filter_map(|text| {
        let name = text.lines().find_map(|line| line.strip_prefix("name = "))?;
        Some(name.trim_matches('"').to_owned())
    });
    assert_eq!(binaries.collect::<BTreeSet<_>>(), table, "in Cargo.toml");
    assert_eq!(names("fuzz_targets", ".rs")?, table, "in fuzz_targets");
    assert_eq!(names("corpus", "")?, table, "in corpus");
    for (place, ending) in [("regressions", ""), ("dictionaries", ".dict")] {
        let found = names(place, ending)?;
        assert!(found.is_subset(&table), "in {place}: {found:?}");
    }
    for target in TARGETS {
        let path = folder("fuzz_targets")
            .join(target.name)
            .with_extension("rs");
        let call = format!("muxfer_tests::fuzz::{}(bytes)", target.name);
        assert!(fs::read_to_string(&path)?.contains(&call), "{path:?}");
    }
    Ok(())
}

#[test]
fn a_corpus_is_small_and_its_cases_are_as_long_as_the_fuzzer_makes_them() -> io::Result<()> {
    for target in TARGETS {
        let cases = files(&folder("corpus").join(target.name))?;
        assert!(
            cases.len() <= MOST_CASES,
            "{}: {}",
            target.name,
            cases.len()
        );
        let mut sum = 0;
        for case in cases {
            let length = case.metadata()?.len();
            assert!(length <= target.max_len as u64, "{case:?}: {length} bytes");
            sum += length;
        }
        assert!(sum <= MOST_BYTES, "{}: {sum} bytes", target.name);
    }
    Ok(())
}

/// What the target has to say to this case, if it does not pass.
fn fault(target: &Target, case: &Path, bytes: &[u8]) -> Option<String> {
    // The body keeps nothing over calls that a panic could leave broken.
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    let panic = outcome.err()?;
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    let why = text.unwrap_or("a panic without a text");
    Some(format!("{}: {why}", case.display()))
}

fn folder(name: &str) -> PathBuf {
    source::root().join("tests/fuzz").join(name)
}

/// Nothing is committed there as long as nothing was found.
fn regressions(target: &Target) -> io::Result<Vec<PathBuf>> {
    let folder = folder("regressions").join(target.name);
    if folder.exists() {
        files(&folder)
    } else {
        Ok(Vec::new())
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries: io::Result<Vec<_>> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let mut files = entries?;
    files.sort();
    Ok(files)
}

/// What lies in a folder, without this ending; something that has another is left as it is.
fn names(place: &str, ending: &str) -> io::Result<BTreeSet<String>> {
    let folder = folder(place);
    if !folder.exists() {
        return Ok(BTreeSet::new());
    }
    let names = files(&folder)?.into_iter().filter_map(|path| {
        let name = path.file_name()?.to_str()?;
        Some(name.strip_suffix(ending).unwrap_or(name).to_owned())
    });
    Ok(names.collect())
}
