//! Planted bugs, and what catches them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use muxfer_tests::mutants::{self, Caught, Mutant};
use muxfer_tests::source;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::shell::{self, Fault};

/// How long a program may take to build, and to run.
const BUILD: Duration = Duration::from_secs(600);
const RUN: Duration = Duration::from_secs(90);

/// What is asked of `cargo xtask mutants`.
#[derive(clap::Args)]
pub(crate) struct Wanted {
    /// Only these; all if none is named
    names: Vec<String>,
    /// Go on after the first program that catches a mutant
    #[arg(long, conflicts_with = "swarm_only")]
    all: bool,
    /// Let only the swarm look
    #[arg(long)]
    swarm_only: bool,
    /// Write down who caught whom, in tests/mutants/CAUGHT.txt
    #[arg(long, conflicts_with = "swarm_only")]
    keep: bool,
    /// How many seeds the swarm runs
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
}

/// Plants each mutant in a copy of the tree, and lets the tests and the swarm look at it.
pub(crate) fn run(wanted: &Wanted) -> Result<(), Fault> {
    let begun = Instant::now();
    let mutants = chosen(&wanted.names)?;
    let trial = Trial::new(wanted).map_err(fault)?;
    trial.baseline()?;
    let mut caught = mutants::caught().map_err(fault)?;
    let mut survivors = Vec::new();
    for mutant in &mutants {
        let known = caught.get(&mutant.name).cloned().unwrap_or_default();
        let found = trial.plant(mutant, &known)?;
        println!("{:<32} {}", mutant.name, mutant.bug);
        println!("{:<32} caught by {}", "", shown(&found));
        if found.is_empty() {
            survivors.push(mutant.name.as_str());
        }
        caught.insert(mutant.name.clone(), found);
    }
    if wanted.keep {
        keep(caught)?;
    }
    let (count, seconds) = (mutants.len(), begun.elapsed().as_secs());
    println!(
        "{} of {count} mutants caught in {seconds} s",
        count - survivors.len()
    );
    if survivors.is_empty() {
        Ok(())
    } else {
        Err(Fault(format!("not caught: {}", survivors.join(" "))))
    }
}

fn fault(error: io::Error) -> Fault {
    Fault(error.to_string())
}

fn chosen(names: &[String]) -> Result<Vec<Mutant>, Fault> {
    let mut mutants = mutants::all().map_err(fault)?;
    for name in names {
        if mutants.iter().all(|mutant| mutant.name != *name) {
            return Err(Fault(format!(
                "there is no {}/{name}.patch",
                mutants::FOLDER
            )));
        }
    }
    mutants.retain(|mutant| names.is_empty() || names.contains(&mutant.name));
    Ok(mutants)
}

/// Only mutants that still exist, and that something has caught.
fn keep(mut caught: Caught) -> Result<(), Fault> {
    let names: BTreeSet<String> = mutants::all()
        .map_err(fault)?
        .into_iter()
        .map(|mutant| mutant.name)
        .collect();
    caught.retain(|name, tests| names.contains(name) && !tests.is_empty());
    // The seed of the swarm is no property of the mutant.
    for tests in caught.values_mut() {
        for test in tests.iter_mut().filter(|test| test.starts_with("swarm")) {
            "swarm".clone_into(test);
        }
    }
    mutants::keep_caught(&caught).map_err(fault)
}

/// The first few tests and how many there are, then the swarm with its seed.
fn shown(found: &[String]) -> String {
    const MOST: usize = 3;
    let (swarm, tests): (Vec<_>, Vec<_>) = found.iter().partition(|one| one.starts_with("swarm"));
    let mut words: Vec<_> = tests
        .iter()
        .take(MOST)
        .map(|test| (**test).clone())
        .collect();
    if tests.len() > MOST {
        words.push(format!("{} more", tests.len() - MOST));
    }
    words.extend(swarm.into_iter().cloned());
    if words.is_empty() {
        words.push("NOBODY".to_owned());
    }
    words.join(", ")
}

/// One program of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    package: &'static str,
    /// `None`: the unit tests of the library.
    name: Option<String>,
}

impl Program {
    fn label(&self) -> String {
        match (&self.name, self.package) {
            (None, package) => package.to_owned(),
            (Some(name), "muxfer-tests") => name.clone(),
            (Some(name), package) => format!("{package}/{name}"),
        }
    }

