//! The ring and the memory that it shares with the kernel: all `unsafe` code of this crate.
//!
//! What the rest of the crate sees is safe: [`Ring`] owns every byte that the kernel may read or
//! write, lends only what the kernel is done with, and frees nothing before that.
#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use io_uring::types::{BufRingEntry, CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, Probe, cqueue, opcode, squeue};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use rustix::net::{SendFlags, SocketAddrAny};

use super::shapes::{Buffer, Done, Patience, Setup, Span};
use super::tag::{Op, Tag};

/// The only group of provided buffers.
const GROUP: u16 = 0;
/// `IOU_PBUF_RING_INC`: the kernel takes from a buffer only what a receive needs.
const INCREMENTAL: u16 = 2;
/// Room for sending below this is not lent: a large request head.
const LEAST_ROOM: usize = 8 * 1024;
/// No more memory is used for sending than this: positions in it are 32 bits.
const MOST_SEND: usize = 1 << 30;
/// How many connects may wait for the next submission. Their addresses must stay until then.
const CONNECTS: usize = 64;
/// So many closes may be under way when a new connection is made.
const MOST_CLOSING: u32 = 64;
/// How often a submission that the kernel does not take is tried again.
const TRIES: usize = 1000;
/// How often, and how long each time, the end of cancelled operations is awaited.
const LAST_WAITS: usize = 200;
const LAST_WAIT: Duration = Duration::from_millis(10);

/// A piece of what was received: bytes of a provided buffer that the kernel has filled. It can't
/// be copied: the buffer goes back to the kernel when all of its pieces have been released.
#[derive(Debug)]
pub(super) struct Piece {
    buffer: u16,
    at: u32,
    len: u32,
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }
}

/// Memory of its own pages, which Rust knows only by its address: no reference to it exists but
/// those that are made for a moment below.
struct Region {
    start: NonNull<u8>,
    len: usize,
}

impl Region {
    fn new(len: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // All of it is used sooner or later, whatever the load: better now than when data comes.
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: a mapping at an address that the kernel chooses overlaps nothing. Its pages are
        // zeroed, so its bytes are initialised.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), len, access, flags)? };
        let start = NonNull::new(start.cast()).ok_or(Errno::NOMEM)?;
        Ok(Self { start, len })
    }

    /// Bytes `at..at + len`, which must be within the region.
    fn address(&self, at: usize, len: usize) -> NonNull<u8> {
        assert!(at <= self.len && len <= self.len - at, "bytes out of range");
        // SAFETY: just asserted to be within the mapping (or one past its end).
        unsafe { self.start.add(at) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone and no reference to it is left: all that are made
        // borrow the ring that owns the region. The ring leaks it if the kernel may still use it.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "a mapping of our own");
    }
}

/// The provided buffers.
struct Buffers {
    /// The ring in which buffers are handed to the kernel.
    ring: Region,
    memory: Region,
    /// How many there are, a power of two, and how large each is.
    count: u16,
    size: u32,
    /// Where the next one is handed over.
    tail: u16,
    /// How many the kernel has.
    free: u16,
    state: Box<[Buffer]>,
}

impl Buffers {
    /// Buffers that are used piece by piece, or whole where that is wanted or the kernel can't.
    fn registered(ring: &IoUring, setup: &Setup) -> io::Result<Self> {
        if setup.incremental {
            let buffers = Self::new(setup.receive_bytes, setup.buffers)?;
            if buffers.register(ring, INCREMENTAL).is_ok() {
                return Ok(buffers);
            }
        }
        let buffers = Self::new(setup.receive_bytes, setup.whole_buffers)?;
        buffers.register(ring, 0)?;
        Ok(buffers)
    }

    fn new(bytes: usize, count: u16) -> io::Result<Self> {
        let count = count.min(1 << 15).next_power_of_two();
        let size = (bytes / usize::from(count)).max(1);
        let bytes = u32::try_from(size).map_err(|_| Errno::INVAL)?;
        let entry = size_of::<BufRingEntry>();
        Ok(Self {
            ring: Region::new(usize::from(count) * entry)?,
            memory: Region::new(usize::from(count) * size)?,
            count,
            size: bytes,
            tail: 0,
            free: 0,
            state: vec![Buffer::default(); usize::from(count)].into_boxed_slice(),
        })
    }

