//! muxfer on Linux.
//!
//! [`Epoll`] is the ready-made platform. [`Linux`] is the same for a program with a loop of its own:
//! its [`Watcher`] is told which descriptors to watch and how long to wait. [`Polled`] and
//! [`Poller`] are for `poll`; [`waitfds`] and [`fdset`] serve a `poll` or `select` elsewhere.
#![deny(unsafe_code)]

mod backend;
mod clock;
mod driver;
mod epoll;
mod error;
mod event_loop;
mod lookup;
mod memory;
mod poll;
mod resolver;
mod sockets;
mod spill;
#[cfg(feature = "_tls")]
mod tls;
mod uring;
mod waker;
mod watcher;

pub use backend::{BACKEND_VARIABLE, Backend, BackendOptions, Choice, NoBackend};
pub use clock::Clock;
pub use driver::Driver;
pub use epoll::{Epoll, EpollOptions, EpollWatcher, Events};
pub use error::io_error;
pub use event_loop::Loop;
pub use memory::{Capacity, Memory};
pub use poll::{NoWatch, Polled, Poller, Seen, WaitFd, WaitLimits, fdset, waitfds};
pub use resolver::{NameOptions, Names};
pub use sockets::{SocketOptions, Sockets};
#[cfg(feature = "_tls")]
pub use tls::{
    BadTlsSettings, HANDSHAKE_STEPS, Identity, NotAPin, PinnedKey, RootSource, TLS_PROVIDER, Tls,
    TlsConfig, TlsPart, TlsSettings, TlsStats, TlsVersion,
};
pub use uring::{Coalesce, Unsupported, Uring, UringOptions};
pub use waker::Waker;
pub use watcher::{Linux, Watcher};

/// The example of the README is built with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
