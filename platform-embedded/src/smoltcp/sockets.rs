//! The sockets that an application lends to the engine, and the ports that they use.

use ::smoltcp::iface::{Interface, SocketHandle, SocketSet};
use ::smoltcp::socket::AnySocket;
use ::smoltcp::socket::tcp::Socket;
use muxfer_core::time::Instant;

use super::net::{Net, Stack};
use super::place::Place;

/// Ephemeral ports are 49152 to 65535 (RFC 6335 §6).
const FIRST_PORT: u16 = 0xc000;

/// `N` sockets of a smoltcp `SocketSet`, lent to the engine.
///
/// A new one is all zeros, so that a `static` of it lands in `.bss`. It holds no buffer: bytes stay
/// in the sockets' own rings. Give it more sockets than the engine has connections if you can: a
/// connection that the engine has closed keeps its socket for a while, up to [`LINGER`](super::LINGER),
/// and is cut short when no other socket is free.
#[derive(Debug)]
pub struct Sockets<const N: usize> {
    places: [Place; N],
    shared: Shared,
}

/// What there is once.
#[derive(Debug)]
pub(super) struct Shared {
    /// What [`Watch::timer`](muxfer_core::platform::Watch::timer) said.
    pub(super) timer: Option<Instant>,
    /// The state of a generator (xorshift).
    random: u32,
}

impl<const N: usize> Sockets<N> {
    /// No socket yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            places: [Place::EMPTY; N],
            shared: Shared {
                timer: None,
                random: 0,
            },
        }
    }

    /// Makes the local ports differ from those before the last reset, which a peer may remember. A
    /// random number where there is one.
    pub const fn seed(&mut self, seed: u32) {
        self.shared.random = seed;
    }

    /// Lends a TCP socket of the set. The application may set its time limit and its keep-alive before;
    /// Nagle's algorithm is turned off. It must not use or remove the socket while this lives.
    ///
    /// # Errors
    /// All `N` places are taken, or it is lent already: the handle comes back.
    pub fn add(&mut self, handle: SocketHandle) -> Result<(), SocketHandle> {
        for place in &mut self.places {
            match place.handle {
                None => {
                    place.handle = Some(handle);
                    return Ok(());
                }
                Some(lent) if lent == handle => break,
                Some(_) => {}
            }
        }
        Err(handle)
    }

    /// The platform, for the work of one turn of the loop: after `Interface::poll` at this time.
    pub const fn net<'n, 's, R>(
        &'n mut self,
        now: Instant,
        iface: &'n mut Interface,
        set: &'n mut SocketSet<'s>,
        names: &'n mut R,
    ) -> Net<'n, 's, R> {
        Net {
            now,
            places: &mut self.places,
            shared: &mut self.shared,
            stack: Stack { iface, set },
            names,
        }
    }
}

impl<const N: usize> Default for Sockets<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    /// A port that no socket of the set uses. They come in an order that is hard to foresee, and none
    /// soon again.
    pub(super) fn free_port(&mut self, set: &SocketSet<'_>) -> u16 {
        let mut offset = self.random();
        loop {
            let port = FIRST_PORT | low_bits(offset);
            if !is_used(set, port) {
                return port;
            }
            // A set has far fewer sockets than there are ports.
            offset = offset.wrapping_add(1);
        }
    }

    fn random(&mut self) -> u32 {
        if self.random == 0 {
            // The generator would stay at zero.
            self.random = 0x9e37_79b9;
        }
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }
}

#[expect(clippy::cast_possible_truncation, reason = "that is what it does")]
const fn low_bits(number: u32) -> u16 {
    (number as u16) & !FIRST_PORT
}

fn is_used(set: &SocketSet<'_>, port: u16) -> bool {
    set.iter()
        .filter_map(|(_, socket)| Socket::downcast(socket))
        .any(|socket| {
            let local = socket.local_endpoint().map(|local| local.port);
            local == Some(port) || socket.listen_endpoint().port == port
        })
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use ::smoltcp::socket::tcp::SocketBuffer;

    use super::*;

    fn socket() -> Socket<'static> {
        Socket::new(SocketBuffer::new(vec![]), SocketBuffer::new(vec![]))
    }

    #[test]
    fn a_port_that_the_application_uses_is_not_taken() {
        for seed in 0..200 {
            let mut set = SocketSet::new(Vec::new());
            let mut port = || {
                let mut sockets = Sockets::<1>::new();
                sockets.seed(seed);
                let port = sockets.shared.free_port(&set);
                let mut listener = socket();
                listener.listen(port).unwrap();
                set.add(listener);
                port
            };
            // The generator always names the same port, so the next ones are taken.
            let first = port();
            assert!(first >= FIRST_PORT);
            for nth in 1..5 {
                assert_eq!(port(), FIRST_PORT | (first + nth) & !FIRST_PORT);
            }
        }
    }

    #[test]
    fn a_socket_without_a_place_or_with_one_comes_back() {
        let mut set = SocketSet::new(Vec::new());
        let [one, two, three] = [(); 3].map(|()| set.add(socket()));
        let mut sockets = Sockets::<2>::new();
        assert_eq!(sockets.add(one), Ok(()));
        assert_eq!(sockets.add(one), Err(one));
        assert_eq!(sockets.add(two), Ok(()));
        assert_eq!(sockets.add(three), Err(three));
    }
}
