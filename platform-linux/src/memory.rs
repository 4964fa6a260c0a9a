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
}

impl Capacity {
    /// Room for so many transfers over so many connections, each of which may go to another host.
    /// A few connections more than asked for leave room for attempts that race.
    #[must_use]
    pub fn new(transfers: usize, conns: usize) -> Self {
        Self {
            transfers,
            conns: conns.saturating_add(conns.div_ceil(8).min(64)),
            origins: transfers.max(16),
            name_bytes: 253,
            line_bytes: 16 * 1024,
        }
    }
}

/// An owner of storage. Pages that are not used yet cost no memory.
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
    /// Empty tables. This is where all memory of the engine is allocated. Every connection has a
    /// line block of its own, so none waits for another's.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        let Capacity {
            transfers,
            conns,
            origins,
            name_bytes,
            line_bytes,
        } = capacity;
        Self {
            transfers: boxed(transfers),
            deadlines: boxed(transfers),
            conns: boxed(conns),
            origins: boxed(origins),
            buckets: boxed(origins),
            names: vec![0; origins.saturating_mul(name_bytes)].into_boxed_slice(),
            lines: vec![0; (conns.max(1) + 1).saturating_mul(line_bytes)].into_boxed_slice(),
            line_bytes,
        }
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
