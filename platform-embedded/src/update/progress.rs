//! How far an update is, and what each answer and each end of an attempt means for it. Knows nothing
//! of the flash's type, so that it exists once.

use muxfer_core::Error;
use muxfer_core::easy::Head;
use muxfer_core::time::Instant;

use super::Verified;
use super::answer::{Answer, Tag};
use super::fault::{Fault, Remedy};
use super::hash::Hash;
use super::record::{JobId, Record};
use crate::retry::{Attempts, Backoff};

/// With so many bytes more than ever before an attempt has made progress.
const PROGRESS: u32 = 1024;

/// Where an update stands.
///
/// ```text
/// New ──▶ Ready ──▶ Verifying ──▶ Complete
///   │      │  ▲         │  │
///   │      ▼  │         │  ▼
///   │    Waiting ◀──────┘ Failed      (from each state but Complete)
///   └──────▶ Verifying                (all was written before a reset)
/// ```
pub(super) enum State {
    /// The records were not read.
    New,
    /// An attempt may start, or is under way in the engine.
    Ready,
    /// The next attempt is due then.
    Waiting(Instant),
    /// So many bytes were read back.
    Verifying {
        at: u32,
        hash: Hash,
    },
    Complete(Verified),
    Failed(Fault),
}

/// What the body of an answer is.
pub(super) enum Accepted {
    /// The image from its first byte, with its length if that is known.
    Whole(Option<u32>),
    /// What is missing of it.
    Rest,
    /// Not for us: of an answer that the engine follows or judges.
    Nothing,
}

pub(super) struct Progress {
    pub(super) state: State,
    /// What the present attempt asks for: the rest from here; 0 is the whole.
    pub(super) from: u32,
    pub(super) total: Option<u32>,
    /// Of the image that is being written; empty if it can't be continued.
    pub(super) tag: Tag,
    pub(super) answer: Answer,
    /// Why the update itself has ended the attempt.
    pub(super) fault: Option<Fault>,
    /// What the present answer may fill the image up to.
    limit: u32,
    /// The last record says that so much is written.
    recorded: u32,
    /// The most bytes that there ever were at the end of an attempt that counted as progress.
    best: u32,
    /// The image was put together from more than one answer, or its end may only be that of the
    /// connection.
    is_doubtful: bool,
    /// A wrong digest was answered with another download.
    is_repeated: bool,
    attempts: Attempts,
}

impl Progress {
    pub(super) const fn new(backoff: Backoff, seed: u64) -> Self {
        Self {
            state: State::New,
            from: 0,
            total: None,
            tag: Tag::new(),
            answer: Answer::new(),
            fault: None,
            limit: 0,
            recorded: 0,
            best: 0,
            is_doubtful: false,
            is_repeated: false,
            attempts: Attempts::new(backoff, seed),
        }
    }

    /// Goes on where an earlier run has ended.
    pub(super) fn resume(&mut self, record: Record) {
        (self.recorded, self.best) = (record.written, record.written);
        (self.total, self.tag) = (record.total, record.tag);
        self.is_doubtful = true;
        if record.total == Some(record.written) {
            self.verify();
        }
    }

    /// Fixes what the next attempt asks for.
    pub(super) fn ask(&mut self, position: u32) {
        self.from = if self.tag.is_empty() { 0 } else { position };
        self.answer = Answer::new();
        self.fault = None;
        self.limit = 0;
    }

    /// The image starts over.
    pub(super) fn anew(&mut self, length: Option<u32>) {
        self.total = length;
        self.tag.clear();
        self.recorded = 0;
        self.is_doubtful = false;
    }

    /// An answer brings the image from its first byte.
    pub(super) fn begin(&mut self, head: &Head, total: Option<u32>) {
        self.total = total;
        self.is_doubtful = head.length.is_none();
        self.tag = self.answer.tag.clone();
    }

    /// What the body behind this head is for the image. Nothing has been changed in the flash yet.
    pub(super) fn accept(
        &mut self,
        head: &Head,
        size: u32,
        wanted: Option<u32>,
        may_restart: bool,
    ) -> Result<Accepted, Fault> {
        match head.code {
            _ if head.followed => Ok(Accepted::Nothing),
            200 if self.answer.is_encoded => Err(Fault::Encoded),
            200 if self.from > 0 && !may_restart => Err(Fault::Whole),
            200 => self.whole(head.length, size, wanted).map(Accepted::Whole),
            206 if self.from > 0 => self.rest(head.length, size).map(|()| Accepted::Rest),
            // The engine does not take a part for the whole, nor an error for an image.
            100..200 | 206 | 400.. => Ok(Accepted::Nothing),
            code => Err(Fault::Status(code)),
        }
    }

