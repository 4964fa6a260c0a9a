//! What is ready of a socket, without a system to ask: its state says it.

use ::smoltcp::socket::tcp::{Socket, State};
use muxfer_core::ConnId;
use muxfer_core::net::{Interest, Ready};
use muxfer_core::platform::Watch;
use muxfer_core::time::Instant;

use super::net::Net;

impl<R> Watch for Net<'_, '_, R> {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        if let Ok((place, _)) = self.find(conn) {
            place.want = want;
        }
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.shared.timer = at;
    }
}

/// What can be done now, of what is watched. It is told again as long as it holds.
pub(super) fn readiness(socket: &Socket<'_>, want: Interest) -> Ready {
    let (can_read, can_write, failed) = match socket.state() {
        State::SynSent | State::SynReceived | State::Listen => (false, false, false),
        State::Established => (socket.can_recv(), socket.can_send(), false),
        // The end of the stream can be read, behind what came before it.
        State::CloseWait => (true, socket.can_send(), false),
        State::Closed
        | State::FinWait1
        | State::FinWait2
        | State::Closing
        | State::LastAck
        | State::TimeWait => (true, true, true),
    };
    let mut ready = Ready::NONE;
    if can_read && want.contains(Interest::READ) {
        ready |= Ready::READ;
    }
    if can_write && want.contains(Interest::WRITE) {
        ready |= Ready::WRITE;
    }
    if failed && !want.is_none() {
        ready |= Ready::ERROR;
    }
    ready
}
