//! Does io_uring work here? Kernels differ, and containers forbid it.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use io_uring::opcode;
use muxfer_core::ConnId;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::kernel::Ring;
use super::shapes::{Done, Patience, Setup};
use super::tag::{Op, Tag};

/// How long the test may take for each of its steps.
const STEP: Duration = Duration::from_secs(1);
/// What is sent in the test.
const WORD: &[u8] = b"muxfer";

/// The operations that are used.
const NEEDED: [(&str, u8); 6] = [
    ("RECV", opcode::RecvMulti::CODE),
    ("SEND", opcode::Send::CODE),
    ("CONNECT", opcode::Connect::CODE),
    ("POLL_ADD", opcode::PollAdd::CODE),
    ("ASYNC_CANCEL", opcode::AsyncCancel::CODE),
    ("CLOSE", opcode::Close::CODE),
];

/// What this system lacks for io_uring.
#[derive(Debug)]
pub struct Unsupported {
    what: &'static str,
    error: io::Error,
}

impl Unsupported {
    pub(super) fn new(what: &'static str, error: impl Into<io::Error>) -> Self {
        let error = error.into();
        Self { what, error }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "io_uring: {}: {}", self.what, self.error)
    }
}

impl std::error::Error for Unsupported {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Sets a ring up.
pub(super) fn open(setup: &Setup) -> Result<Ring, Unsupported> {
    Ring::new(setup).map_err(|error| Unsupported::new("set-up", error))
}

/// Tries a small ring on a pair of sockets: receives twice by one operation, then cancels it.
pub(super) fn check(setup: &Setup) -> Result<(), Unsupported> {
    let small = Setup {
        submissions: 8,
        completions: 16,
        receive_bytes: 2 * 4096,
        buffers: 2,
        whole_buffers: 2,
        send_bytes: 4096,
        ..*setup
    };
    let mut ring = open(&small)?;
    let known = ring.known();
    let known = known.map_err(|error| Unsupported::new("register_probe", error))?;
    if let Some((name, _)) = NEEDED.iter().find(|(_, code)| !known.is_supported(*code)) {
        return Err(Unsupported::new(name, Errno::OPNOTSUPP));
    }
    Trial::new(ring)
        .and_then(|mut trial| trial.run())
        .map_err(|error| Unsupported::new("self-test", error))
}

struct Trial {
    ring: Ring,
    near: OwnedFd,
    far: OwnedFd,
}

impl Trial {
    fn new(ring: Ring) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (near, far) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok(Self { ring, near, far })
    }

    fn run(&mut self) -> io::Result<()> {
        let conn = ConnId::from_u64(1 << 32).ok_or(Errno::INVAL)?;
        let [receive, send] =
            [Op::Receive, Op::Send].map(|op| Tag::new(conn, op).unwrap_or(Tag::IGNORED));
        self.ring.receive(self.near.as_fd(), receive);
        for _ in 0..2 {
            self.ring.room(WORD.len()).copy_from_slice(WORD);
            self.ring.send(self.far.as_fd(), send, WORD.len());
            let sent = self.next(send)?.result.map(|sent| sent as usize);
            expect(sent == Ok(WORD.len()))?;
            let done = self.next(receive)?;
            let piece = done.piece.ok_or(Errno::PROTO)?;
            expect(done.more && self.ring.bytes(&piece) == WORD)?;
            let len = piece.len();
            self.ring.consume(piece, len);
            expect(self.ring.has_room())?;
        }
        self.ring.cancel(receive);
        let done = self.next(receive)?;
        expect(done.result == Err(Errno::CANCELED) && !done.more)
    }

    /// The next completion of one operation; the others are passed over.
    fn next(&mut self, of: Tag) -> io::Result<Done> {
        let end = Instant::now() + STEP;
        loop {
            while let Some(done) = self.ring.next() {
                if done.tag == of {
                    return Ok(done);
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            expect(!left.is_zero())?;
            self.ring.enter(Some(Patience {
                at_most: Some(left),
                completions: 1,
                gather: Duration::ZERO,
            }))?;
        }
    }
}

/// Kernels that answer otherwise are not to be relied on.
fn expect(as_it_should_be: bool) -> io::Result<()> {
    if as_it_should_be {
        Ok(())
    } else {
        Err(Errno::PROTO.into())
    }
}
