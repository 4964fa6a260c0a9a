//! Which Rust can build for machines without a system.
//!
//! Either its libraries for the targets are installed, or their source is, from which cargo builds
//! `core` itself. That way is not stable: the compiler is told to allow it all the same.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::machine::Machine;

/// What to run where no Rust can be found.
pub const MISSING: &str = "no Rust for bare machines was found; run: rustup target add \
     thumbv6m-none-eabi thumbv7m-none-eabi thumbv7em-none-eabihf riscv32imc-unknown-none-elf, or on \
     Debian: apt-get install --no-install-recommends rustc-web rust-web-src cargo-web lld (as root)";

/// What the core must build for, besides the machines' own targets.
pub const TARGETS: [&str; 4] = [
    "thumbv6m-none-eabi",
    Machine::Lm3s6965evb.target(),
    Machine::Mps2An386.target(),
    Machine::Virt.target(),
];

/// A Rust that can do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    /// `core` must be built, too.
    builds_core: bool,
    /// A linker outside of the toolchain.
    linker: Option<PathBuf>,
    /// What `rustc -V` says.
    pub version: String,
}

impl Toolchain {
    /// The first that can do it: the one that runs this program, with targets or with source; then
    /// Debian's.
    #[must_use]
    pub fn find() -> Option<Self> {
        let own = || Self::of(program_of_rustup("cargo")?, program_of_rustup("rustc")?);
        let debian = || Self::of("/usr/bin/cargo".into(), "/usr/bin/rustc".into());
        own().or_else(debian)
    }

    /// This one, if it can do it.
    fn of(cargo: PathBuf, rustc: PathBuf) -> Option<Self> {
        let said = |question: &[&str]| {
            let output = Command::new(&rustc).args(question).output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| text.trim().to_owned())
        };
        let version = said(&["-V"])?;
        let libraries = Path::new(&said(&["--print", "sysroot"])?).join("lib/rustlib");
        let installed = |target: &&str| libraries.join(target).join("lib").is_dir();
        let builds_core = !TARGETS.iter().all(installed);
        let source = libraries.join("src/rust/library/core/Cargo.toml");
        if !cargo.is_file() || builds_core && !source.is_file() {
            return None;
        }
        let own_linker = find_below(&libraries, "rust-lld");
        let linker = if own_linker {
            None
        } else {
            Some(in_path("ld.lld")?)
        };
        Some(Self {
            cargo,
            rustc,
            builds_core,
            linker,
            version,
        })
    }

    /// In words.
    #[must_use]
    pub fn description(&self) -> String {
        let core = if self.builds_core {
            "builds core from its source"
        } else {
            "has the targets"
        };
        format!("{} ({}), which {core}", self.version, self.rustc.display())
    }

    /// This cargo, called in `folder`. Nothing of the cargo that runs this program reaches it.
    #[must_use]
    pub fn cargo(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(folder);
        let inherited = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for name in inherited {
            let of_cargo = name.starts_with("CARGO") && name != "CARGO_HOME";
            if of_cargo || name.starts_with("RUST") && name != "RUSTUP_HOME" {
                command.env_remove(name);
            }
        }
        command.env("RUSTC", &self.rustc);
        command.env("PATH", self.path());
        // Not all versions of SHA-2: the small one. What is logged is decided when it is built.
        command.env("RUSTFLAGS", "--cfg sha2_backend_soft=\"compact\"");
        command.env("DEFMT_LOG", "info");
        if let Some(linker) = &self.linker {
            for target in TARGETS {
                let name = target.replace('-', "_").to_uppercase();
                command.env(format!("CARGO_TARGET_{name}_LINKER"), linker);
            }
        }
        if self.builds_core {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    /// What the subcommand `build` must be told.
    #[must_use]
    pub fn build_arguments(&self) -> &'static [&'static str] {
        if self.builds_core {
            &["-Zbuild-std=core"]
        } else {
            &[]
        }
    }

    /// The search path with the compiler's own folder first, for programs that call `rustc`.
    fn path(&self) -> OsString {
        let mut folders: Vec<PathBuf> = self
            .rustc
            .parent()
            .map(Path::to_owned)
            .into_iter()
            .collect();
        folders.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        std::env::join_paths(folders).unwrap_or_default()
    }
}

/// A program of the toolchain that runs this one: itself, not what chooses a toolchain.
fn program_of_rustup(name: &str) -> Option<PathBuf> {
    let output = Command::new("rustup").args(["which", name]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim()))
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

/// Is there a program of this name for any host?
fn find_below(libraries: &Path, name: &str) -> bool {
    let Ok(targets) = std::fs::read_dir(libraries) else {
        return false;
    };
    let mut programs = targets
        .flatten()
        .map(|target| target.path().join("bin").join(name));
    programs.any(|program| program.is_file())
}
