//! The memory of an engine: borrowed slices, and an owner with fixed capacities for a `static`.

use crate::conn::Conn;
use crate::easy::Easy;
use crate::origin::Origin;
use crate::store::{DeadlineEntry, Lines, Slot};
use crate::transfer::Transfer;

use super::{Config, Multi};

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

    /// What [`Multi::new`](crate::Multi::new) would refuse does not compile here.
    const IS_ENOUGH: () = assert!(
        TRANSFERS > 0 && CONNS > 0 && ORIGINS > 0 && NAMES > 0,
        "each table needs a place, and each name room"
    );
    const HAS_LINES: () = assert!(
        LINES >= 2 && LINE >= Lines::MIN_BLOCK,
        "two line blocks of 64 bytes are the least"
    );

    /// An engine over this memory. That its capacities suffice is seen when it is compiled, so there
    /// is no error; a budget of 0 is taken for 1.
    pub fn multi(&mut self, config: Config) -> Multi<'_, E>
    where
        E: Easy,
    {
        const { Self::IS_ENOUGH };
        const { Self::HAS_LINES };
        let budget = config.budget.max(1);
        Multi::over(self.storage(), Config { budget, ..config })
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
