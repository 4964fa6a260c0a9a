//! The shape of the code: layers of the core, what it never mentions, how long things are.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use muxfer_tests::source::{self, Source};

/// The modules of the core, lowest layer first. A module imports from lower layers only, never
/// from its own: the exceptions are [`BESIDE`].
const LAYERS: &[&[&str]] = &[
    &["features"],
    &["time", "net", "error", "machine"],
    &["store", "wire"],
    &["easy"],
    &["platform", "http"],
    // They never import each other: they meet through ids, in `multi`.
    &["origin", "conn", "transfer"],
    &["multi"],
    &["lib"],
];

/// Imports within a layer: an error is made of other plain values.
const BESIDE: &[(&str, &str)] = &[("error", "net"), ("error", "time")];

/// Where the names live that `lib.rs` defines itself, for the purpose of the layers: they are made
/// of ids and of readiness.
const DEFINED_IN_LIB: &[(&str, &str)] = &[("Event", "store")];

/// What the core does without, as a word and what stands right behind it. Comments, strings and tests
/// don't count.
const NEVER: &[(&str, &str)] = &[
    ("std", "::"),
    ("alloc", "::"),
    ("extern", " crate"),
    ("unsafe", ""),
];

const MOST_LINES_OF_A_FILE: usize = 600;
const MOST_LINES_OF_A_FUNCTION: usize = 80;

