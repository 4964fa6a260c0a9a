//! Non-blocking TCP sockets that lend their bytes to the engine.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use muxfer_core::ConnId;
use muxfer_core::net::{IoError, Nb, Stall};
use muxfer_core::platform::{Lent, Target, Transport};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, bind, connect,
    getpeername, getsockname, recv, send, shutdown, socket_with, sockopt,
};

use crate::error::io_error;
use crate::spill::{BlockId, Spill};

/// How much is read at once when spill memory is scarce: 16 KiB.
const SCARCE_RECEIVE_BYTES: usize = 16 * 1024;
/// How much room is lent for sending when spill memory is scarce: 4 KiB, a large request head.
const SCARCE_SEND_BYTES: usize = 4 * 1024;

/// How [`Sockets`] behave.
#[derive(Clone, Debug)]
pub struct SocketOptions {
    /// Size of the receive buffer that all sockets share: 512 KiB. Smaller ones cost CPU time in
    /// fast downloads.
    pub receive_bytes: usize,
    /// Size of the send buffer that all sockets share: 64 KiB.
    pub send_bytes: usize,
    /// How much memory all sockets together may take for bytes that were received but not consumed:
    /// 64 MiB. See [`Sockets`] for what happens near it.
    pub spill_bytes: usize,
    /// How many connections to make room for at the start: 64. The table grows when it must.
    pub connections: usize,
    /// Connections are made from this address. One of the other family is refused with
    /// [`IoError::AddressUnusable`].
    pub local: Option<IpAddr>,
    /// Probe a silent peer after this time, then as often again. `None`: never.
    pub keepalive: Option<Duration>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            receive_bytes: 512 * 1024,
            send_bytes: 64 * 1024,
            spill_bytes: 64 * 1024 * 1024,
            connections: 64,
            local: None,
            keepalive: None,
        }
    }
}

/// The TCP sockets of one engine, as a [`Transport`].
///
/// All sockets share one receive and one send buffer, so an idle connection owns 28 bytes here and
/// nothing else. `fill` is one `recv`, `commit` one `send`.
///
/// # Bytes that stay
/// What one connection leaves unread stays in the shared buffer until another one needs it, and is
/// only then copied into a block of its own. The same goes for bytes that the system did not take.
/// [`SocketOptions::spill_bytes`] bounds the memory of all those blocks together:
/// - above half of it, reads shrink to 16 KiB and rooms for sending to 4 KiB;
/// - where a whole read would no longer fit, bytes are only looked at (`MSG_PEEK`) and stay in the
///   system until they are consumed: one more system call, but no memory.
///
/// So unread bytes take no more than `spill_bytes`, and freed blocks keep an eighth of it at most.
/// Committed bytes can't be refused (law 6): the worst case for them is 4 KiB for each connection
/// whose peer does not read, on top.
#[derive(Debug)]
pub struct Sockets {
    table: Vec<Option<Socket>>,
    receive: Box<[u8]>,
    unread: Unread,
    send: Box<[u8]>,
    /// Whose the send buffer is between `reserve` and `commit`, and how much of it was lent.
    room: Option<(ConnId, usize)>,
    spill: Spill,
    local: Option<IpAddr>,
    keepalive: Option<Duration>,
}

#[derive(Debug)]
struct Socket {
    id: ConnId,
    fd: OwnedFd,
    /// Received bytes that had to leave the shared buffer; they come before what the system holds.
    received: Option<BlockId>,
    /// Committed bytes that the system did not take.
    unsent: Option<BlockId>,
    /// How much of what the last `fill` lent is not yet consumed.
    lent: u32,
    end: End,
}

const _: () = assert!(size_of::<Option<Socket>>() <= 28);

/// Whether more can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// The peer has said that nothing more comes.
    Ended,
    /// A send has told how the stream broke, and the system tells it once only. What came before it
    /// can be read, but the end that follows is not a clean one.
    Reset,
    /// The stream has failed or can no longer be trusted.
    Broken,
}