    /// The length of an image that comes whole.
    fn whole(
        &mut self,
        length: Option<u64>,
        size: u32,
        wanted: Option<u32>,
    ) -> Result<Option<u32>, Fault> {
        let total = match length.map(u32::try_from) {
            None => wanted,
            Some(Ok(length)) if wanted.is_none_or(|wanted| wanted == length) => Some(length),
            Some(Ok(_)) => return Err(Fault::Length),
            Some(Err(_)) => return Err(Fault::TooLarge),
        };
        self.limit = total.unwrap_or(size);
        if self.limit > size {
            return Err(Fault::TooLarge);
        }
        Ok(total)
    }

    /// The rest must be of the same image. That it starts where the present bytes end is checked by
    /// the engine.
    fn rest(&mut self, length: Option<u64>, size: u32) -> Result<(), Fault> {
        let Some(part) = self.answer.part else {
            // The engine refuses it.
            return Ok(());
        };
        let same_length =
            length.is_none_or(|length| length == (part.last - part.first).saturating_add(1));
        if self.answer.is_encoded || self.answer.tag != self.tag || !same_length {
            return Err(Fault::Changed);
        }
        let end = u32::try_from(part.last.saturating_add(1)).map_err(|_| Fault::Changed)?;
        match (part.complete.map(u32::try_from), self.total) {
            (None, total) => self.limit = total.unwrap_or(size),
            (Some(Ok(complete)), Some(total)) if complete == total => self.limit = total,
            (Some(Ok(complete)), None) if complete <= size => {
                self.limit = complete;
                self.total = Some(complete);
            }
            (Some(_), _) => return Err(Fault::Changed),
        }
        if end > self.limit {
            return Err(Fault::Changed);
        }
        self.limit = end;
        self.is_doubtful = true;
        Ok(())
    }

    /// So many bytes come. They must not lead over what the answer may fill.
    pub(super) fn expect(&self, position: u32, bytes: usize) -> Result<(), Fault> {
        let left = self.limit.saturating_sub(position) as usize;
        match self.total {
            _ if bytes <= left => Ok(()),
            None => Err(Fault::TooLarge),
            Some(_) if self.answer.code == 206 => Err(Fault::Changed),
            Some(_) => Err(Fault::Length),
        }
    }

    /// Is it time for a record? Not for an image that can't be continued.
    pub(super) fn is_due(&self, position: u32, every: u32) -> bool {
        !self.tag.is_empty() && position.saturating_sub(self.recorded) >= every
    }

    /// The record for so many bytes in the flash.
    pub(super) fn record(&mut self, job: JobId, written: u32) -> Record {
        self.recorded = written;
        Record {
            sequence: 0,
            job,
            written,
            total: self.total,
            tag: self.tag.clone(),
        }
    }

    /// Is all there after an attempt that has ended so?
    pub(super) fn judge(&mut self, position: u32, result: Result<(), Error>) -> Result<(), Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        match (result, self.total) {
            // Only the end of the answer was missing: the digest tells.
            (_, Some(total)) if total == position && self.answer.code / 100 == 2 => Ok(()),
            // The server says that what is here is all that there is.
            (Ok(()), _) if self.answer.code == 416 => match self.total {
                None => Ok(()),
                Some(_) => Err(Fault::Changed),
            },
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(_)) => Err(Fault::Short),
            (Err(error), _) => Err(Fault::Transfer(error)),
        }
    }

    pub(super) fn verify(&mut self) {
        self.state = State::Verifying {
            at: 0,
            hash: Hash::new(),
        };
    }

    pub(super) fn fail(&mut self, why: Fault) {
        self.state = State::Failed(why);
    }

    /// An attempt has failed: waits for the next, or fails for good.
    pub(super) fn retry(&mut self, now: Instant, position: u32, why: Fault) -> Remedy {
        let remedy = why.remedy();
        if matches!(remedy, Remedy::None) {
            self.fail(why);
            return remedy;
        }
        // Each place counts once: a server that lets an image start over again and again does not
        // gain attempts by it, nor does one that gives a byte at a time.
        if position >= self.best.saturating_add(PROGRESS) {
            self.best = position;
            self.attempts.progressed();
        }
        self.wait(now, why);
        remedy
    }

    /// Could another download be better than one that had the wrong digest? It is tried once.
    pub(super) const fn is_worth_repeating(&self) -> bool {
        self.is_doubtful && !self.is_repeated
    }

    /// The image had the wrong digest: once, it is fetched whole.
    pub(super) fn once_more(&mut self, now: Instant, why: Fault) {
        self.is_repeated = true;
        self.wait(now, why);
    }

    fn wait(&mut self, now: Instant, why: Fault) {
        self.state = match self.attempts.failed(now, self.answer.retry_after) {
            Some(at) => State::Waiting(at),
            None => State::Failed(why),
        };
    }
}
