//! The record of how far an update is, as bytes.

use super::answer::Tag;
use super::hash::Hash;

/// The bytes of a record. In the flash it may take more, up to the next write unit.
pub(super) const LENGTH: usize = 128;
/// The longest entity tag that is kept, with its quotes.
pub(super) const TAG: usize = 80;

const MAGIC: u32 = u32::from_le_bytes(*b"mxu1");
const CHECKED: usize = LENGTH - SUM;
const SUM: usize = 12;
/// Stands for a length that is not known.
const UNKNOWN: u32 = u32::MAX;

/// What stands for a job: its URL and the digest of its image, hashed.
pub(super) type JobId = [u8; 16];

/// How far an update is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The larger, the newer.
    pub(super) sequence: u32,
    pub(super) job: JobId,
    /// So many bytes from the start of the image are in the flash.
    pub(super) written: u32,
    pub(super) total: Option<u32>,
    /// Strong; empty if there is none.
    pub(super) tag: Tag,
}

impl Record {
    pub(super) fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.written.to_le_bytes());
        let total = self.total.unwrap_or(UNKNOWN);
        bytes[12..16].copy_from_slice(&total.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.job);
        let tag = self.tag.as_bytes();
        // A tag has at most 80 bytes.
        bytes[32] = u8::try_from(tag.len()).unwrap_or(0);
        bytes[36..36 + tag.len()].copy_from_slice(tag);
        let sum = checksum(&bytes);
        bytes[CHECKED..].copy_from_slice(&sum);
        bytes
    }

    /// `None` if it is anything but a whole record.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.first_chunk()?;
        // Few places look like a record: most are told from the first word.
        if word(bytes, 0) != MAGIC || checksum(bytes) != bytes[CHECKED..] {
            return None;
        }
        let tag = bytes.get(36..36 + usize::from(bytes[32]))?;
        Some(Self {
            sequence: word(bytes, 4),
            written: word(bytes, 8),
            total: Some(word(bytes, 12)).filter(|total| *total != UNKNOWN),
            job: *bytes[16..].first_chunk()?,
            tag: Tag::try_from(core::str::from_utf8(tag).ok()?).ok()?,
        })
    }
}

/// Another URL or another digest is another job: what is there is not continued for it.
pub(super) fn job_id(url: &str, digest: &[u8; 32]) -> JobId {
    let mut hash = Hash::new();
    hash.update(digest);
    hash.update(url.as_bytes());
    front(&hash.finish())
}

/// The hash is there anyway, and finds more than a CRC does.
fn checksum(bytes: &[u8; LENGTH]) -> [u8; SUM] {
    let mut hash = Hash::new();
    hash.update(&bytes[..CHECKED]);
    front(&hash.finish())
}

fn front<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    let mut front = [0; N];
    front.copy_from_slice(&hash[..N]);
    front
}

fn word(bytes: &[u8; LENGTH], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tag: &str) -> Record {
        Record {
            sequence: 7,
            job: job_id("http://a/", &[3; 32]),
            written: 4096,
            total: Some(10_000),
            tag: Tag::try_from(tag).expect("short enough"),
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let longest = core::str::from_utf8(&[b'x'; TAG]).expect("text");
        for tag in ["", "\"v1\"", longest] {
            for total in [None, Some(0), Some(u32::MAX - 1)] {
                let record = Record {
                    total,
                    ..record(tag)
                };
                assert_eq!(Record::decode(&record.encode()), Some(record));
            }
        }
    }

    #[test]
    fn a_record_with_any_bit_changed_is_none() {
        let good = record("\"v1\"").encode();
        for bit in 0..LENGTH * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&bad), None, "bit {bit}");
        }
        for length in 0..LENGTH {
            let mut cut = [0xff; LENGTH];
            cut[..length].copy_from_slice(&good[..length]);
            assert_eq!(Record::decode(&cut), None, "{length} bytes");
            assert_eq!(Record::decode(&good[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn url_and_digest_make_a_job() {
        let id = job_id("http://a/", &[3; 32]);
        assert_ne!(id, job_id("http://b/", &[3; 32]));
        assert_ne!(id, job_id("http://a/", &[4; 32]));
    }
}
