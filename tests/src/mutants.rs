//! Mutants: planted bugs, each a patch in `tests/mutants`, and what has caught them.
//!
//! A patch begins with two lines of text, `Bug:` and `Promise:`: what is broken, and what that
//! breaks. `cargo xtask mutants` plants them one by one.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use crate::source;

/// Where the patches are, from the root of the workspace.
pub const FOLDER: &str = "tests/mutants";

/// Which tests have caught which mutant.
pub const CAUGHT: &str = "tests/mutants/CAUGHT.txt";

/// A planted bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The name of its file, without the ending.
    pub name: String,
    /// What is broken.
    pub bug: String,
    /// Which promise that breaks.
    pub promise: String,
    /// Its file.
    pub patch: PathBuf,
    /// The files that it changes, from the root of the workspace.
    pub files: Vec<PathBuf>,
}

/// All mutants, in the order of their names.
///
/// # Errors
/// A file can't be read, or lacks one of its two lines or a change.
pub fn all() -> io::Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for entry in fs::read_dir(source::root().join(FOLDER))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "patch") {
            mutants.push(read(path)?);
        }
    }
    mutants.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(mutants)
}

fn read(patch: PathBuf) -> io::Result<Mutant> {
    let text = fs::read_to_string(&patch)?;
    let malformed = |what: &str| {
        let path = patch.display();
        io::Error::new(ErrorKind::InvalidData, format!("{path} has no {what}"))
    };
    let mut lines = text.lines();
    let mut header = |name: &str| {
        let line = lines.next().and_then(|line| line.strip_prefix(name));
        line.map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .ok_or_else(|| malformed(name))
    };
    let (bug, promise) = (header("Bug:")?, header("Promise:")?);
    let files: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| line.strip_prefix("+++ b/"))
        .map(PathBuf::from)
        .collect();
    if files.is_empty() {
        return Err(malformed("change"));
    }
    let name = patch.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Mutant {
        name: name.into_owned(),
        bug,
        promise,
        files,
        patch,
    })
}

/// Applies a patch to a tree, or only tries whether it would.
///
/// # Errors
/// It does not apply, or there is no git.
pub fn apply(mutant: &Mutant, tree: &Path, only_check: bool) -> io::Result<()> {
    let tree = tree.canonicalize()?;
    let mut git = Command::new("git");
    git.arg("apply").args(only_check.then_some("--check"));
    git.arg(&mutant.patch).current_dir(&tree);
    // A copy of the tree lies inside the repository: git must not look up there, or it takes the
    // patch for one of the repository and does nothing.
    git.env("GIT_CEILING_DIRECTORIES", tree.parent().unwrap_or(&tree));
    git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
    let output = git.output().map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            io::Error::other("git is missing; run: apt-get install git")
        } else {
            error
        }
    })?;
    succeeded(&output, &mutant.name)
}

fn succeeded(output: &Output, what: &str) -> io::Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{what}: {}", why.trim())))
}

/// Copies what belongs to the workspace to another folder. Files that are right already keep their
/// times, so that little has to be built anew.
///
/// # Errors
/// Reading or writing fails.
pub fn copy_tree(to: &Path) -> io::Result<()> {
    let root = source::root();
    let files = files_of(&root)?;
    for file in &files {
        copy_file(file, to)?;
    }
    for stale in walk(to)? {
        if files.binary_search(&stale).is_err() {
            fs::remove_file(to.join(stale))?;
        }
    }
    Ok(())
}

/// Copies one file of the workspace, if it is another one there.
///
/// # Errors
/// Reading or writing fails.
pub fn copy_file(file: &Path, to: &Path) -> io::Result<()> {
    let (bytes, target) = (fs::read(source::root().join(file))?, to.join(file));
    if fs::read(&target).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::create_dir_all(target.parent().unwrap_or(to))?;
    fs::write(target, bytes)
}

/// What git would keep, sorted; without git all but build folders.
fn files_of(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = git.current_dir(root).output();
    let listed = listed.map_or_else(|_| Vec::new(), |output| output.stdout);
    let mut files: Vec<PathBuf> = String::from_utf8_lossy(&listed)
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|file| root.join(file).is_file())
        .collect();
    // An exported tree may lie in the repository of somebody else, who keeps none of it.
    if files.is_empty() {
        files = walk(root)?;
    }
    files.sort();
    Ok(files)
}

/// All files below a folder, without build folders and git's own, from that folder.
fn walk(root: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(root.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if !entry.file_type()?.is_dir() {
                files.push(path);
            } else if entry.file_name() != "target" && entry.file_name() != ".git" {
                folders.push(path);
            }
        }
    }
    Ok(files)
}

/// Who has caught whom: the tests of each mutant, as `program::test`, or `swarm`.
pub type Caught = BTreeMap<String, Vec<String>>;

/// Reads [`CAUGHT`]; empty if there is none.
///
/// # Errors
/// It can't be read.
pub fn caught() -> io::Result<Caught> {
    let text = match fs::read_to_string(source::root().join(CAUGHT)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let entries = text.lines().filter_map(|line| {
        let (name, tests) = line.split_once(": ")?;
        let tests = tests.split(' ').map(str::to_owned).collect();
        Some((name.to_owned(), tests))
    });
    Ok(entries.collect())
}

/// Writes [`CAUGHT`].
///
/// # Errors
/// It can't be written.
pub fn keep_caught(caught: &Caught) -> io::Result<()> {
    let mut text = String::new();
    for (name, tests) in caught {
        text.extend([name, ": ", &tests.join(" "), "\n"]);
    }
    fs::write(source::root().join(CAUGHT), text)
}

/// The folder of the build, where trees of mutants lie, too.
#[must_use]
pub fn build_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| source::root().join("target"), PathBuf::from)
        .join("mutants")
}
