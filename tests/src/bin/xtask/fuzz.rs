//! Fuzzing: each target for so long, and its corpus made small again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use muxfer_tests::fuzz::{TARGETS, Target};
use muxfer_tests::source;

use crate::shell::{self, Fault};

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Only this one
    #[arg(long)]
    target: Option<String>,
    /// Do not run: merge what former runs have found into the committed corpus, and keep of it only
    /// what covers something new
    #[arg(long, visible_alias = "minimize")]
    minimise: bool,
}

/// Where what is read and written of a target lies.
struct Paths {
    corpus: PathBuf,
    regressions: PathBuf,
    dictionary: PathBuf,
    scratch: PathBuf,
    artifacts: PathBuf,
    log: PathBuf,
}

/// What libFuzzer says at the end of a run.
struct Row {
    executions: String,
    edges: String,
    cases: usize,
    /// What was found, new in this run.
    crashes: Vec<PathBuf>,
    /// How the run ended; none if it ended well.
    fault: Option<String>,
}

/// Runs the targets, or minimises their corpora. A crash is a fault.
pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    let wanted = |target: &&Target| {
        options
            .target
            .as_deref()
            .is_none_or(|name| name == target.name)
    };
    let targets: Vec<_> = TARGETS.iter().filter(wanted).collect();
    if targets.is_empty() {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        return Err(Fault(format!("the targets are: {}", names.join(", "))));
    }
    tools()?;
    shell::run(cargo_fuzz("build", &[]))?;
    if options.minimise {
        return targets
            .into_iter()
            .try_for_each(|target| minimise(target).map_err(broken));
    }
    println!(
        "{:<10} {:>7} {:>11} {:>6} {:>6} {:>7}",
        "target", "seconds", "executions", "edges", "corpus", "crashes"
    );
    let mut faults = Vec::new();
    for target in targets {
        let row = fuzz(target, options.seconds).map_err(broken)?;
        println!(
            "{:<10} {:>7} {:>11} {:>6} {:>6} {:>7}",
            target.name,
            options.seconds,
            row.executions,
            row.edges,
            row.cases,
            row.crashes.len()
        );
        faults.extend(describe(target, &row));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Fault(faults.join("\n")))
    }
}

fn broken(error: io::Error) -> Fault {
    Fault(error.to_string())
}

/// Nightly Rust, which only a person can choose to install, and cargo-fuzz.
fn tools() -> Result<(), Fault> {
    if !shell::succeeds(nightly(["rustc", "--version"])) {
        let run = "rustup toolchain install nightly --profile minimal";
        return Err(Fault(format!("nightly Rust is missing; run: {run}")));
    }
    let there = || shell::succeeds(nightly(["cargo", "fuzz", "--version"]));
    if there() {
        return Ok(());
    }
    println!("installing cargo-fuzz");
    let install = ["install", "cargo-fuzz", "--locked"];
    if shell::succeeds(shell::cargo(install)) && there() {
        return Ok(());
    }
    let run = "cargo install cargo-fuzz --locked";
    Err(Fault(format!("cargo-fuzz is missing; run: {run}")))
}

fn nightly<const N: usize>(call: [&str; N]) -> Command {
    let mut command = shell::command("rustup", ["run", "nightly"]);
    command.args(call);
    command
}

/// A subcommand of cargo-fuzz, with these arguments for itself.
fn cargo_fuzz(subcommand: &str, arguments: &[&str]) -> Command {
    let mut command = nightly(["cargo", "fuzz", subcommand]);
    let (folder, build) = (folder(), folder().join("target"));
    command.arg("--fuzz-dir").arg(folder);
    command.arg("--target-dir").arg(build).args(arguments);
    command
}

fn folder() -> PathBuf {
    source::root().join("tests/fuzz")
}

impl Paths {
    /// The folders are there afterwards.
    fn new(target: &Target) -> io::Result<Self> {
        let (folder, name) = (folder(), target.name);
        let paths = Self {
            corpus: folder.join("corpus").join(name),
            regressions: folder.join("regressions").join(name),
            dictionary: folder
                .join("dictionaries")
                .join(name)
                .with_extension("dict"),
            scratch: folder.join("target/corpus").join(name),
            artifacts: folder.join("artifacts").join(name),
            log: folder.join("target/logs").join(name).with_extension("log"),
        };
        let logs = folder.join("target/logs");
        for folder in [&paths.corpus, &paths.scratch, &paths.artifacts, &logs] {
            fs::create_dir_all(folder)?;
        }
        Ok(paths)
    }

