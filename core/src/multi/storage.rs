//! The memory of an engine: borrowed slices, and an owner with fixed capacities for a `static`.

use crate::conn::Conn;
use crate::origin::Origin;
use crate::store::{DeadlineEntry, Slot};
use crate::transfer::Transfer;

/// The memory that an engine works on. Its lengths are the engine's capacities.
#[derive(Debug)]
pub struct Storage<'s, E> {
    /// One place for each transfer, done ones that were not removed included.
    pub transfers: &'s mut [Slot<Transfer<E>>],
    /// One deadline for each transfer.
    pub deadlines: &'s mut [DeadlineEntry],
    /// One place for each connection, idle ones and attempts to connect included.
    pub conns: &'s mut [Slot<Conn>],
    /// One place for each origin that is in use or remembered.
    pub origins: &'s mut [Slot<Origin>],
    /// About as many as origins.
    pub buckets: &'s mut [u32],
    /// Divided among the origins: the longest host name is `names.len() / origins.len()`.
    pub names: &'s mut [u8],
    /// Divided into blocks for header lines that came in pieces. One is kept for the engine.
    pub lines: &'s mut [u8],
    /// The length of such a block: the longest header line, and the longest URL of a redirect.
    pub line_bytes: usize,
}

/// An owner of storage with fixed capacities, for a `static` or the stack.
///
/// `NAMES` is the length of the longest host name, `LINES` the number of line blocks (at least 2)
/// and `LINE` the length of each. A new one is all zeros.
#[derive(Debug)]
pub struct Resources<
    E,
    const TRANSFERS: usize,
    const CONNS: usize,
    const ORIGINS: usize,
    const NAMES: usize,
    const LINES: usize,
    const LINE: usize,
> {
    transfers: [Slot<Transfer<E>>; TRANSFERS],
    deadlines: [DeadlineEntry; TRANSFERS],
    conns: [Slot<Conn>; CONNS],
    origins: [Slot<Origin>; ORIGINS],
    buckets: [u32; ORIGINS],
    names: [[u8; NAMES]; ORIGINS],
    lines: [[u8; LINE]; LINES],
}

impl<
    E,
    const TRANSFERS: usize,
    const CONNS: usize,
    const ORIGINS: usize,
    const NAMES: usize,
    const LINES: usize,
    const LINE: usize,
> Resources<E, TRANSFERS, CONNS, ORIGINS, NAMES, LINES, LINE>
{
    /// Empty tables.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            transfers: [const { Slot::EMPTY }; TRANSFERS],
            deadlines: [DeadlineEntry::EMPTY; TRANSFERS],
            conns: [const { Slot::EMPTY }; CONNS],
            origins: [const { Slot::EMPTY }; ORIGINS],
            buckets: [0; ORIGINS],
            names: [[0; NAMES]; ORIGINS],
            lines: [[0; LINE]; LINES],
        }
    }

    /// The memory, for [`Multi::new`](crate::Multi::new).
    pub const fn storage(&mut self) -> Storage<'_, E> {
        Storage {
            transfers: &mut self.transfers,
            deadlines: &mut self.deadlines,
            conns: &mut self.conns,
            origins: &mut self.origins,
            buckets: &mut self.buckets,
            names: self.names.as_flattened_mut(),
            lines: self.lines.as_flattened_mut(),
            line_bytes: LINE,
        }
    }
}

impl<
    E,
    const TRANSFERS: usize,
    const CONNS: usize,
    const ORIGINS: usize,
    const NAMES: usize,
    const LINES: usize,
    const LINE: usize,
> Default for Resources<E, TRANSFERS, CONNS, ORIGINS, NAMES, LINES, LINE>
{
    fn default() -> Self {
        Self::new()
    }
}
