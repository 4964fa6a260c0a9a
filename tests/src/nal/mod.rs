//! What the adapter for `embedded-nal` is tested with: the sockets of this machine behind those traits,
//! a stack that makes everything hard, and a loop.

mod driver;
mod server;
mod stingy;

pub use driver::{Make, Outcome, Outcomes, Sink, Transfer, drive};
pub use server::{Server, body};
pub use stingy::{Stingy, StingyError};

use std::io::{Error, ErrorKind};
use std::time::Duration;

use embedded_nal::{AddrType, TcpClientStack};
use muxfer_core::net::IoError;
use muxfer_embedded::nal::Options;
use std_embedded_nal::Stack;

/// What a stack of this machine calls an error.
pub type StackError = <Stack as TcpClientStack>::Error;

/// Options for the sockets of this machine.
#[must_use]
pub fn options() -> Options<StackError> {
    Options {
        interval: Duration::from_millis(1),
        family: AddrType::IPv4,
        errors: |error| io_error(&error.0),
        ..Options::DEFAULT
    }
}

/// The same where they are [`Stingy`].
#[must_use]
pub fn stingy_options() -> Options<StingyError<StackError>> {
    Options {
        interval: Duration::from_millis(1),
        family: AddrType::IPv4,
        errors: |error| match &error.0 {
            Some(error) => io_error(&error.0),
            None => IoError::NoDescriptors,
        },
        ..Options::DEFAULT
    }
}

fn io_error(error: &Error) -> IoError {
    let known = [
        (ErrorKind::BrokenPipe, IoError::Closed),
        (ErrorKind::ConnectionRefused, IoError::Refused),
        (ErrorKind::ConnectionReset, IoError::Reset),
    ];
    let kind = error.kind();
    let found = known.iter().find(|(known, _)| *known == kind);
    found.map_or(IoError::Other(0), |(_, error)| *error)
}
