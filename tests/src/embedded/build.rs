//! Building the firmware.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::machine::Machine;
use super::toolchain::{TARGETS, Toolchain};
use super::workspace;

/// How it is optimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// opt-level s.
    Small,
    /// opt-level z.
    Smallest,
}

impl Profile {
    /// The name of cargo's profile, and of the folder of what was built.
    const fn name(self) -> &'static str {
        match self {
            Self::Small => "release",
            Self::Smallest => "smallest",
        }
    }
}

/// What is built in one call.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// For which machine.
    pub machine: Machine,
    /// How.
    pub profile: Profile,
    /// Features of the examples, besides the machine: their code is in all images of the call.
    pub features: &'static str,
    /// Without what the engine can leave out.
    pub plain: bool,
    /// Which images.
    pub images: &'static [&'static str],
}

/// What the scenarios need.
pub const IMAGES: &[Part] = &[
    Part {
        machine: Machine::Mps2An386,
        profile: Profile::Small,
        features: "",
        plain: false,
        images: &["get", "ota", "telemetry"],
    },
    Part {
        machine: Machine::Lm3s6965evb,
        profile: Profile::Small,
        features: "dns",
        plain: false,
        images: &["get", "ota", "fleet"],
    },
    Part {
        machine: Machine::Virt,
        profile: Profile::Small,
        features: "",
        plain: false,
        images: &["get", "telemetry"],
    },
];

/// What is measured.
pub const MEASURED: &[Part] = &[plain(Profile::Small), plain(Profile::Smallest)];

const fn plain(profile: Profile) -> Part {
    Part {
        machine: Machine::Mps2An386,
        profile,
        features: "small",
        plain: true,
        images: &["plain", "bare"],
    }
}

/// Builds all that the scenarios and the sizes need, and the core alone for all targets.
///
/// # Errors
/// Something does not build.
pub fn all(toolchain: &Toolchain) -> io::Result<()> {
    core_alone(toolchain)?;
    for part in IMAGES.iter().chain(MEASURED) {
        images(toolchain, part)?;
    }
    Ok(())
}

/// Builds some images.
///
/// # Errors
/// Something does not build.
pub fn images(toolchain: &Toolchain, part: &Part) -> io::Result<()> {
    let mut build = command(toolchain, part.profile);
    build.args(["-p", "muxfer-firmware", "--target", part.machine.target()]);
    let features = format!("{} {}", part.machine.name(), part.features);
    build.args(["--features", features.trim_end()]);
    if part.plain {
        build.arg("--no-default-features");
    }
    for image in part.images {
        build.args(["--bin", image]);
    }
    run(build)
}

/// Builds the core, with none of its features, for all targets: none of them has an allocator.
fn core_alone(toolchain: &Toolchain) -> io::Result<()> {
    let mut build = command(toolchain, Profile::Small);
    build.args(["-p", "muxfer-core-alone"]);
    for target in TARGETS {
        build.args(["--target", target]);
    }
    run(build)
}

fn command(toolchain: &Toolchain, profile: Profile) -> Command {
    let mut build = toolchain.cargo(&workspace());
    build.args(["build", "--quiet", "--locked", "--profile", profile.name()]);
    build.args(toolchain.build_arguments());
    build.arg("--target-dir").arg(folder());
    build
}

fn run(mut build: Command) -> io::Result<()> {
    let status = build.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{build:?}: {status}")))
    }
}

/// Where an image is.
#[must_use]
pub fn image(machine: Machine, profile: Profile, name: &str) -> PathBuf {
    let folder = folder().join(machine.target());
    folder.join(profile.name()).join(name)
}

/// Where all that is built goes.
fn folder() -> PathBuf {
    workspace().join(Path::new("target"))
}
