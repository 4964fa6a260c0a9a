//! The tasks of the project: `cargo xtask <task>`.
//!
//! All that CI does is here, in Rust with nothing but std, so that it works from cargo alone.

mod contract;
mod needs;
mod nginx;
mod shell;
mod sizes;
mod test;

use std::process::ExitCode;

use shell::Fault;

/// One task: how it is called, what it does, its code.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<(), Fault>,
}

const TASKS: &[Task] = &[
    Task {
        name: "test",
        about: "everything that CI runs, in order, up to the first failure",
        run: test::run,
    },
    Task {
        name: "needs",
        about: "look for the programs that the tests need, and install what is missing",
        run: needs::run,
    },
    Task {
        name: "sizes",
        about: "print what the engine's types take, and compare it with what was promised",
        run: sizes::run,
    },
    Task {
        name: "contract",
        about: "write the names of the tests into docs/contract.md",
        run: contract::run,
    },
    Task {
        name: "nginx",
        about: "fetch 1 GiB from a real nginx and compare it byte for byte",
        run: nginx::run,
    },
    Task {
        name: "help",
        about: "list the tasks",
        run: help,
    },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".to_owned());
    if let Some(surplus) = arguments.next() {
        eprintln!("xtask: {name} takes no arguments, but there is {surplus:?}");
        return ExitCode::from(2);
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("xtask: there is no task {name:?}; `cargo xtask help` lists them");
        return ExitCode::from(2);
    };
    match (task.run)() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "all tasks have the same signature"
)]
fn help() -> Result<(), Fault> {
    println!("cargo xtask <task>");
    for task in TASKS {
        println!("  {:<8} {}", task.name, task.about);
    }
    Ok(())
}
