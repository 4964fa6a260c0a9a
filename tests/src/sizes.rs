//! What the engine's types take: numbers that its users plan their memory with.

use muxfer_core::store::{DeadlineEntry, Slot};
use muxfer_core::{Conn, Error, Event, Handle, Message, Multi, Origin, Transfer};

/// One type of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The type, as its users write it.
    pub what: &'static str,
    /// What it takes here, in bytes.
    pub bytes: usize,
    /// What it may take at most on a machine with 64-bit pointers, in bytes.
    pub promised: usize,
}

/// The types of which there is one for each transfer, connection or origin, or that are passed
/// around by value.
#[must_use]
pub const fn table() -> &'static [Row] {
    const {
        &[
            row::<Slot<Transfer<()>>>("Slot<Transfer<()>>", 288),
            row::<DeadlineEntry>("DeadlineEntry", 16),
            row::<Slot<Conn>>("Slot<Conn>", 96),
            row::<Slot<Origin>>("Slot<Origin>", 208),
            row::<Multi<'static, ()>>("Multi<()>", 512),
            row::<Message>("Message", 16),
            row::<Handle>("Handle", 8),
            row::<Option<Handle>>("Option<Handle>", 8),
            row::<Event>("Event", 12),
            row::<Error>("Error", 8),
        ]
    }
}

const fn row<T>(what: &'static str, promised: usize) -> Row {
    Row {
        what,
        bytes: size_of::<T>(),
        promised,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_type_takes_more_than_was_promised() {
        for row in table() {
            assert!(row.bytes <= row.promised, "{row:?}");
        }
    }
}
