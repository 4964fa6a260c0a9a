//! A bounded buffer: filled at its end, emptied at its front.

/// Bytes on their way.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// Room for so many bytes. They are written to, so that the system gives the memory now: it must
    /// not look like a leak when it comes into use little by little.
    pub(super) fn new(room: usize) -> Self {
        Self {
            bytes: vec![0xff; room].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// What it holds.
    pub(super) fn held(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Where more can be put; empty if it is full.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes were put into the room.
    pub(super) fn put(&mut self, count: usize) {
        self.end += count;
    }

    /// So many bytes have left.
    pub(super) fn take(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            self.clear();
        }
    }

    /// Forgets what it holds.
    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_their_order_and_their_room_is_used_again() {
        let mut buffer = Buffer::new(4);
        buffer.room().copy_from_slice(b"abcd");
        buffer.put(4);
        assert!(buffer.room().is_empty());
        buffer.take(3);
        buffer.room()[..2].copy_from_slice(b"ef");
        buffer.put(2);
        assert_eq!(buffer.held(), b"def");
        buffer.take(3);
        assert_eq!(buffer.room().len(), 4);
    }
}
