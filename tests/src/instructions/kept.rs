//! The counts that are kept, and how far new ones may be from them.

use std::collections::BTreeSet;
use std::fmt;

use super::Case;

/// Where the counts are kept, from the root of the workspace.
pub const FILE: &str = "tests/instructions.txt";

/// What the file begins with.
const PREFACE: &str = "\
# Instructions of the engine's own paths: how many one time takes.
# Written by `cargo xtask instructions --keep`; `cargo xtask test` fails where one has risen.
";

/// By how much a count may rise on the machine and with the compiler that it was kept with.
const SAME: f64 = 0.03;
/// The same elsewhere: another compiler makes other code of the same source.
const OTHER: f64 = 0.15;

/// One count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What was done.
    pub path: String,
    /// With how much at once.
    pub case: Case,
    /// How many instructions it takes to do it once.
    pub instructions: u32,
}

/// What counts depend on besides the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What `rustc -V` says.
    pub rustc: String,
    /// What code is made for.
    pub target: String,
    /// Which of its copies and searches the C library has chosen.
    pub strings: BTreeSet<String>,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it was made.
    pub machine: Machine,
    /// What was counted.
    pub lines: Vec<Line>,
}

/// How far a count may be above the one that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// As a part of it.
    pub rise: f64,
    /// Why it is so wide; empty if it is the narrow one.
    pub why: String,
}

impl Kept {
    /// Reads the file.
    ///
    /// # Errors
    /// The line that can't be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut kept = Self {
            machine: Machine {
                rustc: String::new(),
                target: String::new(),
                strings: BTreeSet::new(),
            },
            lines: Vec::new(),
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match line.split_once(' ') {
                Some(("compiler", rustc)) => rustc.clone_into(&mut kept.machine.rustc),
                Some(("target", target)) => target.clone_into(&mut kept.machine.target),
                Some(("strings", names)) => {
                    kept.machine.strings = names.split(' ').map(str::to_owned).collect();
                }
                Some(_) | None => {
                    let count = Line::parse(line).ok_or_else(|| line.to_owned())?;
                    kept.lines.push(count);
                }
            }
        }
        Ok(kept)
    }

    /// How far counts of that machine may be above these.
    #[must_use]
    pub fn limit(&self, machine: &Machine) -> Limit {
        let Machine {
            rustc,
            target,
            strings,
        } = &self.machine;
        let differences = [
            (rustc != &machine.rustc, "another compiler"),
            (target != &machine.target, "another target"),
            (strings != &machine.strings, "other copies in the C library"),
        ];
        let reasons = differences.iter().filter(|(differs, _)| *differs);
        let why = reasons.map(|(_, why)| *why).collect::<Vec<_>>().join(", ");
        let rise = if why.is_empty() { SAME } else { OTHER };
        Limit { rise, why }
    }

    /// What is wrong with these counts: one that has risen too far, one that is not kept, one that
    /// is kept but was not counted.
    #[must_use]
    pub fn faults(&self, lines: &[Line], limit: &Limit) -> Vec<String> {
        let mut faults = Vec::new();
        for line in lines {
            match self.find(line) {
                None => faults.push(format!("{} is not kept", line.what())),
                Some(kept) if line.rise_over(kept) > limit.rise => faults.push(format!(
                    "{}: {} instructions, {:+.1} % over the {} that are kept",
                    line.what(),
                    line.instructions,
                    100.0 * line.rise_over(kept),
                    kept.instructions,
                )),
                Some(_) => {}
            }
        }
        for kept in &self.lines {
            if !lines.iter().any(|line| line.is_same(kept)) {
                faults.push(format!("{} is kept but was not counted", kept.what()));
            }
        }
        faults
    }

    /// The count that is kept of the same path and case.
    #[must_use]
    pub fn find(&self, line: &Line) -> Option<&Line> {
        self.lines.iter().find(|kept| kept.is_same(line))
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            rustc,
            target,
            strings,
        } = &self.machine;
        let strings: Vec<_> = strings.iter().map(String::as_str).collect();
        f.write_str(PREFACE)?;
        writeln!(f, "compiler {rustc}\ntarget {target}")?;
        writeln!(f, "strings {}", strings.join(" "))?;
        writeln!(f, "# path connections origins instructions")?;
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let path = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        let (connections, origins, instructions) = (number()?, number()?, number()?);
        words.next().is_none().then_some(Self {
            path,
            case: Case {
                connections,
                origins,
            },
            instructions,
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.path == other.path && self.case == other.case
    }

    /// By which part of `other` it lies above it; negative if below.
    #[must_use]
    pub fn rise_over(&self, other: &Self) -> f64 {
        f64::from(self.instructions) / f64::from(other.instructions.max(1)) - 1.0
    }

    fn what(&self) -> String {
        let Case {
            connections,
            origins,
        } = self.case;
        format!(
            "{} at {connections} connections to {origins} origins",
            self.path
        )
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case {
            connections,
            origins,
        } = self.case;
        let (path, instructions) = (&self.path, self.instructions);
        write!(f, "{path} {connections} {origins} {instructions}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(instructions: u32) -> Kept {
        Kept {
            machine: Machine {
                rustc: "rustc 1.88.0".to_owned(),
                target: "x86_64-unknown-linux-gnu".to_owned(),
                strings: BTreeSet::from(["__memcmp_sse2".to_owned()]),
            },
            lines: vec![Line {
                path: "add".to_owned(),
                case: super::super::CASES[0],
                instructions,
            }],
        }
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        let kept = kept(1000);
        assert_eq!(Kept::parse(&kept.to_string()), Ok(kept));
        assert_eq!(Kept::parse("add 10 1"), Err("add 10 1".to_owned()));
    }

    #[test]
    fn a_rise_above_the_limit_is_a_fault_and_a_fall_is_none() {
        let old = kept(1000);
        let limit = old.limit(&old.machine);
        for (count, faults) in [(500, 0), (1030, 0), (1031, 1)] {
            assert_eq!(old.faults(&kept(count).lines, &limit).len(), faults);
        }
        assert_eq!(old.faults(&[], &limit).len(), 1);
    }

    #[test]
    fn another_compiler_has_a_wider_limit_that_is_still_one() {
        let old = kept(1000);
        let mut machine = old.machine.clone();
        machine.rustc = "rustc 1.99.0".to_owned();
        let limit = old.limit(&machine);
        assert_eq!(limit.why, "another compiler");
        assert!(old.faults(&kept(1150).lines, &limit).is_empty());
        assert_eq!(old.faults(&kept(1151).lines, &limit).len(), 1);
    }
}
