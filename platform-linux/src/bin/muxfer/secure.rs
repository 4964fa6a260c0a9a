//! HTTPS: the options of the command line, and what became of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use clap::Args;
use muxfer_core::Error;
use muxfer_core::net::IoError;
use muxfer_linux::{
    Backend, BadTlsSettings, Identity, PinnedKey, RootSource, Tls, TlsConfig, TlsSettings,
    TlsVersion,
};

use crate::failure::Failure;
use crate::url;

/// The platform of this program.
pub(crate) type Platform = Tls<Backend>;

/// The options for HTTPS.
#[derive(Args, Debug, Clone)]
pub(crate) struct SecureArgs {
    /// Trust the authorities of this file in PEM instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,

    /// Trust the authorities of the files of this folder instead of the system's
    #[arg(long, value_name = "DIR")]
    pub(crate) capath: Option<PathBuf>,

    /// Refuse certificates that this list in PEM revokes, and those that no list covers
    #[arg(long, value_name = "FILE")]
    pub(crate) crlfile: Option<PathBuf>,

    /// Show this certificate in PEM to servers that ask for one
    #[arg(short = 'E', long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// The key of --cert in PEM, if it is not in the same file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Accept any certificate: anybody on the way can read and change all
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Accept only these public keys: sha256//BASE64, several with ";" between them
    #[arg(long, value_name = "HASHES", value_parser = pins)]
    pub(crate) pinnedpubkey: Option<Pins>,

    /// TLS 1.2 or newer, which is the default
    #[arg(long = "tlsv1.2")]
    pub(crate) tls_12: bool,

    /// TLS 1.3 or newer
    #[arg(long = "tlsv1.3")]
    pub(crate) tls_13: bool,

    /// The newest version of TLS: 1.2, 1.3 or default
    #[arg(long, value_name = "VERSION", value_parser = newest)]
    pub(crate) tls_max: Option<Newest>,
}

/// What `--pinnedpubkey` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pins(Vec<PinnedKey>);

/// What `--tls-max` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Newest(TlsVersion);

fn pins(text: &str) -> Result<Pins, String> {
    let pins = text.split(';').map(str::parse);
    let pins = pins.collect::<Result<_, _>>();
    pins.map(Pins)
        .map_err(|error: muxfer_linux::NotAPin| error.to_string())
}

fn newest(text: &str) -> Result<Newest, String> {
    match text {
        "1.2" => Ok(Newest(TlsVersion::Tls12)),
        "1.3" | "default" => Ok(Newest(TlsVersion::Tls13)),
        _ => Err(String::from("it is 1.2, 1.3 or default")),
    }
}

/// How all connections of a run are secured, and how many there were.
#[derive(Debug)]
pub(crate) struct Security {
    config: TlsConfig,
    full: AtomicU64,
    resumed: AtomicU64,
}

impl Security {
    /// # Errors
    /// A file can't be read or used.
    pub(crate) fn new(args: &SecureArgs) -> Result<Self, Failure> {
        let config = TlsConfig::new(settings(args)?);
        let named = [&args.cacert, &args.capath, &args.crlfile, &args.cert];
        if named.into_iter().any(Option::is_some) {
            config.load().map_err(|error| refused(&error))?;
        }
        Ok(Self {
            config,
            full: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
        })
    }

    /// What people should know before they trust the result.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        let unchecked = self.config.settings().insecure;
        unchecked.then_some("certificates are not checked (-k): anybody may be the server")
    }

    /// A platform that secures as asked for.
    pub(crate) fn around(&self, backend: Backend) -> Platform {
        Tls::new(backend, self.config.clone())
    }

    /// Counts what a thread has done.
    pub(crate) fn count(&self, platform: &Platform) {
        let stats = platform.stats();
        self.full.fetch_add(stats.full, Relaxed);
        self.resumed.fetch_add(stats.resumed, Relaxed);
    }

    /// For the summary; nothing if there was no HTTPS.
    pub(crate) fn summary(&self) -> String {
        let (full, resumed) = (self.full.load(Relaxed), self.resumed.load(Relaxed));
        match full + resumed {
            0 => String::new(),
            all => format!(", {all} TLS handshakes, {resumed} of them resumed"),
        }
    }
}

/// What more is known of an error than its own words.
pub(crate) fn explain(platform: &Platform, url: &str, error: Error) -> Option<String> {
    let (Error::Connect(IoError::Tls(why))
    | Error::Receive(IoError::Tls(why))
    | Error::Send(IoError::Tls(why))) = error
    else {
        return None;
    };
    let (host, port) = url::host_and_port(url)?;
    platform.explain(&host, port, why).map(str::to_string)
}

fn settings(args: &SecureArgs) -> Result<TlsSettings, Failure> {
    let mut settings = TlsSettings {
        insecure: args.insecure,
        ..TlsSettings::default()
    };
    if args.cacert.is_some() || args.capath.is_some() {
        settings.roots.clear();
    }
    settings
        .roots
        .extend(args.cacert.clone().map(RootSource::File));
    settings
        .roots
        .extend(args.capath.clone().map(RootSource::Folder));
    if let Some(path) = &args.crlfile {
        settings.revoked.push(read(path, 82)?);
    }
    if let Some(path) = &args.cert {
        settings.identity = Some(identity(path, args.key.as_deref())?);
    }
    if let Some(Pins(pins)) = &args.pinnedpubkey {
        settings.pins.clone_from(pins);
    }
    if args.tls_13 {
        settings.min = TlsVersion::Tls13;
    }
    if let Some(Newest(version)) = args.tls_max {
        settings.max = version;
    }
    if settings.min > settings.max {
        return Err(Failure::usage(
            "--tlsv1.3 and --tls-max 1.2 leave no version",
        ));
    }
    Ok(settings)
}

fn identity(certificate: &Path, key: Option<&Path>) -> Result<Identity, Failure> {
    Ok(Identity {
        name: certificate.display().to_string(),
        certificate: read(certificate, 58)?,
        key: read(key.unwrap_or(certificate), 58)?,
    })
}

fn read(path: &Path, code: u8) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::new(code, Failure::reading(path, &error).why))
}

fn refused(error: &BadTlsSettings) -> Failure {
    Failure::new(error.curl_code(), error.to_string())
}
