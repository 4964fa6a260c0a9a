//! The programs that are run: clients that cargo has built, and those in C that are built here.

use std::path::{Path, PathBuf};
use std::process::Command;

use muxfer_bench::folder;

use crate::Outcome;

/// Where they are.
pub(crate) struct Tools {
    beside: PathBuf,
    pub(crate) curl: PathBuf,
    /// The library that counts allocations.
    pub(crate) allocations: PathBuf,
}

impl Tools {
    /// Compiles what is in C, beside this program; the client on OpenSSL only if it is needed.
    pub(crate) fn build(tls: bool) -> Outcome<Self> {
        let own = std::env::current_exe()?;
        let beside = own
            .parent()
            .ok_or("this program is in no folder")?
            .to_owned();
        let tools = Self {
            curl: beside.join("client-curl"),
            allocations: beside.join("allocations.so"),
            beside,
        };
        compile("curl.c", &tools.curl, &[], &["-lcurl"])?;
        compile(
            "allocations.c",
            &tools.allocations,
            &["-shared", "-fPIC"],
            &[],
        )?;
        if tls {
            let into = tools.beside("client-null-tls");
            compile("null-tls.c", &into, &[], &["-lssl", "-lcrypto"])?;
        }
        Ok(tools)
    }

    /// A program that cargo has built beside this one.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.beside.join(name)
    }
}

fn compile(source: &str, into: &Path, before: &[&str], after: &[&str]) -> Outcome<()> {
    let file = folder().join("clients").join(source);
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Wextra", "-Werror"]).args(before);
    cc.arg(file).arg("-o").arg(into).args(after);
    if cc.status()?.success() {
        return Ok(());
    }
    Err(format!("{cc:?} failed").into())
}
