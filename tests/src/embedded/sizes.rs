//! What the firmware takes on a device, beside what is kept of it and what it may take at most.

use std::fmt::Write as _;
use std::io;
use std::net::Ipv4Addr;

use super::Machine;
use super::build::{self, Profile};
use super::dns::Dns;
use super::elf::Image;
use super::http::{Act, File, Server};
use super::lab::{Boot, line};
use super::qemu::Outcome;
use crate::files::Content;

/// Where the figures are kept, from the root of the workspace.
pub const FILE: &str = "docs/memory.md";

/// By how many percent a figure may be above the one that is kept, with the same compiler.
const SAME: u64 = 3;
/// The same with another compiler, which makes other code of the same source.
const OTHER: u64 = 15;

/// One figure, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is of.
    pub what: String,
    /// How much it is.
    pub bytes: u64,
    /// What it may be at most; `None` for one that is only shown.
    pub limit: Option<u64>,
}

/// All figures, and what compiler made the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// What `rustc -V` says.
    pub compiler: String,
    /// In the order in which they are shown.
    pub figures: Vec<Figure>,
}

impl Figures {
    /// Looks at the images, and runs two of them. They have been built.
    ///
    /// # Errors
    /// An image is missing, or does not do what it should.
    pub fn measure(compiler: &str) -> Result<Self, String> {
        let mut figures = flash().map_err(|error| error.to_string())?;
        let (plain, get) = (run("plain")?, run("get")?);
        let fleet = run_fleet()?;
        let size = |name| fleet.number("info: sizes:", name);
        let mut add = |what: &str, bytes, limit| {
            figures.push(Figure {
                what: what.to_owned(),
                bytes,
                limit: Some(limit),
            });
        };
        add(
            "RAM of the engine for 8 transfers, 4 connections, 3 hosts",
            size("engine")?,
            6144,
        );
        add(
            "engine state of a transfer with its connection",
            size("pair")?,
            512,
        );
        add(
            "peak stack of `plain`",
            plain.number("info: stack:", "used")?,
            4096,
        );
        add(
            "peak stack of `get`",
            get.number("info: stack:", "used")?,
            4096,
        );
        add(
            "peak stack of `fleet`",
            fleet.number("info: stack:", "used")?,
            4096,
        );
        Ok(Self {
            compiler: compiler.to_owned(),
            figures,
        })
    }

    /// Reads the page where they are kept.
    ///
    /// # Errors
    /// A line of the table that can't be read.
    pub fn parse(page: &str) -> Result<Self, String> {
        let mut kept = Self {
            compiler: String::new(),
            figures: Vec::new(),
        };
        for line in page.lines() {
            if let Some(compiler) = line.strip_prefix("Compiler: ") {
                compiler.clone_into(&mut kept.compiler);
            }
            let row = line
                .strip_prefix("| ")
                .and_then(|row| row.strip_suffix(" |"));
            let Some(row) = row.filter(|row| !row.starts_with("what") && !row.starts_with("---"))
            else {
                continue;
            };
            kept.figures
                .push(Figure::parse(row).ok_or_else(|| line.to_owned())?);
        }
        Ok(kept)
    }

    /// What is wrong with these, if `kept` is what they were: one that has risen too far or over its
    /// limit, one that is not kept, one that is kept but was not measured.
    #[must_use]
    pub fn faults(&self, kept: &Self) -> Vec<String> {
        let rise = if self.compiler == kept.compiler {
            SAME
        } else {
            OTHER
        };
        let mut faults = Vec::new();
        for figure in &self.figures {
            let (what, bytes) = (&figure.what, figure.bytes);
            match kept.find(figure) {
                None => faults.push(format!("{what} is not kept")),
                Some(old) if bytes * 100 > old.bytes * (100 + rise) => {
                    faults.push(format!(
                        "{what}: {bytes}, over the {} that are kept",
                        old.bytes
                    ));
                }
                Some(old) if figure.is_over() && !old.is_over() => {
                    faults.push(format!("{what}: {bytes}, over its limit"));
                }
                Some(_) => {}
            }
        }
        let gone = kept.figures.iter().filter(|old| self.find(old).is_none());
        faults.extend(gone.map(|old| format!("{} is kept but was not measured", old.what)));
        faults
    }

    fn find(&self, wanted: &Figure) -> Option<&Figure> {
        self.figures
            .iter()
            .find(|figure| figure.what == wanted.what)
    }

    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = PREFACE.to_owned();
        let _ = writeln!(page, "Compiler: {}\n", self.compiler);
        page.push_str("| what | bytes | at most |\n| --- | ---: | ---: |\n");
        for Figure { what, bytes, limit } in &self.figures {
            let limit = limit.map_or("–".to_owned(), |limit| limit.to_string());
            // Writing to a string never fails.
            let _ = writeln!(page, "| {what} | {bytes} | {limit} |");
        }
        page
    }
}

