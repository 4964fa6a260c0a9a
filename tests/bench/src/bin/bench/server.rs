//! What the clients fetch from: nginx with one process, and the peer that stalls.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use muxfer_tests::files::Content;
use muxfer_tests::nginx::{Nginx, Settings};

use crate::Outcome;
use crate::cores::{self, Cores};
use crate::secure::Secure;
use crate::stall::Stall;

/// 1 KiB out of nginx's memory, over a connection that is kept.
pub(crate) const SMALL: &str = "/1k";
/// The same, and the server closes the connection.
pub(crate) const CLOSE: &str = "/close";
pub(crate) const SMALL_BYTES: u64 = 1024;
/// A file of 16 KiB.
pub(crate) const MEDIUM: &str = "/16k";
pub(crate) const MEDIUM_BYTES: u64 = 16 * 1024;
/// A file of 1 GiB.
pub(crate) const BULK: &str = "/1g";
pub(crate) const BULK_BYTES: u64 = 1024 * 1024 * 1024;

/// A file system in memory, so that no disk is measured.
const MEMORY: &str = "/dev/shm";

/// All that runs on the server's core.
pub(crate) struct Servers {
    nginx: Nginx,
    secure: Option<Secure>,
    stall: Stall,
}

impl Servers {
    /// Starts them on their core, with TLS if need be; this thread is on that of the clients
    /// afterwards.
    pub(crate) fn start(cores: &Cores, tls: bool) -> Outcome<Self> {
        cores::pin(cores.server)?;
        let secure = tls.then(Secure::new).transpose()?;
        let (http, mut server) = (http(), locations());
        if let Some(secure) = &secure {
            server += &secure.configuration();
        }
        let nginx = Nginx::start_with(&Settings {
            below: Path::new(MEMORY),
            connections: 30_000,
            http: &http,
            server: &server,
        })?;
        let stall = Stall::start()?;
        cores::pin(cores.client)?;
        for (path, bytes) in [(MEDIUM, MEDIUM_BYTES), (BULK, BULK_BYTES)] {
            let file = nginx.site().join(&path[1..]);
            Content::new(bytes, bytes).write_to(&file)?;
            if fs::metadata(&file)?.len() != bytes {
                return Err(format!("{} is not whole", file.display()).into());
            }
        }
        Ok(Self {
            nginx,
            secure,
            stall,
        })
    }

    /// Where it is fetched from, over TLS or not.
    pub(crate) fn address(&self, tls: bool) -> SocketAddr {
        match &self.secure {
            Some(secure) if tls => secure.address(),
            Some(_) | None => self.nginx.address(),
        }
    }

    /// The file with the certificate that clients have to trust.
    pub(crate) fn ca(&self) -> Option<PathBuf> {
        self.secure.as_ref().map(Secure::ca)
    }

    pub(crate) const fn stall_address(&self) -> SocketAddr {
        self.stall.address()
    }
}

/// Connections are never closed unless the location says so, and files stay open.
fn http() -> String {
    "keepalive_requests 1000000000;\n\
     keepalive_timeout 600s;\n\
     open_file_cache max=16;\n\
     open_file_cache_valid 600s;\n\
     tcp_nopush on;\n"
        .to_owned()
}

/// The body of a small response.
pub(crate) fn small_body() -> String {
    "x".repeat(usize::try_from(SMALL_BYTES).unwrap_or(0))
}

fn locations() -> String {
    let body = small_body();
    format!(
        "location = {SMALL} {{ return 200 \"{body}\"; }}\n\
         location = {CLOSE} {{ keepalive_timeout 0; return 200 \"{body}\"; }}\n"
    )
}
