//! Memory that all secured connections share, and blocks for what one of them must keep.

use muxfer_core::ConnId;

/// How much is taken from the inner transport at once: 128 KiB.
pub(super) const PULL: usize = 128 * 1024;
/// The least that is taken: a record is at most 16 KiB and what surrounds it.
pub(super) const RECORD: usize = 16 * 1024 + 5 + 256;
/// The most that a connection may keep of a message that is not complete: handshake messages have at
/// most 64 KiB.
pub(super) const MOST_PARTIAL: usize = 96 * 1024;
/// When all connections together keep more plaintext than this, less is taken at once: 16 MiB.
const MUCH_HELD: usize = 16 * 1024 * 1024;
/// The room for what is to be sent: 64 KiB less what the records add.
const OUT: usize = 64 * 1024 - 5 * OVERHEAD;
/// More than a record adds to its contents.
const OVERHEAD: usize = 64;
/// The contents of a record.
const CONTENTS: usize = 16 * 1024;
/// Rooms of the inner transport below this are not worth a record of their own.
const SMALL: usize = 1024;
/// How many free blocks are kept, and how large they may be.
const FREE_BLOCKS: usize = 16;
const FREE_BYTES: usize = 64 * 1024;

/// Shared by all connections, so that an idle one owns none of it.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Records as they came; decrypted in place.
    pub(super) cipher: Box<[u8]>,
    /// What one connection has received and not consumed.
    pub(super) plain: Vec<u8>,
    /// How much of it is consumed.
    pub(super) at: usize,
    /// Whose it is.
    pub(super) owner: Option<ConnId>,
    /// The room that is lent for sending.
    pub(super) out: Box<[u8]>,
    /// Whose it is between `reserve` and `commit`, and how much was lent.
    pub(super) room: Option<(ConnId, usize)>,
    /// Plaintext that had to leave `plain`, of all connections.
    pub(super) held: usize,
    free: Vec<Vec<u8>>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self {
            cipher: vec![0; MOST_PARTIAL + PULL].into_boxed_slice(),
            plain: Vec::with_capacity(MOST_PARTIAL + PULL),
            at: 0,
            owner: None,
            out: vec![0; OUT].into_boxed_slice(),
            room: None,
            held: 0,
            free: Vec::new(),
        }
    }

    /// How much is taken at once when so much is asked for.
    pub(super) fn pull(&self, at_most: usize) -> usize {
        let most = if self.held > MUCH_HELD { RECORD } else { PULL };
        at_most.clamp(RECORD, most)
    }

    /// The plaintext of a connection in the shared buffer.
    pub(super) fn plain_of(&self, conn: ConnId) -> &[u8] {
        match self.owner == Some(conn) {
            true => self.plain.get(self.at..).unwrap_or(&[]),
            false => &[],
        }
    }

    /// Takes the first `n` bytes of the shared buffer's plaintext.
    pub(super) fn consume(&mut self, n: usize) {
        self.at += n;
        if self.at >= self.plain.len() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        self.plain.clear();
        self.at = 0;
        self.owner = None;
    }

    /// Forgets what a connection has here.
    pub(super) fn forget(&mut self, conn: ConnId) {
        if self.owner == Some(conn) {
            self.clear();
        }
        if self.room.is_some_and(|(owner, _)| owner == conn) {
            self.room = None;
        }
    }

    /// An empty block.
    pub(super) fn block(&mut self) -> Vec<u8> {
        self.free.pop().unwrap_or_default()
    }

    /// Takes a block's memory back.
    pub(super) fn take_back(&mut self, block: &mut Vec<u8>) {
        let mut block = std::mem::take(block);
        let sound = (1..=FREE_BYTES).contains(&block.capacity());
        if sound && self.free.len() < FREE_BLOCKS {
            block.clear();
            self.free.push(block);
        }
    }
}

/// How much plaintext is sure to fit into a room of the inner transport, records and all. Where that
/// is little, it goes through a block.
pub(super) fn plaintext_room(room: usize) -> usize {
    let records = room / CONTENTS + 1;
    room.saturating_sub(records * OVERHEAD).clamp(SMALL, OUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_leave_place_for_what_records_add() {
        assert_eq!(plaintext_room(1), SMALL);
        assert_eq!(plaintext_room(4096), 4096 - OVERHEAD);
        assert_eq!(plaintext_room(64 * 1024), OUT);
        for room in (2048..200_000).step_by(331) {
            let plain = plaintext_room(room);
            let records = plain.div_ceil(CONTENTS);
            assert!(plain + records * 29 <= room, "{room}");
        }
    }

    #[test]
    fn free_blocks_are_used_again() {
        let mut buffers = Buffers::new();
        let mut block = buffers.block();
        block.extend_from_slice(b"secret");
        buffers.take_back(&mut block);
        assert_eq!(block.capacity(), 0, "the connection owns nothing");
        let again = buffers.block();
        assert!(again.is_empty() && again.capacity() > 0);
    }
}
