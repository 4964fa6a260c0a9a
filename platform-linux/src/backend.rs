//! The choice between the two loops, made at run time.

use std::env;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

use muxfer_core::net::{Interest, IoError, Nb, Scheme};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};

use crate::epoll::{Epoll, EpollOptions};
use crate::event_loop::Loop;
use crate::resolver::{NameOptions, Names};
use crate::sockets::SocketOptions;
use crate::uring::{Coalesce, Unsupported, Uring, UringOptions};
use crate::waker::Waker;

/// The environment variable that decides where the program does not: `epoll`, `uring` or `auto`.
pub const BACKEND_VARIABLE: &str = "MUXFER_BACKEND";

/// Which loop to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// As [`BACKEND_VARIABLE`] says; without it io_uring where it works, epoll elsewhere.
    #[default]
    Auto,
    /// epoll.
    Epoll,
    /// io_uring, or an error.
    Uring,
}

impl Choice {
    /// What the environment asks for.
    ///
    /// # Errors
    /// It asks for something else: the error names the variable.
    pub fn from_environment() -> io::Result<Self> {
        let Some(value) = env::var_os(BACKEND_VARIABLE) else {
            return Ok(Self::Auto);
        };
        let parsed = value.to_str().map(str::parse);
        parsed.and_then(Result::ok).ok_or_else(|| {
            let why = format!("{BACKEND_VARIABLE}={}: {NO_BACKEND}", value.display());
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })
    }
}

const NO_BACKEND: &str = "a backend is auto, epoll or uring";

/// The text names no backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoBackend;

impl fmt::Display for NoBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NO_BACKEND)
    }
}

impl std::error::Error for NoBackend {}

impl FromStr for Choice {
    type Err = NoBackend;

    fn from_str(text: &str) -> Result<Self, NoBackend> {
        match text {
            "auto" => Ok(Self::Auto),
            "epoll" => Ok(Self::Epoll),
            "uring" => Ok(Self::Uring),
            _ => Err(NoBackend),
        }
    }
}

/// How [`Backend`] behaves.
#[derive(Clone, Debug, Default)]
pub struct BackendOptions {
    /// Which loop.
    pub choice: Choice,
    /// The connections' part.
    pub sockets: SocketOptions,
    /// The look-ups' part.
    pub names: NameOptions,
    /// Let io_uring gather completions.
    pub coalesce: Option<Coalesce>,
}

/// Either loop.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each thread, and it is passed by reference"
)]
pub enum Backend {
    /// Over epoll.
    Epoll(Epoll),
    /// Over io_uring.
    Uring(Uring),
}

/// Calls the same method of either.
macro_rules! either {
    ($backend:expr, $loop:ident => $call:expr) => {
        match $backend {
            Backend::Epoll($loop) => $call,
            Backend::Uring($loop) => $call,
        }
    };
}

impl Backend {
    /// A loop as asked for. Where io_uring is not asked for by name and does not work, the reason
    /// is logged once (`log::info!`), and it is epoll.
    ///
    /// # Errors
    /// No descriptor is left, the environment asks for what there is not, or io_uring was asked for
    /// and does not work: then the error holds an [`Unsupported`].
    pub fn new(options: &BackendOptions) -> io::Result<Self> {
        let choice = match options.choice {
            Choice::Auto => Choice::from_environment()?,
            chosen @ (Choice::Epoll | Choice::Uring) => chosen,
        };
        match choice {
            Choice::Epoll => Self::epoll(options),
            Choice::Uring => Self::uring(options).map_err(io::Error::other),
            Choice::Auto => Self::uring(options).or_else(|why| {
                log_once(&why);
                Self::epoll(options)
            }),
        }
    }

    /// Which one it is: `epoll` or `io_uring`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Epoll(_) => "epoll",
            Self::Uring(_) => "io_uring",
        }
    }

    fn epoll(options: &BackendOptions) -> io::Result<Self> {
        let options = EpollOptions {
            sockets: options.sockets.clone(),
            names: options.names.clone(),
            ..EpollOptions::default()
        };
        Epoll::new(&options).map(Self::Epoll)
    }

    fn uring(options: &BackendOptions) -> Result<Self, Unsupported> {
        let options = UringOptions {
            sockets: options.sockets.clone(),
            names: options.names.clone(),
            coalesce: options.coalesce,
            ..UringOptions::default()
        };
        Uring::new(&options).map(Self::Uring)
    }
}

fn log_once(why: &Unsupported) {
    static LOGGED: Once = Once::new();
    LOGGED.call_once(|| log::info!("epoll is used instead of {why}"));
}

impl Loop for Backend {
    fn wait_for(
        &mut self,
        deadline: Option<Instant>,
        at_most: Option<Duration>,
        tell: impl FnMut(Event),
    ) -> io::Result<()> {
        either!(self, it => it.wait_for(deadline, at_most, tell))
    }

    fn waker(&self) -> Waker {
        either!(self, it => it.waker())
    }

    fn names(&mut self) -> &mut Names {
        either!(self, it => it.names())
    }

    fn spilled_bytes(&self) -> usize {
        either!(self, it => it.spilled_bytes())
    }
}

impl Watch for Backend {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        either!(self, it => it.socket(conn, want));
    }

    fn timer(&mut self, at: Option<Instant>) {
        either!(self, it => it.timer(at));
    }
}

impl Transport for Backend {
    fn supports(&self, scheme: Scheme) -> bool {
        either!(self, it => it.supports(scheme))
    }

    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        either!(self, it => it.open(conn, target))
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        either!(self, it => it.opened(conn))
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        either!(self, it => it.fill(conn, at_most))
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        either!(self, it => it.consume(conn, n));
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        either!(self, it => it.reserve(conn))
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        either!(self, it => it.commit(conn, n))
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        either!(self, it => it.flush(conn))
    }

    fn close(&mut self, conn: ConnId) {
        either!(self, it => it.close(conn));
    }
}

impl Resolver for Backend {
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        either!(self, it => it.resolve(query, host, port))
    }

    fn cancel(&mut self, query: OriginId) {
        either!(self, it => it.cancel(query));
    }
}