/// What the shared receive buffer holds.
#[derive(Clone, Copy, Debug, Default)]
struct Unread {
    owner: Option<ConnId>,
    at: usize,
    end: usize,
    /// The system still holds these bytes too: they were looked at, not taken.
    peeked: bool,
}

/// Where the bytes lie that the next `fill` lends.
enum Source {
    Block(BlockId),
    Buffer,
    End,
}

impl Sockets {
    /// A transport without connections. It allocates its two buffers and the table now.
    ///
    /// Sizes of zero are taken as one.
    #[must_use]
    pub fn new(options: &SocketOptions) -> Self {
        Self {
            table: Vec::with_capacity(options.connections),
            receive: vec![0; options.receive_bytes.max(1)].into_boxed_slice(),
            unread: Unread::default(),
            send: vec![0; options.send_bytes.max(1)].into_boxed_slice(),
            room: None,
            spill: Spill::new(options.spill_bytes),
            local: options.local,
            keepalive: options.keepalive,
        }
    }

    /// The descriptor of an open connection, to watch it.
    #[must_use]
    pub fn fd(&self, conn: ConnId) -> Option<BorrowedFd<'_>> {
        self.get(conn).ok().map(|socket| socket.fd.as_fd())
    }

    /// The address that the system chose for our end.
    #[must_use]
    pub fn local_address(&self, conn: ConnId) -> Option<SocketAddr> {
        getsockname(self.fd(conn)?).ok()?.try_into().ok()
    }

    /// The peer's address; `None` until it is connected.
    #[must_use]
    pub fn peer_address(&self, conn: ConnId) -> Option<SocketAddr> {
        getpeername(self.fd(conn)?).ok()??.try_into().ok()
    }

    /// How much memory is taken by bytes that had to leave the shared buffers.
    #[must_use]
    pub fn spilled_bytes(&self) -> usize {
        self.spill.used()
    }

    fn get(&self, conn: ConnId) -> Result<&Socket, IoError> {
        match self.table.get(conn.index()) {
            Some(Some(socket)) if socket.id == conn => Ok(socket),
            Some(_) | None => Err(IoError::Closed),
        }
    }

    /// A new socket, of the kind that a connection to `address` needs.
    fn socket(&self, address: SocketAddr, flags: SocketFlags) -> Result<OwnedFd, Errno> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = flags | SocketFlags::CLOEXEC;
        let fd = socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        if let Some(silence) = self.keepalive {
            let silence = silence.max(Duration::from_secs(1));
            sockopt::set_socket_keepalive(&fd, true)?;
            sockopt::set_tcp_keepidle(&fd, silence)?;
            sockopt::set_tcp_keepintvl(&fd, silence)?;
        }
        if let Some(local) = self.local {
            if local.is_ipv4() != address.is_ipv4() {
                return Err(Errno::ADDRNOTAVAIL);
            }
            bind(&fd, &SocketAddr::new(local, 0))?;
        }
        Ok(fd)
    }

    /// A new socket on its way to `address`.
    fn start(&self, address: SocketAddr) -> Result<OwnedFd, Errno> {
        let fd = self.socket(address, SocketFlags::NONBLOCK)?;
        match connect(&fd, &address) {
            // An interrupted connect goes on by itself, as one in progress does.
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(fd),
            Err(errno) => Err(errno),
        }
    }

    /// Makes a socket that somebody else connects: one that is not marked as non-blocking, as
    /// io_uring wants it. All calls of this module say by a flag that they don't wait.
    ///
    /// # Errors
    /// As [`Transport::open`].
    pub(crate) fn create(&mut self, conn: ConnId, address: SocketAddr) -> Result<(), IoError> {
        self.vacancy(conn)?;
        let fd = self.socket(address, SocketFlags::empty());
        self.insert(conn, fd.map_err(io_error)?);
        Ok(())
    }

    /// Is the place of this id free?
    fn vacancy(&self, conn: ConnId) -> Result<(), IoError> {
        match self.table.get(conn.index()) {
            Some(Some(_)) => Err(io_error(Errno::EXIST)),
            Some(None) | None => Ok(()),
        }
    }

    fn insert(&mut self, conn: ConnId, fd: OwnedFd) {
        let index = conn.index();
        if index >= self.table.len() {
            self.table.resize_with(index + 1, || None);
        }
        self.table[index] = Some(Socket {
            id: conn,
            fd,
            received: None,
            unsent: None,
            lent: 0,
            end: End::Open,
        });
    }

    /// Forgets a connection and all that is held for it; its descriptor is the caller's to close.
    pub(crate) fn take(&mut self, conn: ConnId) -> Option<OwnedFd> {
        self.get(conn).ok()?;
        let socket = self.table.get_mut(conn.index()).and_then(Option::take)?;
        for block in [socket.received, socket.unsent].into_iter().flatten() {
            self.spill.free(block);
        }
        if self.unread.owner == Some(conn) {
            self.unread = Unread::default();
        }
        if self.room.is_some_and(|(owner, _)| owner == conn) {
            self.room = None;
        }
        Some(socket.fd)
    }

    /// Are there bytes that were received and not consumed?
    pub(crate) fn holds(&self, conn: ConnId) -> bool {
        let in_buffer = self.unread.owner == Some(conn) && !self.unread.peeked;
        in_buffer || self.get(conn).is_ok_and(|socket| socket.received.is_some())
    }

    /// Keeps bytes that somebody else has received, behind those that are held already.
    pub(crate) fn hold(&mut self, conn: ConnId, bytes: &[u8]) {
        if self.unread.owner == Some(conn) {
            self.move_out();
        }
        let Ok(socket) = find(&mut self.table, conn) else {
            return;
        };
        match socket.received {
            Some(block) => self.spill.append(block, bytes),
            None => socket.received = Some(self.spill.put(bytes)),
        }
    }

    /// Would so many bytes more stay within the memory for bytes that stay?
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.spill.fits(bytes)
    }

    /// How much room may be lent for sending while so many bytes wait elsewhere to be sent: little
    /// when memory for bytes that stay is scarce, or could not take all of them.
    pub(crate) fn most_room(&self, waiting: usize) -> usize {
        let most = self.send.len().saturating_add(waiting);
        if self.spill.is_scarce() || !self.spill.fits(most) {
            self.send.len().min(SCARCE_SEND_BYTES)
        } else {
            self.send.len()
        }
    }

    /// Are there committed bytes that the system did not take?
    pub(crate) fn has_unsent(&self, conn: ConnId) -> bool {
        self.get(conn).is_ok_and(|socket| socket.unsent.is_some())
    }

    /// Keeps committed bytes that somebody else could not send: the next `flush` sends them.
    pub(crate) fn keep_unsent(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Ok(socket) = find(&mut self.table, conn)
            && !bytes.is_empty()
        {
            socket.unsent = Some(self.spill.put(bytes));
        }
    }

    /// Somebody else's send has failed.
    pub(crate) fn send_failed(&mut self, conn: ConnId, errno: Errno) -> IoError {
        match find(&mut self.table, conn) {
            Ok(socket) => socket.send_failed(errno),
            Err(error) => error,
        }
    }

    /// Neither side sends any more; what has come can still be read.
    pub(crate) fn shut_down(&self, conn: ConnId) {
        if let Some(fd) = self.fd(conn) {
            // It can only fail on a connection that is down already.
            let _ = shutdown(fd, Shutdown::Both);
        }
    }

    /// The end of the stream has come to somebody else: is it one that can be trusted?
    pub(crate) fn ended(&self, conn: ConnId) -> Result<(), IoError> {
        match self.get(conn)?.end {
            End::Open | End::Ended => Ok(()),
            End::Reset => Err(IoError::Reset),
            End::Broken => Err(IoError::Closed),
        }
    }

    /// Finds bytes to lend, in the order in which they came (law 1).
    fn source(&mut self, conn: ConnId, at_most: usize) -> Nb<(Source, bool)> {
        let socket = self.get(conn)?;
        if let Some(block) = socket.received {
            return Ok((Source::Block(block), true));
        }
        let end = socket.end;
        // What was only peeked at is looked at again: it may be more by now.
        if self.unread.owner == Some(conn) && !self.unread.peeked {
            return Ok((Source::Buffer, true));
        }
        match end {
            End::Open | End::Reset => self.receive(conn, at_most),
            End::Ended => Ok((Source::End, false)),
            End::Broken => Err(Stall::Failed(IoError::Closed)),
        }
    }

    /// One `recv` into the shared buffer.
    fn receive(&mut self, conn: ConnId, at_most: usize) -> Nb<(Source, bool)> {
        self.move_out();
        let mut size = at_most.clamp(1, self.receive.len());
        if self.spill.is_scarce() {
            size = size.min(SCARCE_RECEIVE_BYTES);
        }
        let peeked = !self.spill.fits(size);
        let flags = if peeked {
            RecvFlags::PEEK | RecvFlags::DONTWAIT
        } else {
            RecvFlags::DONTWAIT
        };
        let socket = find(&mut self.table, conn)?;
        let buffer = &mut self.receive[..size];
        let n = match retry_on_intr(|| recv(&socket.fd, &mut *buffer, flags)) {
            Ok((n, _)) => n,
            Err(Errno::AGAIN) => return Err(Stall::WouldBlock),
            Err(errno) => {
                // Without this mark the next call would find a clean end: errors are told once.
                socket.end = End::Broken;
                return Err(Stall::Failed(io_error(errno)));
            }
        };
        if n == 0 && socket.end == End::Reset {
            return Err(Stall::Failed(IoError::Reset));
        }
        if n == 0 {
            socket.end = End::Ended;
            return Ok((Source::End, false));
        }
        self.unread = Unread {
            owner: Some(conn),
            at: 0,
            end: n,
            peeked,
        };
        // A short read has emptied the socket; what comes later makes it readable again.
        Ok((Source::Buffer, n == size))
    }

    /// Makes the shared receive buffer free: unread bytes of its owner go into a block.
    fn move_out(&mut self) {
        let unread = std::mem::take(&mut self.unread);
        let Some(owner) = unread.owner.filter(|_| !unread.peeked) else {
            return;
        };
        if let Ok(socket) = find(&mut self.table, owner) {
            let bytes = &self.receive[unread.at..unread.end];
            socket.received = Some(self.spill.put(bytes));
        }
    }

    /// Takes bytes from the system that were only peeked at.
    fn discard(&mut self, conn: ConnId, n: usize) {
        let Ok(socket) = find(&mut self.table, conn) else {
            return;
        };
        let mut left = n;
        let mut scratch = [0_u8; SCARCE_RECEIVE_BYTES];
        while left > 0 {
            let size = left.min(scratch.len());
            match retry_on_intr(|| recv(&socket.fd, &mut scratch[..size], RecvFlags::DONTWAIT)) {
                Ok((taken, _)) if taken > 0 => left -= taken.min(left),
                // The system has lost what it showed before: the rest would come out of step.
                Ok(_) | Err(_) => {
                    socket.end = End::Broken;
                    return;
                }
            }
        }
    }
}

