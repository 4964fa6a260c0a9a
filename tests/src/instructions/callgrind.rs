//! Runs the program that does the work under callgrind, and reads what it has counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Case, Line};
use crate::files::Folder;

/// What to tell someone who has no valgrind.
pub const MISSING: &str = "valgrind is missing; run: apt-get install valgrind (as root)";

/// The C library chooses its copies and searches by what the processor can do. Without these they
/// are the same on every x86-64; other processors and older libraries do not know the names.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-AVX2_Usable,\
    -AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-SSE4_1,-SSE4_2,-SSSE3,-BMI2,-RTM,-MOVBE";

/// What the counted functions begin with, in the program `counted`.
const MEASURED: &str = "::measured_";

/// The valgrind of this machine.
#[must_use]
pub fn valgrind() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("valgrind"))
        .find(|file| file.is_file())
}

/// What one run has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Instructions of one time each path was taken.
    pub lines: Vec<Line>,
    /// Which of its copies and searches the C library has chosen.
    pub strings: BTreeSet<String>,
}

/// Counts what `program WORK CONNECTIONS ORIGINS` does.
///
/// # Errors
/// It can't be run, or fails: with what it said.
pub fn count(program: &Path, work: &str, case: Case) -> io::Result<Ran> {
    let folder = Folder::new("instructions")?;
    let out = folder.path().join("out");
    let valgrind = valgrind().ok_or_else(|| io::Error::other(MISSING))?;
    // Its environment lies on its stack: it is the same for everyone.
    let output = Command::new(valgrind)
        .env_clear()
        .env("GLIBC_TUNABLES", TUNABLES)
        .args(["--tool=callgrind", "--compress-strings=no"])
        .args(["--compress-pos=no"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .arg(work)
        .args([case.connections, case.origins].map(|n| n.to_string()))
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("{}: {said}", output.status)));
    }
    let times = String::from_utf8_lossy(&output.stdout).into_owned();
    let profile = String::from_utf8_lossy(&fs::read(out)?).into_owned();
    let seen = seen(&profile);
    let lines = per_time(&times, &seen, case)
        .ok_or_else(|| io::Error::other(format!("no counts for: {times}")))?;
    Ok(Ran {
        lines,
        strings: strings(&profile),
    })
}

/// Instructions of all calls of each measured function, with what it calls.
///
/// A call is three lines of the profile: `cfn=` with the name, `calls=`, and where it was made with
/// what it has cost.
fn seen(profile: &str) -> BTreeMap<&str, u64> {
    let mut seen = BTreeMap::new();
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        let path = line
            .strip_prefix("cfn=")
            .and_then(|name| name.split_once(MEASURED));
        let Some((_, path)) = path else { continue };
        let cost = lines.nth(1).and_then(|line| line.rsplit(' ').next());
        let cost: u64 = cost.and_then(|cost| cost.parse().ok()).unwrap_or(0);
        *seen.entry(path).or_default() += cost;
    }
    seen
}

/// `times` says in lines of `PATH TIMES` how often each path was taken.
fn per_time(times: &str, seen: &BTreeMap<&str, u64>, case: Case) -> Option<Vec<Line>> {
    let line = |line: &str| {
        let (path, times) = line.split_once(' ')?;
        let all = seen.get(path)?;
        let times: u64 = times.parse().ok()?;
        Some(Line {
            path: path.to_owned(),
            case,
            instructions: u32::try_from(all.checked_div(times)?).ok()?,
        })
    };
    times.lines().map(line).collect()
}

fn strings(profile: &str) -> BTreeSet<String> {
    let names = profile.lines().filter_map(|line| line.strip_prefix("cfn="));
    let chosen = names.filter(|name| name.starts_with("__mem"));
    chosen.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "fn=counted::main\n44 7\ncfn=counted::engine::measured_add\n\
        calls=2 9\n45 300\ncfn=__memcmp_sse2\ncalls=1 1\n46 5\n\
        cfn=counted::engine::measured_add\ncalls=1 9\n47 150\n";

    #[test]
    fn the_calls_of_a_function_are_added_up_and_divided() {
        let seen = seen(PROFILE);
        assert_eq!(seen, BTreeMap::from([("add", 450)]));
        let case = super::super::CASES[0];
        let lines = per_time("add 3\n", &seen, case).expect("a line");
        assert_eq!(lines[0].instructions, 150);
        assert_eq!(per_time("add 3\nremove 3\n", &seen, case), None);
        assert_eq!(
            strings(PROFILE),
            BTreeSet::from(["__memcmp_sse2".to_owned()])
        );
    }
}
