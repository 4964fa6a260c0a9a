//! Bodies that both sides can make, so that neither has to store one.

/// The lengths that occur: from nothing to a MiB, most of them small.
pub(super) fn length_of(number: usize) -> usize {
    match number % 100 {
        0 => 0,
        1..60 => number * 37 % 2_048,
        60..90 => 16 * 1024 + number * 131 % 16_384,
        90..99 => 128 * 1024 + number,
        _ => 1024 * 1024,
    }
}

/// The body of one number and length, from its first byte to its last.
#[derive(Clone, Debug)]
pub(super) struct Content {
    state: u32,
    left: usize,
}

impl Content {
    pub(super) fn new(number: usize, length: usize) -> Self {
        let seed = u32::try_from(number % 0xffff).unwrap_or(0);
        Self {
            state: seed.wrapping_mul(0x9e37_79b9) | 1,
            left: length,
        }
    }

    /// Are these the next bytes? They are used up.
    pub(super) fn matches(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| self.next() == Some(*byte))
    }

    /// Was it used up to its end?
    pub(super) const fn is_complete(&self) -> bool {
        self.left == 0
    }
}

impl Iterator for Content {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        // A linear congruence: cheap, and any shifted, lost or doubled byte shows.
        self.state = self
            .state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        Some(self.state.to_be_bytes()[0])
    }
}