impl Transport for Sockets {
    /// Three system calls: `socket`, `setsockopt` (`TCP_NODELAY`), `connect`.
    ///
    /// An id whose place is taken answers `IoError::Other(EEXIST)`.
    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        self.vacancy(conn)?;
        let fd = self.start(target.address).map_err(io_error)?;
        self.insert(conn, fd);
        Ok(())
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        let socket = self.get(conn)?;
        // A socket with a peer is connected. Only one without needs the second question.
        match getpeername(&socket.fd) {
            Ok(_) => Ok(()),
            Err(Errno::NOTCONN) => match sockopt::socket_error(&socket.fd) {
                Ok(Ok(())) => Err(Stall::WouldBlock),
                Ok(Err(errno)) | Err(errno) => Err(Stall::Failed(io_error(errno))),
            },
            Err(errno) => Err(Stall::Failed(io_error(errno))),
        }
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let (source, more) = self.source(conn, at_most)?;
        let held = match source {
            Source::Block(block) => self.spill.bytes(block),
            Source::Buffer => &self.receive[self.unread.at..self.unread.end],
            Source::End => &[],
        };
        let bytes = &held[..held.len().min(at_most)];
        // A block or buffer above 4 GiB can't be consumed at once, but that is no harm.
        find(&mut self.table, conn)?.lent = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Ok(Lent { bytes, more })
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        let Ok(socket) = find(&mut self.table, conn) else {
            return;
        };
        let n = n.min(socket.lent as usize);
        socket.lent -= u32::try_from(n).unwrap_or(socket.lent);
        if n == 0 {
            return;
        }
        if let Some(block) = socket.received {
            socket.received = self.spill.consume(block, n);
            return;
        }
        let in_buffer = self.unread.owner == Some(conn);
        if self.unread.peeked || !in_buffer {
            self.discard(conn, n);
        }
        if in_buffer {
            self.unread.at += n;
            if self.unread.at >= self.unread.end {
                self.unread = Unread::default();
            }
        }
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        self.flush(conn)?;
        let size = self.most_room(0);
        self.room = Some((conn, size));
        Ok(&mut self.send[..size])
    }

    /// One `send`. What the system does not take is kept and goes out with the next `reserve` or
    /// `flush`.
    ///
    /// Without a `reserve` just before, or with one of another connection between, the room is
    /// gone: that is `IoError::Other(EINVAL)`.
    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        let socket = find(&mut self.table, conn)?;
        let size = match self.room.take() {
            Some((owner, size)) if owner == conn => size,
            Some(_) | None => return Err(io_error(Errno::INVAL)),
        };
        let bytes = &self.send[..n.min(size)];
        if bytes.is_empty() {
            return Ok(());
        }
        let sent = match socket.send(bytes) {
            Ok(sent) => sent.min(bytes.len()),
            Err(Stall::WouldBlock) => 0,
            Err(Stall::Failed(error)) => return Err(error),
        };
        if sent < bytes.len() {
            socket.unsent = Some(self.spill.put(&bytes[sent..]));
        }
        Ok(())
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        let socket = find(&mut self.table, conn)?;
        let Some(block) = socket.unsent else {
            return Ok(());
        };
        let sent = socket.send(self.spill.bytes(block))?;
        socket.unsent = self.spill.consume(block, sent);
        match socket.unsent {
            None => Ok(()),
            Some(_) => Err(Stall::WouldBlock),
        }
    }

    fn close(&mut self, conn: ConnId) {
        drop(self.take(conn));
    }
}

/// The open socket of exactly this id. Takes the table alone, so that the buffers stay free.
fn find(table: &mut [Option<Socket>], conn: ConnId) -> Result<&mut Socket, IoError> {
    match table.get_mut(conn.index()) {
        Some(Some(socket)) if socket.id == conn => Ok(socket),
        Some(_) | None => Err(IoError::Closed),
    }
}

impl Socket {
    /// One `send` that never raises `SIGPIPE`; it may take less than all.
    fn send(&mut self, bytes: &[u8]) -> Nb<usize> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match retry_on_intr(|| send(&self.fd, bytes, flags)) {
            Ok(sent) => Ok(sent),
            Err(Errno::AGAIN) => Err(Stall::WouldBlock),
            Err(errno) => Err(Stall::Failed(self.send_failed(errno))),
        }
    }

    fn send_failed(&mut self, errno: Errno) -> IoError {
        // A reset after the peer has ended its stream is told as a broken pipe: that end is clean.
        if errno != Errno::PIPE && self.end == End::Open {
            self.end = End::Reset;
        }
        io_error(errno)
    }
}
