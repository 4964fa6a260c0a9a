//! Streams that lend the sockets' own rings: no copy, and no buffer of ours.

use core::net::SocketAddr;

use ::smoltcp::iface::SocketSet;
use ::smoltcp::socket::tcp::{RecvError, Socket, State};
use ::smoltcp::time::Duration;
use ::smoltcp::wire::IpEndpoint;
use muxfer_core::ConnId;
use muxfer_core::net::{IoError, Nb, Stall};
use muxfer_core::platform::{Lent, Target, Transport};

use super::net::{Net, Stack};
use super::place::{Life, Place, Tick, can_connect, forget};
use super::sockets::Shared;

/// How often a silent peer is asked whether it still is there, while it has not answered a request.
const PROBE: Duration = Duration::from_micros(10_000_001);

impl<R> Transport for Net<'_, '_, R> {
    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        if self.find(conn).is_ok() {
            return Err(IoError::Unsupported);
        }
        let remote = endpoint(target.address)?;
        let local = self.stack.iface.get_source_address(&remote.addr);
        if !local.is_some_and(|local| self.stack.iface.has_ip_addr(local)) {
            return Err(IoError::AddressUnusable);
        }
        let now = Tick::at(self.now);
        let place = vacant(self.places, self.stack.set, now).ok_or(IoError::NoDescriptors)?;
        let handle = place.handle.ok_or(IoError::NoDescriptors)?;
        place.take(self.stack.set.get_mut(handle), conn, remote, now);
        connect(place, self.shared, &mut self.stack, now);
        Ok(())
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        let now = Tick::at(self.now);
        let (place, socket) = self.find(conn)?;
        match place.life {
            Life::Waiting(..) => return Err(Stall::WouldBlock),
            Life::Opening(..) => {}
            Life::Free | Life::Open(_) | Life::Lingering(_) | Life::Aborted(_) => return Ok(()),
        }
        match socket.state() {
            State::SynSent | State::SynReceived | State::Listen => Err(Stall::WouldBlock),
            // It never stood: what stood had left bytes or an end.
            State::Closed if socket.peek(1) == Err(RecvError::InvalidState) => {
                Err(Stall::Failed(if place.is_overdue(socket, now) {
                    IoError::TimedOut
                } else {
                    IoError::Refused
                }))
            }
            State::Closed
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => {
                place.life = Life::Open(conn);
                Ok(())
            }
        }
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let (_, socket) = self.find(conn)?;
        let (state, queued) = (socket.state(), socket.recv_queue());
        // Behind the bytes there is the end, or an error: one more call, and it is known.
        let ended = state != State::Established;
        if queued == 0 && !ended {
            return Err(Stall::WouldBlock);
        }
        match socket.peek(at_most) {
            Ok(bytes) => {
                let more = ended || bytes.len() < queued;
                Ok(Lent { bytes, more })
            }
            Err(RecvError::Finished) => Ok(Lent {
                bytes: &[],
                more: false,
            }),
            Err(RecvError::InvalidState) => Err(broken(state)),
        }
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        if let Ok((_, socket)) = self.find(conn) {
            if n > 0 {
                probe(socket, false);
            }
            let taken = socket.recv(|bytes| (n.min(bytes.len()), n <= bytes.len()));
            debug_assert!(n == 0 || taken == Ok(true), "more than was lent");
        }
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        let (_, socket) = self.find(conn)?;
        let state = socket.state();
        match socket.send(|room| (0, room)) {
            Ok([]) => Err(Stall::WouldBlock),
            Ok(room) => Ok(room),
            Err(_) => Err(broken(state)),
        }
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        let (_, socket) = self.find(conn)?;
        match socket.send(|room| (n.min(room.len()), n <= room.len())) {
            Ok(whole) => {
                debug_assert!(whole, "more than was lent");
                probe(socket, true);
                Ok(())
            }
            Err(_) => Err(IoError::Reset),
        }
    }

    /// The ring is smoltcp's: what lies there is handed over.
    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        self.find(conn)?;
        Ok(())
    }

    fn close(&mut self, conn: ConnId) {
        let now = Tick::at(self.now);
        if let Ok((place, socket)) = self.find(conn) {
            place.close(socket, now);
        }
    }
}

/// Connects a socket that a connection waits for, if it can be.
pub(super) fn connect(
    place: &mut Place,
    shared: &mut Shared,
    stack: &mut Stack<'_, '_>,
    now: Tick,
) {
    let (Life::Waiting(conn, remote, since), Some(handle)) = (place.life, place.handle) else {
        return;
    };
    if !can_connect(stack.set.get(handle), since, now) {
        return;
    }
    let port = shared.free_port(stack.set);
    let socket = stack.set.get_mut::<Socket<'_>>(handle);
    // Rooms are sent whole, so waiting for more would only cost time.
    socket.set_nagle_enabled(false);
    probe(socket, false);
    if socket.connect(stack.iface.context(), remote, port).is_err() {
        // The interface has lost its address. `opened` will find a socket that was never connected.
        forget(socket);
    }
    place.life = Life::Opening(conn, now);
}

/// The place that is given up most willingly.
fn vacant<'p>(places: &'p mut [Place], set: &SocketSet<'_>, now: Tick) -> Option<&'p mut Place> {
    let mut best: Option<(u32, &mut Place)> = None;
    for place in places {
        let Some(handle) = place.handle else { continue };
        if let Some(rank) = place.vacancy(set.get(handle), now)
            && best.as_ref().is_none_or(|(most, _)| rank > *most)
        {
            best = Some((rank, place));
        }
    }
    best.map(|(_, place)| place)
}

/// smoltcp panics at a version that it was built without.
fn endpoint(address: SocketAddr) -> Result<IpEndpoint, IoError> {
    match address {
        SocketAddr::V4(v4) => Ok(v4.into()),
        #[cfg(feature = "ipv6")]
        SocketAddr::V6(v6) => Ok(v6.into()),
        #[cfg(not(feature = "ipv6"))]
        SocketAddr::V6(_) => Err(IoError::AddressUnusable),
    }
}

/// Keeps a connection alive from the first byte of a request to the first of its answer, if the
/// application does not. For want of another remedy: smoltcp 0.14 forgets that it has bytes to send when
/// it has sent them in vain and an old acknowledgement says that there is no room. The answer to a probe
/// brings the true window.
fn probe(socket: &mut Socket<'_>, on: bool) {
    let ours = Some(PROBE);
    match (socket.keep_alive(), on) {
        (None, true) => socket.set_keep_alive(ours),
        (set, false) if set == ours => socket.set_keep_alive(None),
        (Some(_), true) | (_, false) => {}
    }
}

/// Why nothing goes: it does not stand yet, or not any more.
fn broken(state: State) -> Stall<IoError> {
    match state {
        State::SynSent | State::SynReceived | State::Listen => Stall::WouldBlock,
        State::Closed
        | State::Established
        | State::FinWait1
        | State::FinWait2
        | State::CloseWait
        | State::Closing
        | State::LastAck
        | State::TimeWait => Stall::Failed(IoError::Reset),
    }
}
