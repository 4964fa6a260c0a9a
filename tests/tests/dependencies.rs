//! What the core may depend on, and the licences of the workspace.

use std::collections::BTreeSet;
use std::io;
use std::process::Command;

use muxfer_tests::source;

/// All that may be linked into firmware with the core. Each works without an allocator.
const ALLOWED: &[&str] = &[
    "ascii",
    "byteorder",
    "hash32",
    "heapless",
    "memchr",
    "muxfer-core",
    "siphasher",
    "stable_deref_trait",
];

const LICENCE: &str = "MIT OR Apache-2.0";

#[test]
fn the_core_depends_on_nothing_but_the_crates_of_the_list() -> io::Result<()> {
    let tree = cargo(&[
        "tree",
        "-p",
        "muxfer-core",
        "--no-default-features",
        "--features",
        "small",
        "-e",
        "normal",
        "--prefix",
        "none",
    ])?;
    let found: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(found.contains("muxfer-core"), "{tree}");
    let surplus: Vec<_> = found
        .iter()
        .filter(|name| !ALLOWED.contains(name))
        .collect();
    assert!(surplus.is_empty(), "not in the list: {surplus:?}\n{tree}");
    Ok(())
}

#[test]
fn every_crate_of_the_workspace_has_both_licences() -> io::Result<()> {
    let tree = cargo(&[
        "tree",
        "--workspace",
        "--depth",
        "0",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ])?;
    let mut count = 0;
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let licence = line.rsplit('|').next();
        assert_eq!(licence, Some(LICENCE), "{line}");
        count += 1;
    }
    assert_eq!(count, 4, "{tree}");
    for text in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(source::root().join(text).is_file(), "{text} is missing");
    }
    Ok(())
}

/// What cargo prints, called in the root.
fn cargo(arguments: &[&str]) -> io::Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(source::root())
        .output()?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(io::Error::other)
    } else {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(why))
    }
}
