//! The soak, in the release profile.

use muxfer_tests::soak::Setup;

use crate::shell::{self, Fault};

/// Runs it; it prints its figures.
pub(crate) fn run(setup: &Setup) -> Result<(), Fault> {
    let mut soak = shell::cargo(["run", "--release", "--locked", "--quiet"]);
    soak.args(["-p", "muxfer-tests", "--bin", "soak", "--"]);
    soak.args(setup.words());
    shell::run(soak)
}
