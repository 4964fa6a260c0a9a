//! TCP sockets with rings in statics.

use smoltcp::iface::{SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer};

/// Rings for `N` sockets, `RX` and `TX` bytes each. All zeros.
pub struct Rings<const N: usize, const RX: usize, const TX: usize> {
    received: [[u8; RX]; N],
    sent: [[u8; TX]; N],
}

impl<const N: usize, const RX: usize, const TX: usize> Rings<N, RX, TX> {
    /// Empty ones.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            received: [[0; RX]; N],
            sent: [[0; TX]; N],
        }
    }

    /// A socket over each.
    pub fn sockets(&'static mut self) -> impl Iterator<Item = Socket<'static>> {
        let rings = self.received.iter_mut().zip(self.sent.iter_mut());
        rings.map(|(rx, tx)| {
            Socket::new(
                SocketBuffer::new(&mut rx[..]),
                SocketBuffer::new(&mut tx[..]),
            )
        })
    }
}

impl<const N: usize, const RX: usize, const TX: usize> Default for Rings<N, RX, TX> {
    fn default() -> Self {
        Self::new()
    }
}

/// An empty set with room for `N` sockets.
pub fn set<const N: usize>(room: &'static mut [SocketStorage<'static>; N]) -> SocketSet<'static> {
    SocketSet::new(&mut room[..])
}
