//! Firmware: built, and run under QEMU against servers of this machine.

use std::time::Instant;

use clap::Args;
use muxfer_tests::embedded::build;
use muxfer_tests::embedded::scenarios;
use muxfer_tests::embedded::sizes::Figures;
use muxfer_tests::embedded::toolchain::{self, Toolchain};

use crate::needs;
use crate::shell::{self, Fault};

/// What is asked for.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Only the scenarios with this in their names
    #[arg(long)]
    only: Option<String>,
    /// Don't build: the images are up to date
    #[arg(long)]
    no_build: bool,
    /// Run in the network namespace that this is called in, and measure sizes instead of scenarios
    /// if a compiler is named
    #[arg(long, hide = true)]
    inside: bool,
    #[arg(long, hide = true)]
    measure: Option<String>,
}

/// Builds all and runs all scenarios.
pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    if options.inside {
        return inside(options);
    }
    needs::embedded()?;
    if !options.no_build {
        build_all()?;
    }
    let mut arguments = vec!["embedded", "--inside"];
    if let Some(only) = &options.only {
        arguments.extend(["--only", only]);
    }
    in_namespace(&arguments)
}

/// The same as a step of the tests.
pub(crate) fn check() -> Result<(), Fault> {
    run(&Options::default())
}

/// Builds what is measured, and measures it: prints the page of the figures.
pub(crate) fn measure() -> Result<String, Fault> {
    needs::embedded()?;
    let toolchain = build_all()?;
    let mut measure = namespace(&["embedded", "--inside", "--measure", &toolchain.version])?;
    let output = measure.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(|error| Fault(error.to_string()))?;
    if !output.status.success() {
        return Err(Fault("the firmware can't be measured".to_owned()));
    }
    String::from_utf8(output.stdout).map_err(|error| Fault(error.to_string()))
}

fn build_all() -> Result<Toolchain, Fault> {
    let toolchain = Toolchain::find().ok_or_else(|| Fault(toolchain::MISSING.to_owned()))?;
    eprintln!("firmware is built by {}", toolchain.description());
    let start = Instant::now();
    build::all(&toolchain).map_err(|error| Fault(error.to_string()))?;
    eprintln!("built in {:.1} s", start.elapsed().as_secs_f64());
    Ok(toolchain)
}

/// This program in a network of its own: any port is free there, and nothing leaves it.
fn in_namespace(arguments: &[&str]) -> Result<(), Fault> {
    shell::run(namespace(arguments)?)
}

fn namespace(arguments: &[&str]) -> Result<std::process::Command, Fault> {
    // Not the path of it: the tests may have built it anew meanwhile.
    let program = format!("/proc/{}/exe", std::process::id());
    // Root may; others may where users may have namespaces.
    for way in [&["--net"][..], &["--map-root-user", "--net"]] {
        if shell::succeeds(shell::command("unshare", [way, &["true"]].concat())) {
            let words = [way, &[&program], arguments].concat();
            return Ok(shell::command("unshare", words));
        }
    }
    Err(Fault(
        "no network namespace can be had here; run it as root".to_owned(),
    ))
}

fn inside(options: &Options) -> Result<(), Fault> {
    shell::run(shell::command("ip", ["link", "set", "lo", "up"]))?;
    if let Some(compiler) = &options.measure {
        print!("{}", Figures::measure(compiler).map_err(Fault)?.page());
        return Ok(());
    }
    let only = options.only.as_deref().unwrap_or("");
    let mut failed = 0;
    let chosen = scenarios::all()
        .into_iter()
        .filter(|scenario| scenario.name.contains(only));
    for scenario in chosen {
        let start = Instant::now();
        let outcome = (scenario.run)();
        let (name, seconds) = (scenario.name, start.elapsed().as_secs_f64());
        match outcome {
            Ok(note) if note.is_empty() => println!("{name}: ok in {seconds:.1} s"),
            Ok(note) => println!("{name}: ok in {seconds:.1} s, {note}"),
            Err(why) => {
                println!("{name}: FAILED after {seconds:.1} s: {why}");
                failed += 1;
            }
        }
    }
    if failed > 0 {
        return Err(Fault(format!("{failed} scenarios failed")));
    }
    Ok(())
}