    /// libFuzzer with this target; it writes to the first of the folders, and its output to the log.
    fn libfuzzer(&self, target: &Target, folders: &[&Path]) -> io::Result<Command> {
        let mut command = cargo_fuzz("run", &[target.name]);
        command.args(folders.iter().filter(|folder| folder.is_dir()));
        command.args(["--", "-timeout=10", "-rss_limit_mb=2048"]);
        command.arg(format!("-max_len={}", target.max_len));
        let log = File::create(&self.log)?;
        command.stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }
}

fn fuzz(target: &Target, seconds: u32) -> io::Result<Row> {
    let paths = Paths::new(target)?;
    let before = files(&paths.artifacts)?;
    let folders = [&paths.scratch, &paths.corpus, &paths.regressions];
    let mut command = paths.libfuzzer(target, &folders.map(PathBuf::as_path))?;
    command.arg(format!("-max_total_time={seconds}"));
    command.arg("-print_final_stats=1");
    if paths.dictionary.is_file() {
        command.arg(format!("-dict={}", paths.dictionary.display()));
    }
    let status = command.status()?;
    let log = String::from_utf8_lossy(&fs::read(&paths.log)?).into_owned();
    let mut crashes = files(&paths.artifacts)?;
    crashes.retain(|path| !before.contains(path));
    let fault = || format!("{status}; see {}\n{}", paths.log.display(), panic_of(&log));
    Ok(Row {
        executions: value_behind(&log, "stat::number_of_executed_units:"),
        edges: value_behind(&log, " cov:"),
        cases: files(&paths.scratch)?.len(),
        crashes,
        fault: (!status.success()).then(fault),
    })
}

/// The last value that the log gives behind this word.
fn value_behind(log: &str, word: &str) -> String {
    let value = log.rsplit_once(word).map(|(_, rest)| rest);
    let value = value.and_then(|rest| rest.split_whitespace().next());
    value.unwrap_or("?").to_owned()
}

/// What the target said, without the frames of its stack.
fn panic_of(log: &str) -> String {
    let lines = log.lines().skip_while(|line| !line.contains("panicked at"));
    let lines = lines.take_while(|line| !line.starts_with("stack backtrace"));
    lines.take(10).collect::<Vec<_>>().join("\n")
}

/// What went wrong, and how it is seen again.
fn describe(target: &Target, row: &Row) -> Option<String> {
    let mut text = match &row.fault {
        Some(fault) => format!("{}: {fault}", target.name),
        None if row.crashes.is_empty() => return None,
        None => format!("{}: something was found", target.name),
    };
    let name = target.name;
    for path in &row.crashes {
        let path = path.display();
        text += &format!(
            "\n{path}\n  again: cargo +nightly fuzz run --fuzz-dir tests/fuzz {name} {path}\n  \
             once it is mended: cp {path} tests/fuzz/regressions/{name}/a_telling_name"
        );
    }
    Some(text)
}

/// Makes the corpus anew: cases with a telling name stay, and of all others, also those that were
/// found since, only those that reach code which no other case reaches.
///
/// That is what `cargo fuzz cmin` does; but it would also do away with the names, and keep a case
/// for each count of how often a place is reached, which are five times as many.
fn minimise(target: &Target) -> io::Result<()> {
    let paths = Paths::new(target)?;
    let before = files(&paths.corpus)?.len();
    let new = folder().join("target/minimised").join(target.name);
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    fs::create_dir_all(&new)?;
    for case in files(&paths.corpus)? {
        let name = case.file_name().unwrap_or_default();
        if !is_found(&name.to_string_lossy()) {
            fs::copy(&case, new.join(name))?;
        }
    }
    let folders = [&new, &paths.corpus, &paths.scratch];
    let mut command = paths.libfuzzer(target, &folders.map(PathBuf::as_path))?;
    command.args(["-set_cover_merge=1", "-use_counters=0"]);
    if !command.status()?.success() {
        let log = paths.log.display();
        return Err(io::Error::other(format!("{}: see {log}", target.name)));
    }
    fs::remove_dir_all(&paths.corpus)?;
    fs::create_dir(&paths.corpus)?;
    for case in files(&new)? {
        fs::copy(
            &case,
            paths.corpus.join(case.file_name().unwrap_or_default()),
        )?;
    }
    let after = files(&paths.corpus)?.len();
    println!("{:<10} {before} cases before, {after} now", target.name);
    Ok(())
}

/// Was it named by libFuzzer: by a hash?
fn is_found(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}
