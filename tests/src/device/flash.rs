//! A NOR flash that forgives nothing and can lose its power in the middle of any operation.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use muxfer_embedded::update::Region;

use crate::sim::Prng;

/// What is known of a write unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Erased,
    Programmed,
    /// The power failed while it was erased or written: it may look like anything.
    Unknown,
}

/// A flash with these units. It panics when something is written twice without an erase between,
/// also where a write or an erase that was cut short may have begun; when a call is not aligned or
/// out of bounds; and when something is changed outside of what was allowed.
pub struct Flash<const WRITE: usize, const ERASE: usize> {
    /// Its bytes.
    pub cells: Vec<u8>,
    /// Writes and erases so far.
    pub operations: usize,
    /// The power fails in the operation of this number, from 0.
    pub cut_at: Option<usize>,
    /// The operation of this number fails, and does nothing.
    pub fail_at: Option<usize>,
    /// What was half written can't be read in half of all cases, as with error correction.
    pub checks: bool,
    /// How often each unit was erased.
    pub erases: Vec<u32>,
    words: Vec<Word>,
    allowed: Vec<Region>,
    is_dead: bool,
    random: Prng,
}

impl<const WRITE: usize, const ERASE: usize> Flash<WRITE, ERASE> {
    /// A flash full of what an earlier use has left, of which only these regions may be changed.
    #[must_use]
    pub fn new(capacity: usize, allowed: &[Region], seed: u64) -> Self {
        let mut random = Prng::new(seed);
        let cells = (0..capacity).map(|_| byte(&mut random)).collect();
        Self {
            cells,
            operations: 0,
            cut_at: None,
            fail_at: None,
            checks: false,
            erases: vec![0; capacity / ERASE],
            words: vec![Word::Programmed; capacity / WRITE],
            allowed: allowed.to_vec(),
            is_dead: false,
            random,
        }
    }

    /// Has the power failed?
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// The power comes back.
    pub const fn reboot(&mut self) {
        self.is_dead = false;
        self.cut_at = None;
        self.fail_at = None;
    }

    /// The first bytes of a region.
    #[must_use]
    pub fn bytes(&self, region: Region, length: usize) -> &[u8] {
        let start = region.start as usize;
        &self.cells[start..start + length]
    }

    /// Counts an operation that changes something. Answers whether the power fails in it.
    fn begin(&mut self, from: usize, to: usize) -> Result<bool, NorFlashErrorKind> {
        if self.is_dead {
            return Err(NorFlashErrorKind::Other);
        }
        let is_allowed = self.allowed.iter().any(|region| {
            let start = region.start as usize;
            start <= from && to <= start + region.size as usize
        });
        assert!(is_allowed, "{from}..{to} is nobody's");
        let nth = self.operations;
        self.operations += 1;
        if self.fail_at == Some(nth) {
            return Err(NorFlashErrorKind::Other);
        }
        self.is_dead = self.cut_at == Some(nth);
        Ok(self.is_dead)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random.below(limit as u64)).unwrap_or(0)
    }

    /// Some words are written, some in part, and none can be relied on.
    fn write_half(&mut self, at: usize, bytes: &[u8]) {
        let whole = self.below(bytes.len() + 1);
        for (place, byte_) in bytes.iter().enumerate() {
            let kept = match place {
                _ if place < whole => 0,
                _ if place < whole + WRITE => byte(&mut self.random),
                _ => 0xff,
            };
            self.cells[at + place] &= byte_ | kept;
        }
        self.words[at / WRITE..(at + bytes.len()) / WRITE].fill(Word::Unknown);
    }

    /// Some units are erased; one looks erased, or untouched, or like anything between or beyond.
    fn erase_half(&mut self, from: usize, to: usize) {
        let whole = from + self.below((to - from) / ERASE) * ERASE;
        self.erase_units(from, whole);
        let look = self.below(4);
        for place in whole..whole + ERASE {
            let noise = byte(&mut self.random);
            let cell = &mut self.cells[place];
            *cell = match look {
                0 => *cell,
                1 => 0xff,
                2 => *cell | noise,
                _ => noise,
            };
        }
        self.words[whole / WRITE..(whole + ERASE) / WRITE].fill(Word::Unknown);
    }

    fn erase_units(&mut self, from: usize, to: usize) {
        self.cells[from..to].fill(0xff);
        self.words[from / WRITE..to / WRITE].fill(Word::Erased);
        for unit in &mut self.erases[from / ERASE..to / ERASE] {
            *unit += 1;
        }
    }
}

fn byte(random: &mut Prng) -> u8 {
    u8::try_from(random.below(256)).unwrap_or(0)
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Flash<WRITE, ERASE> {
    type Error = NorFlashErrorKind;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Flash<WRITE, ERASE> {
    const READ_SIZE: usize = if WRITE < 4 { WRITE } else { 4 };

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        assert!(
            from.is_multiple_of(Self::READ_SIZE) && to.is_multiple_of(Self::READ_SIZE),
            "a read of {from}..{to} is not aligned"
        );
        assert!(
            to <= self.cells.len(),
            "a read of {from}..{to} is out of bounds"
        );
        let words = &self.words[from / WRITE..to.div_ceil(WRITE)];
        let is_hurt = self.checks && words.contains(&Word::Unknown) && self.random.chance(50);
        if self.is_dead || is_hurt {
            return Err(NorFlashErrorKind::Other);
        }
        bytes.copy_from_slice(&self.cells[from..to]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.cells.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Flash<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let (from, to) = (from as usize, to as usize);
        assert!(
            from < to && from.is_multiple_of(ERASE) && to.is_multiple_of(ERASE),
            "an erase of {from}..{to} is not aligned"
        );
        if self.begin(from, to)? {
            self.erase_half(from, to);
            return Err(NorFlashErrorKind::Other);
        }
        self.erase_units(from, to);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        assert!(
            from < to && from.is_multiple_of(WRITE) && to.is_multiple_of(WRITE),
            "a write of {from}..{to} is not aligned"
        );
        let is_dead = self.begin(from, to)?;
        let words = &mut self.words[from / WRITE..to / WRITE];
        assert!(
            words.iter().all(|word| *word == Word::Erased),
            "{from}..{to} is not surely erased"
        );
        if is_dead {
            self.write_half(from, bytes);
            return Err(NorFlashErrorKind::Other);
        }
        words.fill(Word::Programmed);
        self.cells[from..to].copy_from_slice(bytes);
        Ok(())
    }
}
