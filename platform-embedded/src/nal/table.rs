//! The adapter: a stack, a table of connections, and their buffers.

use core::net::SocketAddr;

use embedded_nal::TcpClientStack;
use muxfer_core::ConnId;
use muxfer_core::net::IoError;
use muxfer_core::time::Instant;

use super::names::Names;
use super::options::Options;
use super::place::{Line, Place};

/// One buffer each way for each connection: `RX` bytes of what came, `TX` bytes of what goes. A new one
/// is all zeros.
#[derive(Debug)]
pub struct Buffers<const CONNS: usize, const RX: usize, const TX: usize> {
    rx: [[u8; RX]; CONNS],
    tx: [[u8; TX]; CONNS],
}

impl<const CONNS: usize, const RX: usize, const TX: usize> Buffers<CONNS, RX, TX> {
    /// Empty buffers.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(CONNS > 0 && RX > 0 && TX > 0) };
        Self {
            rx: [[0; RX]; CONNS],
            tx: [[0; TX]; CONNS],
        }
    }
}

impl<const CONNS: usize, const RX: usize, const TX: usize> Default for Buffers<CONNS, RX, TX> {
    fn default() -> Self {
        Self::new()
    }
}

/// The platform over a stack of `embedded-nal`.
///
/// `CONNS` connections at once: the engine's capacity of them or more, as an id beyond it is refused
/// with [`IoError::NoDescriptors`]. `ORIGINS` in the same way: the look-up for one beyond it fails.
pub struct Nal<'b, S: TcpClientStack, const CONNS: usize, const ORIGINS: usize> {
    pub(super) stack: S,
    pub(super) options: Options<S::Error>,
    pub(super) places: [Option<Place<S::TcpSocket>>; CONNS],
    rx: &'b mut [u8],
    tx: &'b mut [u8],
    pub(super) names: Names<ORIGINS>,
    pub(super) timer: Option<Instant>,
    /// The last look at the stack has found something.
    pub(super) moved: bool,
}

impl<'b, S: TcpClientStack, const CONNS: usize, const ORIGINS: usize> Nal<'b, S, CONNS, ORIGINS> {
    /// An adapter over this stack, without connections.
    pub const fn new<const RX: usize, const TX: usize>(
        stack: S,
        buffers: &'b mut Buffers<CONNS, RX, TX>,
        options: Options<S::Error>,
    ) -> Self {
        Self {
            stack,
            options,
            places: [const { None }; CONNS],
            rx: buffers.rx.as_flattened_mut(),
            tx: buffers.tx.as_flattened_mut(),
            names: Names::new(),
            timer: None,
            moved: false,
        }
    }

    /// The stack, for what it needs besides sockets: to be driven, to join a network.
    pub const fn stack(&mut self) -> &mut S {
        &mut self.stack
    }

    /// The stack again. Connections that are open stay so: close them first, by
    /// [`Multi::close_all`](muxfer_core::Multi::close_all).
    pub fn into_stack(self) -> S {
        self.stack
    }

    /// Puts a new socket in its place.
    pub(super) fn enter(
        &mut self,
        conn: ConnId,
        socket: S::TcpSocket,
        remote: SocketAddr,
    ) -> Option<Line<'_, S>> {
        *self.places.get_mut(conn.index())? = Some(Place::new(conn, socket, remote));
        self.line(conn).ok()
    }

    /// An open connection, with all that its calls need.
    pub(super) fn line(&mut self, conn: ConnId) -> Result<Line<'_, S>, IoError> {
        self.line_at(conn.index())
            .filter(|line| line.place.id == conn)
            .ok_or(IoError::Closed)
    }

    /// The connection in a place of the table.
    pub(super) fn line_at(&mut self, index: usize) -> Option<Line<'_, S>> {
        let (rx, tx) = (self.rx.len() / CONNS, self.tx.len() / CONNS);
        Some(Line {
            place: self.places.get_mut(index)?.as_mut()?,
            rx: self.rx.chunks_exact_mut(rx).nth(index)?,
            tx: self.tx.chunks_exact_mut(tx).nth(index)?,
            stack: &mut self.stack,
            errors: self.options.errors,
        })
    }
}
