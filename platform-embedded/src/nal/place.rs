//! One connection: its socket, what is held of it, how far it is.

use core::net::SocketAddr;
use core::ops::Range;

use embedded_nal::{TcpClientStack, nb};
use muxfer_core::ConnId;
use muxfer_core::net::{Interest, IoError, Nb, Ready, Stall};
use muxfer_core::platform::Lent;

/// What is known of the peer's stream behind the bytes that are held.
#[derive(Clone, Copy)]
enum Stream {
    Open,
    Ended,
    Failed(IoError),
}

/// What is known of a connection.
pub(super) struct Place<T> {
    pub(super) id: ConnId,
    pub(super) socket: T,
    /// Where it still connects to.
    connecting: Option<SocketAddr>,
    pub(super) want: Interest,
    /// What of the buffer has come and is not consumed.
    received: Range<usize>,
    /// The stack has filled the whole buffer: it may hold more.
    more: bool,
    stream: Stream,
    /// What of the buffer was committed and is not sent.
    unsent: Range<usize>,
    /// Why nothing can be sent any more, or why it was not connected.
    broken: Option<IoError>,
}

impl<T> Place<T> {
    pub(super) const fn new(id: ConnId, socket: T, remote: SocketAddr) -> Self {
        Self {
            id,
            socket,
            connecting: Some(remote),
            want: Interest::NONE,
            received: 0..0,
            more: false,
            stream: Stream::Open,
            unsent: 0..0,
            broken: None,
        }
    }
}

/// A connection, its buffers and its stack.
pub(super) struct Line<'a, S: TcpClientStack> {
    pub(super) place: &'a mut Place<S::TcpSocket>,
    pub(super) rx: &'a mut [u8],
    pub(super) tx: &'a mut [u8],
    pub(super) stack: &'a mut S,
    pub(super) errors: fn(&S::Error) -> IoError,
}

impl<'a, S: TcpClientStack> Line<'a, S> {
    /// What of that which is watched is ready. Asks the stack at most once for each direction, but for
    /// sending, which goes on while it takes something.
    pub(super) fn ready(&mut self) -> Ready {
        let mut ready = Ready::NONE;
        if self.place.want.contains(Interest::READ) && self.place.connecting.is_none() {
            ready |= seen(self.receive(), Ready::READ);
        }
        if self.place.want.contains(Interest::WRITE) {
            ready |= seen(self.send(), Ready::WRITE);
        }
        ready
    }

    /// Goes on with the connect, if it has not ended.
    pub(super) fn connect(&mut self) -> Nb<()> {
        if let Some(error) = self.place.broken {
            return Err(Stall::Failed(error));
        }
        let Some(remote) = self.place.connecting else {
            return Ok(());
        };
        match self.stack.connect(&mut self.place.socket, remote) {
            Ok(()) => {
                self.place.connecting = None;
                Ok(())
            }
            Err(nb::Error::WouldBlock) => Err(Stall::WouldBlock),
            Err(nb::Error::Other(error)) => Err(Stall::Failed(self.break_off(&error))),
        }
    }

    /// Makes sure that there is something to lend, or that the stream has ended.
    fn receive(&mut self) -> Nb<()> {
        if !self.place.received.is_empty() {
            return Ok(());
        }
        match self.place.stream {
            Stream::Open => {}
            Stream::Ended => return Ok(()),
            Stream::Failed(error) => return Err(Stall::Failed(error)),
        }
        match self.stack.receive(&mut self.place.socket, self.rx) {
            Ok(n) => {
                self.place.received = 0..n.min(self.rx.len());
                self.place.more = n >= self.rx.len();
                if n == 0 {
                    self.place.stream = Stream::Ended;
                }
                Ok(())
            }
            Err(nb::Error::WouldBlock) => Err(Stall::WouldBlock),
            Err(nb::Error::Other(error)) => self.cut(&error),
        }
    }

    /// The stream is at its end, by what the stack calls an error.
    fn cut(&mut self, error: &S::Error) -> Nb<()> {
        let error = (self.errors)(error);
        if error == IoError::Closed {
            self.place.stream = Stream::Ended;
            return Ok(());
        }
        self.place.stream = Stream::Failed(error);
        Err(Stall::Failed(error))
    }

    /// Lends what is held or has come.
    pub(super) fn lend(mut self, at_most: usize) -> Nb<Lent<'a>> {
        if self.place.connecting.is_some() {
            return Err(Stall::WouldBlock);
        }
        self.receive()?;
        let held = self.place.received.clone();
        let more = held.len() > at_most || (self.place.more && !held.is_empty());
        let end = held.end.min(held.start.saturating_add(at_most));
        let bytes = self.rx.get(held.start..end).unwrap_or(&[]);
        Ok(Lent { bytes, more })
    }

    /// Forgets the first `n` bytes of what is held.
    pub(super) fn consume(&mut self, n: usize) {
        let held = &mut self.place.received;
        held.start = held.end.min(held.start.saturating_add(n));
    }

    /// Sends what waits. `Ok`: nothing waits any more.
    pub(super) fn send(&mut self) -> Nb<()> {
        self.connect()?;
        while !self.place.unsent.is_empty() {
            let waits = self.tx.get(self.place.unsent.clone()).unwrap_or(&[]);
            match self.stack.send(&mut self.place.socket, waits) {
                Ok(0) | Err(nb::Error::WouldBlock) => return Err(Stall::WouldBlock),
                Ok(n) => {
                    let unsent = &mut self.place.unsent;
                    unsent.start = unsent.end.min(unsent.start.saturating_add(n));
                }
                Err(nb::Error::Other(error)) => return Err(Stall::Failed(self.break_off(&error))),
            }
        }
        Ok(())
    }

    /// Lends the buffer for bytes to send, if it is free.
    pub(super) fn room(mut self) -> Nb<&'a mut [u8]> {
        self.send()?;
        Ok(self.tx)
    }

    /// Takes the first `n` bytes of the buffer, and sends what the stack takes of them now.
    pub(super) fn commit(&mut self, n: usize) -> Result<(), IoError> {
        self.place.unsent = 0..n.min(self.tx.len());
        match self.send() {
            Ok(()) | Err(Stall::WouldBlock) => Ok(()),
            Err(Stall::Failed(error)) => Err(error),
        }
    }

    /// Nothing can be sent any more. What the peer has sent can still be received.
    fn break_off(&mut self, error: &S::Error) -> IoError {
        let error = (self.errors)(error);
        self.place.broken = Some(error);
        self.place.unsent = 0..0;
        error
    }
}

/// What an attempt that did not have to wait shows.
fn seen(attempt: Nb<()>, direction: Ready) -> Ready {
    match attempt {
        Ok(()) => direction,
        Err(Stall::WouldBlock) => Ready::NONE,
        Err(Stall::Failed(_)) => direction | Ready::ERROR,
    }
}
