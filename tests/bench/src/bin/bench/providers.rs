//! The providers of cryptography that rustls can have, side by side: `cargo xtask bench providers`.
//!
//! Each is built into programs of its own, so that none is measured with another one in the way. What
//! building takes is in `builds.rs`; here is what they do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cores::{self, Cores};
use crate::secure::Secure;
use crate::suite::tls_document;
use crate::table::{Spread, ratio, thousands};
use crate::{Outcome, builds, check_names, host, measure};

/// What is measured.
pub(crate) const NAMES: &[&str] = &[BUILDS, SPEED];
const BUILDS: &str = "provider-builds";
const SPEED: &str = "provider-speed";

/// How it is called.
const COMMAND: &str = "cargo xtask bench providers";

/// How the providers are measured.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often the speed of each is measured
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How often each is built anew
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    builds: u32,
    /// One build and two short rounds, to see that everything works
    #[arg(long)]
    quick: bool,
    /// Only these sections, with commas between
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Hold an exclusive lock on this file during each round, so that measurements which share it
    /// don't overlap
    #[arg(long)]
    lock: Option<PathBuf>,
}

/// A provider as it is measured.
#[derive(Clone, Copy)]
struct Contender {
    title: &'static str,
    /// The feature of the package that has it, and its name.
    provider: &'static str,
    group: &'static str,
}

/// In the order of the table. The first is what the others are compared with.
const CONTENDERS: &[Contender] = &[
    Contender {
        title: "ring",
        provider: "ring",
        group: "X25519",
    },
    Contender {
        title: "aws-lc-rs",
        provider: "aws-lc-rs",
        group: "X25519",
    },
    Contender {
        title: "aws-lc-rs, X25519MLKEM768",
        provider: "aws-lc-rs",
        group: "X25519MLKEM768",
    },
    Contender {
        title: "graviola",
        provider: "graviola",
        group: "X25519",
    },
];

/// What one run of one provider says, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Times {
    full: f64,
    resumed: f64,
    /// For one GiB with each cipher.
    ciphers: [f64; 3],
}

/// Measures what is wanted, and keeps it if it was measured often enough.
pub(crate) fn run(arguments: &Arguments) -> Outcome<()> {
    check_names(&arguments.only, NAMES)?;
    let cores = Cores::choose()?;
    let host = host::describe(&cores, true);
    let keep = |name: &str, times: &str, text: &str| {
        println!("{text}");
        if arguments.quick || arguments.rounds < 7 {
            println!("Nothing was written: only seven rounds or more are kept.");
            return Ok(());
        }
        let how = host::how(&format!("{COMMAND} --only {name} {times}"));
        tls_document().write(&host, name, &format!("{text}\n{how}"))
    };
    let wants =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    if wants(BUILDS) {
        let rounds = if arguments.quick { 1 } else { arguments.builds };
        let text = builds::run(rounds, arguments.lock.as_deref())?;
        keep(BUILDS, &format!("--builds {rounds}"), &text)?;
    }
    if wants(SPEED) {
        let rounds = if arguments.quick { 2 } else { arguments.rounds };
        let programs = CONTENDERS.iter();
        let programs = programs.map(|contender| builds::program(contender.provider));
        let programs = programs.collect::<Outcome<Vec<_>>>()?;
        cores::pin(cores.client)?;
        let times = times(arguments, rounds, &programs)?;
        keep(SPEED, &format!("--rounds {rounds}"), &table(&times))?;
    }
    Ok(())
}

/// The times of each contender, round by round. Who begins changes.
fn times(arguments: &Arguments, rounds: u32, programs: &[PathBuf]) -> Outcome<Vec<Vec<Times>>> {
    let secure = Secure::new()?;
    let mut times = vec![Vec::new(); CONTENDERS.len()];
    for round in 0..rounds as usize {
        eprintln!("{SPEED}: round {} of {rounds}", round + 1);
        let _held = measure::hold(arguments.lock.as_deref())?;
        for turn in 0..CONTENDERS.len() {
            let which = (round + turn) % CONTENDERS.len();
            let measured = CONTENDERS[which].measure(&programs[which], &secure, arguments.quick)?;
            times[which].push(measured);
        }
    }
    Ok(times)
}