    fn arguments(&self) -> Vec<String> {
        let target = match &self.name {
            None => vec!["--lib".to_owned()],
            Some(name) => vec!["--test".to_owned(), name.clone()],
        };
        let start = ["test", "-p", self.package].map(str::to_owned);
        start.into_iter().chain(target).collect()
    }
}

/// Programs that look at files and not at what the engine does, that need other programs, or that
/// take long. The swarm is asked apart from them.
const NO_JUDGES: &[&str] = &[
    "contract_table",
    "dependencies",
    "differential",
    "hiperfifo",
    "hostile_thousands",
    "layering",
    "mutants",
    "nginx",
    "proxy",
    "proxy_descriptors",
    "soak",
    "swarm",
    "torture_program",
];

/// All programs that may catch a mutant, quick and telling ones first.
fn programs() -> io::Result<Vec<Program>> {
    let named = |package, name: &str| Program {
        package,
        name: Some(name.to_owned()),
    };
    let lib = |package| Program {
        package,
        name: None,
    };
    let mut tests = programs_in("tests/tests")?;
    tests.retain(|name| !NO_JUDGES.contains(&name.as_str()));
    tests.sort_by_key(|name| match name {
        name if name.starts_with("rules_") => 0,
        name if name.starts_with("identity") || name == "laws" => 1,
        _ => 2,
    });
    let linux = programs_in("platform-linux/tests")?;
    let linux = linux
        .iter()
        .filter(|name| !NO_JUDGES.contains(&name.as_str()) && !name.starts_with("program_"));
    Ok([lib("muxfer-core")]
        .into_iter()
        .chain(tests.iter().map(|name| named("muxfer-tests", name)))
        .chain([lib("muxfer-embedded"), lib("muxfer-linux")])
        .chain(linux.map(|name| named("muxfer-linux", name)))
        .collect())
}

fn programs_in(folder: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(source::root().join(folder))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

/// How a program ended.
enum End {
    Well,
    Badly,
    /// It was still running when its time was over.
    Hung,
}

/// A copy of the tree, and who looks at it.
struct Trial<'a> {
    wanted: &'a Wanted,
    tree: PathBuf,
    build: PathBuf,
    log: PathBuf,
    programs: Vec<Program>,
    swarm: bool,
}

impl<'a> Trial<'a> {
    fn new(wanted: &'a Wanted) -> io::Result<Self> {
        let folder = mutants::build_folder();
        let tree = folder.join("tree");
        fs::create_dir_all(&tree)?;
        mutants::copy_tree(&tree)?;
        let bins = source::root().join("tests/src/bin");
        let programs = if wanted.swarm_only {
            Vec::new()
        } else {
            programs()?
        };
        Ok(Self {
            wanted,
            build: folder.join("build"),
            log: folder.join("log"),
            tree,
            programs,
            swarm: bins.join("swarm.rs").exists() || bins.join("swarm").exists(),
        })
    }

    /// Without a mutant nobody may complain: otherwise what they say later means nothing.
    fn baseline(&self) -> Result<(), Fault> {
        let mut found = Vec::new();
        for program in &self.programs {
            found.extend(self.judge(program)?);
        }
        found.extend(self.ask_swarm()?);
        if self.programs.is_empty() && !self.swarm {
            return Err(Fault("there is no swarm to ask".to_owned()));
        }
        match found.first() {
            None => Ok(()),
            Some(_) => Err(Fault(format!(
                "without any mutant these fail: {}",
                found.join(" ")
            ))),
        }
    }

    /// Who catches this mutant. Those who are `known` to have caught it before are asked first.
    fn plant(&self, mutant: &Mutant, known: &[String]) -> Result<Vec<String>, Fault> {
        mutants::apply(mutant, &self.tree, false).map_err(fault)?;
        // The swarm runs in the simulator: it never sees the platform.
        let of_core = mutant.files.iter().any(|file| file.starts_with("core"));
        let found = self.look(known, of_core);
        for file in &mutant.files {
            if fs::read(self.tree.join(file)).ok() == fs::read(source::root().join(file)).ok() {
                return Err(Fault(format!("{} changes nothing", mutant.name)));
            }
            mutants::copy_file(file, &self.tree).map_err(fault)?;
        }
        found.map_err(|Fault(why)| Fault(format!("{}: {why}", mutant.name)))
    }

