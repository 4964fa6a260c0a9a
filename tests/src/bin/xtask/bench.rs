//! The benchmark, which is a workspace of its own: what it needs, building it, running it.

use crate::needs;
use crate::shell::{self, Fault, cargo};

/// Its manifest. Nothing else builds it, as its peers take minutes.
pub(crate) const MANIFEST: &str = "tests/bench/Cargo.toml";

/// What the benchmark is told: `cargo xtask bench --help` prints its own help.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Handed on to it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Builds and runs it.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Fault> {
    needs::bench()?;
    // All programs first: it looks for the clients beside itself.
    let build = [
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        MANIFEST,
    ];
    shell::run(cargo(build))?;
    let mut bench = cargo(["run", "--quiet", "--release", "--locked"]);
    bench.args(["--manifest-path", MANIFEST, "--"]);
    bench.args(&arguments.words);
    shell::run(bench)
}
