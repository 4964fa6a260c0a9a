//! The loop of the engine: network, engine, results, sleep.

use muxfer_core::time::Instant;
use muxfer_core::{Easy, Info, Message, Multi};
use muxfer_embedded::smoltcp::{Names, Sockets};
use smoltcp::iface::SocketSet;
use smoltcp::socket::tcp::Socket;

use crate::node::Node;

/// What the engine's platform is made of, besides the interface.
pub struct Network<R, const N: usize> {
    /// The sockets that are lent to the engine.
    pub sockets: Sockets<N>,
    /// All sockets.
    pub set: SocketSet<'static>,
    /// Who looks names up.
    pub names: R,
}

/// How a transfer ended.
pub struct Ended<E> {
    /// Which, and its result.
    pub message: Message,
    /// What is known of it.
    pub info: Info,
    /// Its easy handle.
    pub easy: E,
    /// When, in microseconds since the start.
    pub at_us: u64,
}

impl<R: Names, const N: usize> Network<R, N> {
    /// One turn: the stack and the engine work, `ended` is told of each transfer that has ended and
    /// is out of the engine by then. Gives when the next turn is due.
    pub fn turn<E: Easy>(
        &mut self,
        node: &mut Node,
        multi: &mut Multi<'_, E>,
        mut ended: impl FnMut(Ended<E>),
    ) -> Option<u64> {
        let now = Instant::from_micros(node.poll(&mut self.set));
        let mut net = self
            .sockets
            .net(now, &mut node.iface, &mut self.set, &mut self.names);
        net.events(|event| multi.mark(event));
        multi.run(now, &mut net);
        while let Some(message) = multi.info_read() {
            let info = multi.info(message.handle).unwrap_or_default();
            if let Some(easy) = multi.remove(now, &mut net, message.handle) {
                ended(Ended {
                    message,
                    info,
                    easy,
                    at_us: now.as_micros(),
                });
            }
        }
        net.wake_at().map(Instant::as_micros)
    }

    /// Lends sockets to the engine; what there is no place for is dropped.
    pub fn lend(&mut self, sockets: impl Iterator<Item = Socket<'static>>) {
        for socket in sockets.take(N) {
            let handle = self.set.add(socket);
            if self.sockets.add(handle).is_err() {
                self.set.remove(handle);
            }
        }
    }

    /// Adds a transfer; `false` if the engine is full.
    pub fn add<E: Easy>(&mut self, node: &mut Node, multi: &mut Multi<'_, E>, easy: E) -> bool {
        let now = Instant::from_micros(node.now_us());
        let mut net = self
            .sockets
            .net(now, &mut node.iface, &mut self.set, &mut self.names);
        multi.add(now, &mut net, easy).is_ok()
    }
}
