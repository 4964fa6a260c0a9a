//! What the engine's types take: numbers that its users plan their memory with.

use muxfer_core::{Error, Event, Handle, Message, Multi, Sizes};

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub what: &'static str,
    /// What it takes here, in bytes.
    pub bytes: usize,
    /// What it may take at most on a machine with 64-bit pointers, in bytes.
    pub promised: usize,
}

/// What there is one of for each transfer, connection or origin, easy handles and names apart; the
/// engine itself; and what is passed around by value.
#[must_use]
pub const fn table() -> &'static [Row] {
    const {
        &[
            Row {
                what: "place of a transfer",
                bytes: Sizes::HERE.transfer,
                promised: 224,
            },
            Row {
                what: "its deadline",
                bytes: Sizes::HERE.deadline,
                promised: 16,
            },
            Row {
                what: "place of a connection",
                bytes: Sizes::HERE.conn,
                promised: 80,
            },
            Row {
                what: "all three",
                bytes: Sizes::HERE.transfer_with_connection(),
                promised: 320,
            },
            Row {
                what: "place of an origin",
                bytes: Sizes::HERE.origin,
                promised: 208,
            },
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
