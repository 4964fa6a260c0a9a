//! The engine's memory on a host: boxed slices, sized once at run time.

use muxfer_core::store::{DeadlineEntry, Slot};
use muxfer_core::{Conn, Origin, Storage, Transfer};

/// How much an engine can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Transfers at once, queued and finished ones that were not removed included.
    pub transfers: usize,
    /// Connections at once, idle ones and attempts that race included.
    pub conns: usize,
    /// Origins that are in use or remembered.
    pub origins: usize,
    /// The longest host name, in bytes.
    pub name_bytes: usize,
    /// The longest header line and the longest URL of a redirect, in bytes.
    pub line_bytes: usize,
    /// How many header lines can be held at once of which only a part has come. A transfer that
    /// finds none free waits for one; at least 1.
    pub lines: usize,
}

impl Capacity {
    /// Room for so many transfers over so many connections, each of which may go to another host.
    /// A few connections more than asked for leave room for attempts that race.
    #[must_use]
    pub fn new(transfers: usize, conns: usize) -> Self {
        let racing = conns.div_ceil(8).min(64);
        let conns = conns.saturating_add(racing);
        Self {
            transfers,
            conns,
            origins: transfers.max(16),
            name_bytes: 253,
            line_bytes: 16 * 1024,
            // Every connection has one of its own, so none waits for another's.
            lines: conns,
        }
    }
}

/// An owner of storage. Names and line blocks cost no resident memory before they are used; tables
/// may, as making them can write to them.
#[derive(Debug)]
pub struct Memory<E> {
    transfers: Box<[Slot<Transfer<E>>]>,
    deadlines: Box<[DeadlineEntry]>,
    conns: Box<[Slot<Conn>]>,
    origins: Box<[Slot<Origin>]>,
    buckets: Box<[u32]>,
    names: Box<[u8]>,
    lines: Box<[u8]>,
    line_bytes: usize,
}

fn boxed<T: Default>(count: usize) -> Box<[T]> {
    std::iter::repeat_with(T::default).take(count).collect()
}

impl<E> Memory<E> {
    /// Empty tables. This is where all memory of the engine is allocated.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        let Capacity {
            transfers,
            conns,
            origins,
            name_bytes,
            line_bytes,
            lines,
        } = capacity;
        Self {
            transfers: boxed(transfers),
            deadlines: boxed(transfers),
            conns: boxed(conns),
            origins: boxed(origins),
            buckets: boxed(origins),
            names: vec![0; origins.saturating_mul(name_bytes)].into_boxed_slice(),
            // One more for the engine itself.
            lines: vec![0; (lines.max(1) + 1).saturating_mul(line_bytes)].into_boxed_slice(),
            line_bytes,
        }
    }

    /// How many bytes that is, users' values included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.transfers)
            + size_of_val(&*self.deadlines)
            + size_of_val(&*self.conns)
            + size_of_val(&*self.origins)
            + size_of_val(&*self.buckets)
            + self.names.len()
            + self.lines.len()
    }

    /// The memory, for [`Multi::new`](muxfer_core::Multi::new).
    pub fn storage(&mut self) -> Storage<'_, E> {
        Storage {
            transfers: &mut self.transfers,
            deadlines: &mut self.deadlines,
            conns: &mut self.conns,
            origins: &mut self.origins,
            buckets: &mut self.buckets,
            names: &mut self.names,
            lines: &mut self.lines,
            line_bytes: self.line_bytes,
        }
    }
}