impl Contender {
    fn measure(&self, program: &Path, secure: &Secure, quick: bool) -> Outcome<Times> {
        let (handshakes, mib) = if quick {
            ("200", "64")
        } else {
            ("2000", "1024")
        };
        let mut command = Command::new(program);
        command.args(["--provider", self.provider, "--group", self.group]);
        command.args(["--handshakes", handshakes, "--mib", mib]);
        command.arg("--roots").arg(secure.ca());
        command.arg("--certificate").arg(secure.certificate());
        command.arg("--key").arg(secure.key());
        let output = command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        let line = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("{}: {}: {command:?}", self.title, output.status).into());
        }
        Times::read(&line).ok_or_else(|| format!("{}: no times in {line:?}", self.title).into())
    }
}

impl Times {
    /// Out of a line of names and numbers.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let mut next = |name: &str| {
            let value = (words.next() == Some(name)).then(|| words.next()).flatten();
            value?.parse::<f64>().ok()
        };
        Some(Self {
            full: next("full_ns")?,
            resumed: next("resumed_ns")?,
            ciphers: [
                next("aes_128_gcm_ns")?,
                next("aes_256_gcm_ns")?,
                next("chacha20_ns")?,
            ],
        })
    }
}

fn table(times: &[Vec<Times>]) -> String {
    let first = CONTENDERS[0].title;
    let mut text = format!(
        "### Handshakes and records, of the client alone\n\n\
         | provider | full handshake | × {first} | a second | resumed | × {first} | a second \
         | AES-128-GCM | AES-256-GCM | ChaCha20 |\n\
         | --- |{}\n",
        " ---: |".repeat(9)
    );
    for (contender, own) in CONTENDERS.iter().zip(times) {
        let _ = write!(text, "| {} |", contender.title);
        for part in [|times: &Times| times.full, |times: &Times| times.resumed] {
            let micros = Spread::of(own.iter().map(|times| part(times) / 1e3));
            let pairs = own.iter().zip(&times[0]);
            let ratios = Spread::of(pairs.map(|(own, first)| part(own) / part(first)));
            let _ = write!(
                text,
                " {:.0} ({:.0}–{:.0}) µs | {} | {} |",
                micros.median,
                micros.least,
                micros.most,
                ratio(ratios),
                thousands(1e6 / micros.median)
            );
        }
        for cipher in 0..3 {
            let rate = Spread::of(own.iter().map(|times| 1e9 / times.ciphers[cipher]));
            let _ = write!(
                text,
                " {:.2} ({:.2}–{:.2}) GiB/s |",
                rate.median, rate.least, rate.most
            );
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_by_their_names() {
        let line = "full_ns 1 resumed_ns 2 aes_128_gcm_ns 3 aes_256_gcm_ns 4 chacha20_ns 5\n";
        let times = Times {
            full: 1.0,
            resumed: 2.0,
            ciphers: [3.0, 4.0, 5.0],
        };
        assert_eq!(Times::read(line), Some(times));
        assert_eq!(Times::read("full_ns 1 resumed_ns x"), None);
    }

    #[test]
    fn rows_are_compared_with_the_first() {
        let times = |full| Times {
            full,
            resumed: 1e5,
            ciphers: [5e8; 3],
        };
        let all: Vec<_> = [2e5, 1e5, 3e5, 4e5].map(|full| vec![times(full)]).into();
        let text = table(&all);
        assert!(text.contains("| aws-lc-rs | 100 (100–100) µs | 0.50 (0.50–0.50) | 10,000 |"));
        assert!(text.contains(" 2.00 (2.00–2.00) GiB/s |"));
    }
}