    fn register(&self, ring: &IoUring, flags: u16) -> io::Result<()> {
        let at = self.ring.start.as_ptr() as u64;
        let submitter = ring.submitter();
        // SAFETY: the region has room for `count` entries, and `Ring` frees it only after the
        // kernel has closed the ring or all operations have ended.
        unsafe { submitter.register_buf_ring_with_flags(at, self.count, GROUP, flags) }
    }

    fn place(&self, buffer: u16) -> usize {
        usize::from(buffer) * self.size as usize
    }

    /// Hands a buffer to the kernel.
    fn provide(&mut self, buffer: u16) {
        let size = self.size as usize;
        let address = self.memory.address(self.place(buffer), size);
        let slot = usize::from(self.tail & (self.count - 1));
        let entry = size_of::<BufRingEntry>();
        let base = self.ring.start.cast::<BufRingEntry>();
        let slot = self
            .ring
            .address(slot * entry, entry)
            .cast::<BufRingEntry>();
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `slot` is an entry of the ring (checked), aligned since the region is a page's
        // start and entries are 16 bytes. The kernel reads it only after the tail has passed it,
        // which the release store makes visible last. The tail lies in the first entry, in a field
        // that `BufRingEntry`'s setters leave alone; it is written here only, and atomically.
        unsafe {
            let entry = &mut *slot.as_ptr();
            entry.set_addr(address.as_ptr() as u64);
            entry.set_len(self.size);
            entry.set_bid(buffer);
            let tail = BufRingEntry::tail(base.as_ptr()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
        self.state[usize::from(buffer)] = Buffer::default();
        self.free += 1;
    }

    /// The kernel has put `len` bytes into a buffer.
    fn take(&mut self, buffer: u16, len: u32, more: bool) -> Option<Piece> {
        let state = self.state.get_mut(usize::from(buffer))?;
        let at = state.filled;
        let len = len.min(self.size - at);
        state.filled += len;
        state.lent += len;
        if !more && !state.full {
            state.full = true;
            self.free -= 1;
        }
        let piece = Piece { buffer, at, len };
        if len == 0 {
            self.release(buffer, 0);
            return None;
        }
        Some(piece)
    }

    /// `len` bytes of a buffer are not needed any more.
    fn release(&mut self, buffer: u16, len: u32) {
        let state = &mut self.state[usize::from(buffer)];
        state.lent -= len;
        if state.full && state.lent == 0 {
            self.provide(buffer);
        }
    }
}

/// Memory that is lent for sending, from its start on; it starts anew when the kernel is done with
/// all that was sent.
struct Arena {
    memory: Region,
    used: usize,
    in_flight: u32,
}

/// An io_uring with its memory. It belongs to the thread that has made it.
pub(super) struct Ring {
    ring: Option<IoUring>,
    buffers: Option<Buffers>,
    arena: Option<Arena>,
    /// Addresses of connects that were not submitted yet.
    addresses: Vec<SocketAddrAny>,
    /// Operations whose last completion was not seen yet.
    in_flight: u32,
    /// Why the kernel takes no operations any more.
    broken: Option<Errno>,
    /// Descriptors that the ring could not close. Operations that name them may still be queued, so
    /// they stay open as long as it.
    unclosed: Vec<OwnedFd>,
    /// Closes that may not have come to their end.
    closing: u32,
}

const OPENED: &str = "only `drop` takes it";

impl Ring {
    /// Sets the ring up as `setup` says.
    ///
    /// # Errors
    /// What the kernel refuses: see [`super::probe`].
    pub(super) fn new(setup: &Setup) -> io::Result<Self> {
        let ring = setup.build()?;
        let mut buffers = Buffers::registered(&ring, setup)?;
        for buffer in 0..buffers.count {
            buffers.provide(buffer);
        }
        Ok(Self {
            ring: Some(ring),
            buffers: Some(buffers),
            arena: Some(Arena {
                memory: Region::new(setup.send_bytes.clamp(LEAST_ROOM, MOST_SEND))?,
                used: 0,
                in_flight: 0,
            }),
            addresses: Vec::with_capacity(CONNECTS),
            in_flight: 0,
            broken: None,
            unclosed: Vec::new(),
            closing: 0,
        })
    }

    fn ring(&mut self) -> &mut IoUring {
        self.ring.as_mut().expect(OPENED)
    }

    fn buffers(&mut self) -> &mut Buffers {
        self.buffers.as_mut().expect(OPENED)
    }

    fn arena(&mut self) -> &mut Arena {
        self.arena.as_mut().expect(OPENED)
    }

    /// Which operations the kernel knows.
    pub(super) fn known(&mut self) -> io::Result<Probe> {
        let mut probe = Probe::new();
        self.ring().submitter().register_probe(&mut probe)?;
        Ok(probe)
    }

    /// How many buffers the kernel has to receive into.
    pub(super) fn free_buffers(&self) -> u16 {
        self.buffers.as_ref().expect(OPENED).free
    }

    /// Receives again and again, until it fails, ends or is cancelled.
    pub(super) fn receive(&mut self, fd: BorrowedFd<'_>, tag: Tag) {
        let entry = opcode::RecvMulti::new(Fd(fd.as_raw_fd()), GROUP).build();
        self.push(entry, tag);
    }

    /// Waits once, or for ever, for readiness.
    pub(super) fn poll(&mut self, fd: BorrowedFd<'_>, tag: Tag, what: PollFlags, again: bool) {
        let entry = opcode::PollAdd::new(Fd(fd.as_raw_fd()), u32::from(what.bits()))
            .multi(again)
            .build();
        self.push(entry, tag);
    }

    /// Connects.
    pub(super) fn connect(&mut self, fd: BorrowedFd<'_>, tag: Tag, address: SocketAddr) {
        // What is submitted from here on would take the address away before its entry is queued.
        if !self.make_place() {
            return;
        }
        if self.addresses.len() == CONNECTS {
            self.submit();
        }
        if self.addresses.len() == CONNECTS {
            // A longer list would move, and what the queue points to with it.
            self.broken.get_or_insert(Errno::AGAIN);
            return;
        }
        let address = SocketAddrAny::from(address);
        let len = address.addr_len();
        self.addresses.push(address);
        let address = self.addresses[self.addresses.len() - 1].as_ptr();
        let entry = opcode::Connect::new(Fd(fd.as_raw_fd()), address.cast(), len).build();
        self.push(entry, tag);
    }

    /// Ends an operation before its time. Its last completion still comes.
    pub(super) fn cancel(&mut self, what: Tag) {
        let entry = opcode::AsyncCancel::new(what.to_u64()).build();
        self.push(entry, Tag::IGNORED);
    }

    /// Closes a descriptor, after what was pushed before.
    pub(super) fn close(&mut self, fd: OwnedFd) {
        let entry = opcode::Close::new(Fd(fd.as_raw_fd())).build();
        if self.broken.is_none() && self.push(entry, Tag::IGNORED) {
            // It is the kernel's to close.
            let _ = fd.into_raw_fd();
            self.closing += 1;
        } else {
            self.unclosed.push(fd);
        }
    }

    /// Ends what was closed if that is much, so that new connections don't come on top of it.
    ///
    /// A connection is gone only when the kernel has worked on the ends of its operations. In a wait
    /// it works on 20 ends, or on as many as are waited for (6.18); here on all, without a wait.
    pub(super) fn hasten_closes(&mut self) {
        if self.closing < MOST_CLOSING {
            return;
        }
        self.closing = 0;
        let now = Timespec::new();
        let args = SubmitArgs::new().timespec(&now);
        let all = self.ring().params().cq_entries() as usize;
        let result = self.ring().submitter().submit_with_args(all, &args);
        self.submitted(result.map(drop));
    }

    /// How much of the memory for sending waits for the kernel.
    pub(super) fn queued_bytes(&mut self) -> usize {
        let arena = self.arena();
        if arena.in_flight == 0 { 0 } else { arena.used }
    }

    /// Is there room for sending?
    pub(super) fn has_room(&mut self) -> bool {
        let arena = self.arena();
        if arena.in_flight == 0 {
            arena.used = 0;
        }
        arena.memory.len - arena.used >= LEAST_ROOM
    }

    /// The room for sending that is left, at most so many bytes.
    pub(super) fn room(&mut self, most: usize) -> &mut [u8] {
        let arena = self.arena();
        let size = (arena.memory.len - arena.used).min(most);
        let start = arena.memory.address(arena.used, size);
        // SAFETY: within the region (checked) and initialised. The kernel was told of nothing from
        // `used` on, and the borrow of the ring keeps others away.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), size) }
    }

    /// Sends the first `n` bytes of the room, as far as the system takes them at once: the
    /// operation never waits, so it has ended when its submission has.
    pub(super) fn send(&mut self, fd: BorrowedFd<'_>, tag: Tag, n: usize) -> Span {
        let arena = self.arena();
        let len = n.min(arena.memory.len - arena.used);
        let start = arena.memory.address(arena.used, len).as_ptr();
        // `Ring::new` keeps the region below 4 GiB.
        let [at, length] = [arena.used, len].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        arena.used += len;
        arena.in_flight += 1;
        let flags = (SendFlags::NOSIGNAL | SendFlags::DONTWAIT).bits();
        let entry = opcode::Send::new(Fd(fd.as_raw_fd()), start, length)
            .flags(flags.cast_signed())
            .build();
        self.push(entry, tag);
        Span { at, len: length }
    }

    /// The bytes of a span from `sent` on. They stay until room is lent again.
    pub(super) fn unsent(&self, span: Span, sent: usize) -> &[u8] {
        let sent = sent.min(span.len());
        let len = span.len() - sent;
        let arena = self.arena.as_ref().expect(OPENED);
        let start = arena.memory.address(span.at as usize + sent, len);
        // SAFETY: within the region (checked) and initialised. The kernel only reads it, and `room`
        // needs the ring for itself.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// What was received.
    pub(super) fn bytes(&self, piece: &Piece) -> &[u8] {
        let buffers = self.buffers.as_ref().expect(OPENED);
        let (at, len) = (buffers.place(piece.buffer), piece.len());
        let start = buffers.memory.address(at + piece.at as usize, len);
        // SAFETY: within the region (checked) and initialised. The kernel has filled these bytes
        // and goes on behind them; it gets the buffer anew only when its pieces are released,
        // which needs the ring for itself.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// Takes the first `n` bytes off a piece. `None` when nothing is left of it.
    pub(super) fn consume(&mut self, mut piece: Piece, n: usize) -> Option<Piece> {
        let n = u32::try_from(n).unwrap_or(u32::MAX).min(piece.len);
        piece.at += n;
        piece.len -= n;
        self.buffers().release(piece.buffer, n);
        (piece.len > 0).then_some(piece)
    }

    /// Joins a piece to the one before it, if its bytes lie right behind.
    pub(super) fn join(first: &mut Piece, second: Piece) -> Result<(), Piece> {
        if first.buffer != second.buffer || first.at + first.len != second.at {
            return Err(second);
        }
        first.len += second.len;
        Ok(())
    }

    /// Queues an operation. Is it queued?
    fn push(&mut self, entry: squeue::Entry, tag: Tag) -> bool {
        let entry = entry.user_data(tag.to_u64());
        if !self.make_place() {
            return false;
        }
        // SAFETY: what the entry points to is an address in `addresses` or bytes of a region. The
        // address stays until the entry has been submitted, when the kernel has its copy, the bytes
        // until the operation has ended. The descriptor is open: it is closed by an entry that comes
        // later, or when the ring is gone.
        let pushed = unsafe { self.ring().submission().push(&entry) }.is_ok();
        self.in_flight += u32::from(pushed);
        pushed
    }

    /// Makes sure that the next entry finds a place, and that nothing is submitted to make one.
    fn make_place(&mut self) -> bool {
        for _ in 0..TRIES {
            if !self.ring().submission().is_full() {
                return true;
            }
            self.submit();
        }
        self.broken.get_or_insert(Errno::AGAIN);
        false
    }

    /// Hands all operations to the kernel, and waits for nothing.
    pub(super) fn submit(&mut self) {
        let queued = self.queued();
        // SAFETY: no argument is passed.
        let result = unsafe { self.ring().submitter().enter::<()>(queued, 0, 0, None) };
        self.submitted(result.map(drop));
    }

    /// Hands all operations to the kernel and lets it work on what has come; waits for completions
    /// if there is patience.
    ///
    /// # Errors
    /// The kernel takes no operations.
    pub(super) fn enter(&mut self, patience: Option<Patience>) -> io::Result<()> {
        let result = match patience {
            None => {
                let flags = EnterFlags::GETEVENTS.bits();
                let queued = self.queued();
                // SAFETY: no argument is passed.
                unsafe { self.ring().submitter().enter::<()>(queued, 0, flags, None) }
            }
            Some(patience) => {
                let time = patience.at_most.map_or_else(Timespec::new, Timespec::from);
                let mut args = SubmitArgs::new();
                if patience.at_most.is_some() {
                    args = args.timespec(&time);
                }
                let can = self.ring().params().is_feature_min_timeout();
                let (want, gather) = patience.gathering(can);
                let args = args.min_wait_usec(gather);
                self.ring().submitter().submit_with_args(want, &args)
            }
        };
        self.submitted(result.map(drop));
        match self.broken {
            Some(errno) => Err(errno.into()),
            None => Ok(()),
        }
    }

    fn queued(&mut self) -> u32 {
        // It is at most the size of the queue, which is 32 bits.
        u32::try_from(self.ring().submission().len()).unwrap_or(u32::MAX)
    }

    /// What a call of `io_uring_enter` has led to.
    fn submitted(&mut self, result: io::Result<()>) {
        if self.queued() == 0 {
            self.addresses.clear();
        }
        let Err(error) = result else { return };
        match Errno::from_io_error(&error) {
            // A signal, the end of the time, or completions that must be looked at first: the next
            // call goes on.
            Some(Errno::INTR | Errno::TIME | Errno::BUSY | Errno::AGAIN) => {}
            errno => {
                self.broken.get_or_insert(errno.unwrap_or(Errno::IO));
            }
        }
    }

    /// The next completion, if one has come.
    pub(super) fn next(&mut self) -> Option<Done> {
        let entry = self.ring().completion().next()?;
        let (flags, code) = (entry.flags(), entry.result());
        let tag = Tag::from_u64(entry.user_data());
        let more = cqueue::more(flags);
        if !more {
            self.in_flight -= 1;
        }
        if tag.op() == Op::Send {
            self.arena().in_flight -= 1;
        }
        let result = match u32::try_from(code) {
            Ok(count) => Ok(count),
            Err(_) => Err(Errno::from_raw_os_error(-code)),
        };
        let piece = cqueue::buffer_select(flags).and_then(|buffer| {
            let len = result.unwrap_or(0);
            self.buffers().take(buffer, len, cqueue::buffer_more(flags))
        });
        Some(Done {
            tag,
            result,
            piece,
            more,
        })
    }

    /// Ends all operations and waits for their last completions. Have all come?
    fn finish(&mut self) -> bool {
        // Closes that were not submitted yet would leave their descriptors open.
        self.submit();
        let all = CancelBuilder::any();
        let _ = self.ring().submitter().register_sync_cancel(None, all);
        for _ in 0..LAST_WAITS {
            while let Some(done) = self.next() {
                if let Some(piece) = done.piece {
                    let len = piece.len();
                    self.consume(piece, len);
                }
            }
            if self.in_flight == 0 {
                return true;
            }
            let patience = Patience {
                at_most: Some(LAST_WAIT),
                completions: 1,
                gather: Duration::ZERO,
            };
            if self.enter(Some(patience)).is_err() {
                return false;
            }
        }
        false
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let finished = self.finish();
        let buffers = self.buffers.take();
        let arena = self.arena.take();
        drop(self.ring.take());
        if !finished {
            // The kernel may still write to it: better lost than given to somebody else.
            std::mem::forget((buffers, arena));
        }
    }
}
