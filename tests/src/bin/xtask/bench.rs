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

/// What of it is run. The peers over TLS take minutes to build, so nobody else gets them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Tls,
    Providers,
}

impl Kind {
    fn of(arguments: &Arguments) -> Self {
        match arguments.words.first().map(String::as_str) {
            Some("tls") => Self::Tls,
            Some("providers") => Self::Providers,
            Some(_) | None => Self::Plain,
        }
    }

    /// What cargo is told besides.
    const fn selection(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::Tls => &["--features", "tls"],
            // It builds what it measures itself.
            Self::Providers => &["--bin", "bench"],
        }
    }
}

/// Builds and runs it.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Fault> {
    let kind = Kind::of(arguments);
    match kind {
        Kind::Plain => needs::bench()?,
        Kind::Tls => {
            needs::bench()?;
            needs::openssl()?;
        }
        Kind::Providers => needs::providers()?,
    }
    // All programs first: it looks for the clients beside itself.
    let mut build = cargo(["build", "--release", "--locked"]);
    build.args(["--manifest-path", MANIFEST]);
    build.args(kind.selection());
    shell::run(build)?;
    let mut bench = cargo(["run", "--quiet", "--release", "--locked"]);
    bench.args(["--manifest-path", MANIFEST]);
    if kind == Kind::Tls {
        bench.args(kind.selection());
    }
    bench.args(["--bin", "bench", "--"]);
    bench.args(&arguments.words);
    shell::run(bench)
}