impl Figure {
    fn parse(row: &str) -> Option<Self> {
        let mut cells = row.split(" | ");
        let what = cells.next()?.to_owned();
        let bytes = cells.next()?.parse().ok()?;
        let limit = match cells.next()? {
            "–" => None,
            limit => Some(limit.parse().ok()?),
        };
        cells
            .next()
            .is_none()
            .then_some(Self { what, bytes, limit })
    }

    /// Is it more than it may be?
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.bytes > limit)
    }
}

const PREFACE: &str = "\
# Memory on a device

What muxfer takes in firmware, measured by `cargo xtask sizes`, which `cargo xtask test` runs: a figure that
has risen by more than 3 % fails, and so does one that is over its limit and was not. `cargo xtask sizes
--keep` writes this page.

- **Flash added** is .text and .rodata of the example `plain`, a GET that leaves out of the engine what it
  does not need, less those of `bare`, on a Cortex-M4F (thumbv7em-none-eabihf), with fat LTO. `bare` is the same firmware over the same smoltcp without HTTP: it
  connects, sends a fixed request, and reads to the end; log, digest, settings and driver are the same.
- **RAM of the engine** is its tables with host names and line blocks, and what the platform remembers of
  sockets and names; without the sockets' rings and the application's easy handles.
- **Peak stack** is what was overwritten of a painted stack, from the entry of the firmware to its end.

";

/// Of both optimisations, what `plain` adds to `bare`.
fn flash() -> io::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (profile, level, limit) in [
        (Profile::Small, "s", Some(16 * 1024)),
        (Profile::Smallest, "z", None),
    ] {
        let of = |name| Image::read(&build::image(Machine::Mps2An386, profile, name))?.flash();
        let (plain, bare) = (of("plain")?, of("bare")?);
        figures.push(Figure {
            what: format!("flash added by a plain GET, opt-level {level}"),
            bytes: plain.saturating_sub(bare),
            limit,
        });
        figures.push(Figure {
            what: format!("flash of `bare` beneath it, opt-level {level}"),
            bytes: bare,
            limit: None,
        });
    }
    Ok(figures)
}

/// Fetches a file with an image, which must succeed.
fn run(image: &str) -> Result<Outcome, String> {
    let file = file(1);
    let body = file.bytes.clone();
    let server = Server::start(Box::new(move |request| {
        vec![Act::Send(file.answer(request))]
    }));
    let server = server.map_err(|error| error.to_string())?;
    let boot = Boot::of(Machine::Mps2An386, image).with("url", server.guest_url("/file"));
    boot.expect(0, &line(image, 0, 200, &body))
}

fn run_fleet() -> Result<Outcome, String> {
    const HOSTS: &[&str] = &["a.test", "b.test", "c.test"];
    let words = |error: io::Error| error.to_string();
    let _dns = Dns::start(HOSTS, Ipv4Addr::new(10, 0, 2, 2)).map_err(words)?;
    let server = Server::start(Box::new(|request| vec![Act::Send(file(2).answer(request))]));
    let server = server.map_err(words)?;
    let boot = Boot::of(Machine::Lm3s6965evb, "fleet").with("dns", "10.0.2.2");
    let urls = (0..8).zip(HOSTS.iter().cycle());
    let urls = urls.map(|(number, host)| format!("http://{host}:{}/{number}", server.port()));
    let boot = urls.fold(boot, |boot, url| boot.with("url", url));
    boot.expect(0, "info: fleet: transfers=8")
}

fn file(seed: u64) -> File {
    File {
        bytes: Content::new(seed, 100_000).into_bytes(),
        etag: "\"1\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(bytes: u64) -> Figures {
        Figures {
            compiler: "rustc 1.96.0".to_owned(),
            figures: vec![Figure {
                what: "flash".to_owned(),
                bytes,
                limit: Some(1000),
            }],
        }
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        let kept = figures(900);
        assert_eq!(Figures::parse(&kept.page()), Ok(kept));
        assert!(Figures::parse("| flash | many | 1 |").is_err());
    }

    #[test]
    fn a_rise_is_a_fault_and_so_is_a_broken_limit() {
        for (old, new, faults) in [(900, 500, 0), (900, 927, 0), (900, 928, 1), (990, 1001, 1)] {
            assert_eq!(
                figures(new).faults(&figures(old)).len(),
                faults,
                "{old} {new}"
            );
        }
        // One that was over its limit may stay there, but not rise.
        assert!(figures(2000).faults(&figures(2000)).is_empty());
        let none = Figures {
            figures: Vec::new(),
            ..figures(0)
        };
        assert_eq!(none.faults(&figures(900)).len(), 1);
        assert_eq!(figures(900).faults(&none).len(), 1);
    }
}
