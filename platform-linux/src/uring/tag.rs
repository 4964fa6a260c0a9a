//! What an operation is tagged with: whose it is, and which.

use muxfer_core::ConnId;

/// An operation of a connection, or of the loop itself. Four bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Receive,
    Send,
    Connect,
    PollIn,
    PollOut,
    /// The watch for the end of the stream, beside a receive.
    PollEnd,
    /// The loop's own watch on look-ups.
    Names,
    /// The loop's own watch on wake-ups.
    Waker,
    /// Nobody waits for its end.
    Ignored,
}

const OPS: [Op; 9] = [
    Op::Receive,
    Op::Send,
    Op::Connect,
    Op::PollIn,
    Op::PollOut,
    Op::PollEnd,
    Op::Names,
    Op::Waker,
    Op::Ignored,
];

/// How many of the lower 32 bits name the operation; the rest of them is the index of the
/// connection's id, the upper 32 bits are its generation.
const OP_BITS: u32 = 4;
/// Indices above this can't be tagged.
const MOST_INDEX: u64 = (1 << (32 - OP_BITS)) - 1;
const LOWER: u64 = 0xffff_ffff;

/// `user_data` of an operation. As it holds the generation of the connection, a late completion
/// never names a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u64);

impl Tag {
    pub(super) const IGNORED: Self = Self(Op::Ignored as u64);
    pub(super) const NAMES: Self = Self(Op::Names as u64);
    pub(super) const WAKER: Self = Self(Op::Waker as u64);

    /// `None` for an index of 2²⁸ or more.
    pub(super) fn new(conn: ConnId, op: Op) -> Option<Self> {
        let (generation, index) = (conn.to_u64() & !LOWER, conn.to_u64() & LOWER);
        (index <= MOST_INDEX).then_some(Self(generation | (index << OP_BITS) | op as u64))
    }

    pub(super) fn conn(self) -> Option<ConnId> {
        ConnId::from_u64((self.0 & !LOWER) | ((self.0 & LOWER) >> OP_BITS))
    }

    pub(super) fn op(self) -> Op {
        let op = self.0 & ((1 << OP_BITS) - 1);
        OPS.get(op as usize).copied().unwrap_or(Op::Ignored)
    }

    pub(super) const fn to_u64(self) -> u64 {
        self.0
    }

    pub(super) const fn from_u64(bits: u64) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_holds_connection_and_operation() {
        for index in [0, 1, 12_345, MOST_INDEX] {
            let conn = ConnId::from_u64((7 << 32) | index).expect("an id");
            for op in OPS {
                let tag = Tag::new(conn, op).expect("a tag");
                assert_eq!((tag.conn(), tag.op()), (Some(conn), op));
                assert_eq!(Tag::from_u64(tag.to_u64()), tag);
            }
        }
        let beyond = ConnId::from_u64((1 << 32) | (MOST_INDEX + 1)).expect("an id");
        assert_eq!(Tag::new(beyond, Op::Receive), None);
    }

    #[test]
    fn the_loops_own_tags_name_no_connection() {
        for tag in [Tag::IGNORED, Tag::NAMES, Tag::WAKER] {
            assert_eq!(tag.conn(), None);
        }
    }
}