    fn look(&self, known: &[String], with_swarm: bool) -> Result<Vec<String>, Fault> {
        let is_known = |program: &Program| {
            let label = program.label();
            let mut programs = known.iter().filter_map(|test| test.split_once("::"));
            programs.any(|(known, _)| known == label)
        };
        let (first, then): (Vec<_>, Vec<_>) = self.programs.iter().partition(|p| is_known(p));
        let mut found = Vec::new();
        for program in first.into_iter().chain(then) {
            found.extend(self.judge(program)?);
            if !found.is_empty() && !self.wanted.all {
                break;
            }
        }
        if with_swarm {
            found.extend(self.ask_swarm()?);
        }
        Ok(found)
    }

    /// The tests of a program that fail.
    fn judge(&self, program: &Program) -> Result<Vec<String>, Fault> {
        let label = program.label();
        let mut arguments = program.arguments();
        arguments.push("--no-run".to_owned());
        self.build(&arguments)?;
        arguments.pop();
        arguments.push("--no-fail-fast".to_owned());
        let (end, text) = self.cargo(&arguments, RUN).map_err(fault)?;
        let mut failed: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
            .map(|test| format!("{label}::{test}"))
            .collect();
        match end {
            End::Well => {}
            End::Hung => failed.push(format!("{label}::(hangs)")),
            End::Badly if failed.is_empty() => failed.push(format!("{label}::(it aborts)")),
            End::Badly => {}
        }
        Ok(failed)
    }

    /// What the swarm says, with its seed.
    fn ask_swarm(&self) -> Result<Option<String>, Fault> {
        if !self.swarm {
            return Ok(None);
        }
        let swarm = [
            "--profile",
            "checked",
            "-p",
            "muxfer-tests",
            "--bin",
            "swarm",
        ];
        let arguments = |start: &str, end: &[&str]| -> Vec<String> {
            let words = [start].into_iter().chain(swarm).chain(end.iter().copied());
            words.map(str::to_owned).collect()
        };
        self.build(&arguments("build", &[]))?;
        let seeds = self.wanted.seeds.to_string();
        let run = arguments("run", &["--", "--seeds", &seeds]);
        let (end, text) = self.cargo(&run, RUN).map_err(fault)?;
        Ok(match end {
            End::Well => None,
            End::Hung => Some("swarm (hangs)".to_owned()),
            End::Badly => Some(match seed_in(&text) {
                Some(seed) => format!("swarm (seed {seed})"),
                None => "swarm".to_owned(),
            }),
        })
    }

    /// A mutant must build: a compiler catches other bugs than tests do.
    fn build(&self, arguments: &[String]) -> Result<(), Fault> {
        match self.cargo(arguments, BUILD).map_err(fault)? {
            (End::Well, _) => Ok(()),
            (End::Badly | End::Hung, text) => {
                let error = text.lines().find(|line| line.starts_with("error"));
                Err(Fault(format!("it does not build: {}", error.unwrap_or(""))))
            }
        }
    }

    /// Runs cargo in the copy, with all that it says in a file.
    fn cargo(&self, arguments: &[String], limit: Duration) -> io::Result<(End, String)> {
        let log = File::create(&self.log)?;
        let mut cargo = shell::cargo(arguments);
        cargo
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.build)
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            // Builds nearly as fast as without, and runs the swarm ten times as fast.
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let end = wait(cargo, limit)?;
        Ok((end, read_lossy(&self.log)?))
    }
}

fn read_lossy(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// Runs a program in a group of its own, which ends with it, or when its time is over.
fn wait(mut command: Command, limit: Duration) -> io::Result<End> {
    let mut child = command.process_group(0).spawn()?;
    let group = Pid::from_child(&child);
    let (ended, end) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let status = child.wait();
        let _ = ended.send(());
        status
    });
    let hung = end.recv_timeout(limit).is_err();
    if hung {
        // Whatever it started goes with it; if it has just ended there is nobody to hear.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let status = waiter
        .join()
        .map_err(|_| io::Error::other("a thread panicked"))??;
    Ok(match (hung, status.success()) {
        (true, _) => End::Hung,
        (false, true) => End::Well,
        (false, false) => End::Badly,
    })
}

/// The number behind the word, in the first line that has one.
fn seed_in(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let rest = line.split_once("seed ")?.1;
        let end = rest.find(|letter: char| !letter.is_ascii_digit());
        Some(&rest[..end.unwrap_or(rest.len())]).filter(|digits| !digits.is_empty())
    })
}