#[test]
fn each_module_of_the_core_imports_from_lower_layers_only() -> io::Result<()> {
    let sources = core_sources()?;
    let lib = sources
        .iter()
        .find(|source| source.path.ends_with("core/src/lib.rs"))
        .ok_or_else(|| io::Error::other("core/src/lib.rs is missing"))?;
    let homes = reexports(&lib.code);
    let mut faults = Vec::new();
    for source in &sources {
        let module = module_of(&source.path);
        for (place, name) in imports(source) {
            let home = home_of(&name, &homes);
            if !allowed(&module, &home) {
                let line = source.line(place);
                let path = source.path.display();
                faults.push(format!(
                    "{path}:{line}: {module} may not import {home} ({name})"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn the_core_never_mentions_std_alloc_or_unsafe() -> io::Result<()> {
    let mut faults = Vec::new();
    for source in core_sources()? {
        for (word, behind) in NEVER {
            for place in source.places(word) {
                if source.code[place + word.len()..].starts_with(behind) {
                    let (path, line) = (source.path.display(), source.line(place));
                    faults.push(format!("{path}:{line}: {word}{behind}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn files_can_be_read_in_one_sitting_and_functions_fit_on_a_screen() -> io::Result<()> {
    let mut faults = Vec::new();
    let folders = [
        "core/src",
        "platform-linux/src",
        "platform-embedded/src",
        "platform-embedded/firmware/board/src",
        "platform-embedded/firmware/apps/src",
        "tests/src",
        "tests/bench/src",
        "tests/bench/providers/src",
    ];
    for folder in folders {
        for source in source::read_all(folder)? {
            let path = source.path.display();
            if source.lines > MOST_LINES_OF_A_FILE {
                faults.push(format!("{path}: {} lines", source.lines));
            }
            let long = source.functions().into_iter();
            for function in long.filter(|function| function.lines > MOST_LINES_OF_A_FUNCTION) {
                let (line, name, lines) = (function.line, function.name, function.lines);
                faults.push(format!("{path}:{line}: fn {name} has {lines} lines"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn platforms_know_nothing_of_http() -> io::Result<()> {
    let mut faults = Vec::new();
    for folder in ["platform-linux/src", "platform-embedded/src"] {
        for source in source::read_all(folder)? {
            // The program may speak HTTP of its own, such as the server of its demo.
            if source.path.starts_with("platform-linux/src/bin") {
                continue;
            }
            for word in ["HTTP/1", "\\r\\n", "Content-Length", "Transfer-Encoding"] {
                if source.with_strings.contains(word) {
                    faults.push(format!("{}: {word}", source.path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn the_rules_of_the_layers_are_what_they_seem() {
    assert!(allowed("transfer", "http"));
    assert!(allowed("transfer", "transfer"));
    assert!(!allowed("transfer", "conn"));
    assert!(!allowed("store", "wire"));
    assert!(!allowed("wire", "multi"));
    assert!(allowed("error", "net"));
    assert!(!allowed("net", "error"));
    assert!(!allowed("multi", "nowhere"));
}

#[test]
fn imports_are_found_however_they_are_written() {
    let source = Source {
        path: "core/src/conn/table.rs".into(),
        code: "use crate::{net, wire::{url, field}};\nuse super::super::http;\nuse super::state;\n\
               fn f() -> crate::Error { $crate::time::x }"
            .to_owned(),
        with_strings: String::new(),
        lines: 4,
    };
    let found: BTreeSet<String> = imports(&source).into_iter().map(|(_, name)| name).collect();
    let wanted = ["Error", "http", "net", "time", "wire"].map(str::to_owned);
    assert_eq!(found, BTreeSet::from(wanted));
    let homes =
        reexports("pub use error::Error;\npub use multi::{add::AddError, Multi};\nuse net::X;");
    assert_eq!(home_of("AddError", &homes), "multi");
    assert_eq!(home_of("Multi", &homes), "multi");
    assert_eq!(home_of("X", &homes), "X");
    assert_eq!(home_of("Event", &homes), "store");
}

fn core_sources() -> io::Result<Vec<Source>> {
    let sources = source::read_all("core/src")?;
    assert!(!sources.is_empty(), "core/src is missing");
    Ok(sources)
}

/// The module at the top of the core that a file belongs to.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix("core/src").unwrap_or(path);
    let first = inside.components().next();
    let first = first.map(|component| component.as_os_str().to_string_lossy());
    let first = first.unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn allowed(module: &str, home: &str) -> bool {
    if module == home || BESIDE.contains(&(module, home)) {
        return true;
    }
    match (layer(module), layer(home)) {
        (Some(own), Some(other)) => other < own,
        (Some(_) | None, _) => false,
    }
}

/// The names behind `crate::` and behind a chain of `super::` that leads to the root, with their
/// places; each name of a group.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let code = &source.code;
    let mut found = Vec::new();
    for place in source.places("crate") {
        if let Some(path) = code[place + "crate".len()..].strip_prefix("::") {
            found.extend(first_names(path).into_iter().map(|name| (place, name)));
        }
    }
    let depth = depth_of(&source.path);
    let chain = "super::".repeat(depth);
    if depth > 0 {
        for (place, _) in code.match_indices(&chain) {
            let path = &code[place + chain.len()..];
            let names = first_names(path).into_iter();
            // In a longer chain this is not its end; a chain that climbs over the root can't be.
            found.extend(
                names
                    .filter(|name| name != "super")
                    .map(|name| (place, name)),
            );
        }
    }
    found
}

/// How many `super` lead from a file's module to the root.
fn depth_of(path: &Path) -> usize {
    let inside = path.strip_prefix("core/src").unwrap_or(path);
    let folders = inside.components().count() - 1;
    let own = !(inside.ends_with("mod.rs") || inside == Path::new("lib.rs"));
    folders + usize::from(own)
}

/// The first name of a path, or of each path in a group: `a::b` and `{a::b, c}`.
fn first_names(path: &str) -> Vec<String> {
    let group = path
        .starts_with('{')
        .then(|| source::closing(path, 0))
        .flatten();
    let Some(end) = group else {
        let first = source::words(path).next();
        return first.map(|(_, name)| name.to_owned()).into_iter().collect();
    };
    split(&path[1..end])
        .into_iter()
        .flat_map(|part| first_names(part.trim_start()))
        .collect()
}

/// The parts between the commas that stand outside of braces.
fn split(group: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (place, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&group[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    parts
}

/// The names that `lib.rs` exports again, each with the module it comes from.
fn reexports(lib: &str) -> Vec<(String, String)> {
    let mut homes = Vec::new();
    for (place, found) in lib.match_indices("pub use ") {
        let path = &lib[place + found.len()..];
        let path = &path[..path.find(';').unwrap_or(path.len())];
        let mut words = source::words(path).map(|(_, word)| word);
        let Some(home) = words.next() else { continue };
        homes.extend(words.map(|name| (name.to_owned(), home.to_owned())));
    }
    homes
}

/// The module that a name behind `crate::` belongs to: itself, if it is one.
fn home_of(name: &str, homes: &[(String, String)]) -> String {
    let defined = DEFINED_IN_LIB.iter().find(|(defined, _)| *defined == name);
    if let Some((_, home)) = defined {
        return (*home).to_owned();
    }
    let home = homes.iter().find(|(exported, _)| exported == name);
    home.map_or_else(|| name.to_owned(), |(_, home)| home.clone())
}
