//! A firmware update: an image is fetched into a flash, over resets and bad networks, and is called
//! complete only when what is in the flash has the right SHA-256.
//!
//! [`Update`] is an easy handle. The application gives it to the engine when [`Update::step`] says
//! so, takes it out when its message comes, hands it the result, and asks for the next step:
//!
//! ```
//! use core::time::Duration;
//! use embedded_storage::nor_flash::NorFlash;
//! use muxfer_embedded::Step;
//! use muxfer_embedded::muxfer_core::time::Instant;
//! use muxfer_embedded::muxfer_core::{Multi, platform::Platform};
//! use muxfer_embedded::update::{Fault, Job, Layout, Region, Update, UpdateOptions, Verified};
//!
//! const LAYOUT: Layout = Layout {
//!     image: Region::new(0x10_0000, 0x8_0000),
//!     records: Region::new(0x1f_e000, 0x2000),
//! };
//! const JOB: Job<'static> = Job::new("http://updates.test/device.bin", [0; 32]);
//!
//! type Engine<'s, 'u, F> = Multi<'s, &'u mut Update<'static, F>>;
//!
//! fn run<'u, F: NorFlash, P: Platform>(
//!     multi: &mut Engine<'_, 'u, F>,
//!     platform: &mut P,
//!     mut wait: impl FnMut(&mut Engine<'_, 'u, F>, &mut P, Option<Instant>) -> Instant,
//!     update: &'u mut Update<'static, F>,
//! ) -> Result<Verified, Fault> {
//!     let mut now = Instant::ZERO;
//!     let mut idle = Some(update);
//!     loop {
//!         let mut until = None;
//!         if let Some(update) = idle.take() {
//!             match update.step(now) {
//!                 Step::Start => match multi.add(now, platform, update) {
//!                     Ok(_handle) => {}
//!                     // No place: once more when something has left the engine.
//!                     Err(full) => idle = Some(full.easy),
//!                 },
//!                 Step::Wait(at) => (idle, until) = (Some(update), Some(at)),
//!                 Step::Again => (idle, until) = (Some(update), Some(now)),
//!                 Step::Complete(image) => return Ok(image),
//!                 Step::Failed(why) => return Err(why),
//!             }
//!         }
//!         // Waits for the network, the engine's timer or `until`, and runs the engine.
//!         now = wait(multi, platform, until);
//!         while let Some(message) = multi.info_read() {
//!             if let Some(update) = multi.remove(now, platform, message.handle) {
//!                 update.ended(now, message.result);
//!                 idle = Some(update);
//!             }
//!         }
//!     }
//! }
//!
//! fn boot<F: NorFlash>(flash: F) -> Update<'static, F> {
//!     Update::new(flash, LAYOUT, JOB, UpdateOptions::DEFAULT)
//! }
//! ```
//!
//! The engine is given a reference here: an update is large, and need not be moved about, nor make
//! each place of the engine as large.
//!
//! # What is kept over a reset
//! Records in sectors of their own: a hash of URL and digest, the strong entity tag, the length, and
//! how many bytes are safely written. A record is good or not there, whenever the power fails. After
//! a reset the rest is asked for with `Range` and `If-Range`, from the last record. An answer that
//! starts elsewhere, is of another length or has another tag is refused, and the next attempt starts
//! from the first byte. Without a strong tag there are no records and each attempt starts there.
//!
//! # What it costs
//! Erasing and writing happen in [`Easy::on_body`] and take as long as the flash takes; an erase unit
//! is erased when its first byte comes. The image is read once, at the end, a bounded part in each
//! [`Update::step`]: what is hashed is what is in the flash, whichever attempt and boot wrote it.

mod answer;
mod fault;
mod geometry;
mod hash;
mod image;
mod log;
mod options;
mod progress;
mod record;

pub use fault::{Fault, LayoutError};
pub use options::{Job, Layout, Region, UpdateOptions, Whole};

use embedded_storage::nor_flash::NorFlash;
use muxfer_core::easy::{Flow, Follow, Head, Options, Range, Request, Status, Taken};
use muxfer_core::time::Instant;
use muxfer_core::{Easy, Error};

use crate::Step;
use crate::redirect::Location;
use fault::Remedy;
use geometry::Geometry;
use image::Image;
use log::Log;
use progress::{Accepted, Progress, State};

/// How much of the image one step reads back.
const READ_IN_A_STEP: u32 = 16 * 1024;

/// An image that is complete, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verified {
    /// Its length; it starts at the start of [`Layout::image`].
    pub length: u32,
    /// Its SHA-256, which is [`Job::digest`].
    pub digest: [u8; 32],
}

/// A firmware update over a flash `F`. See the [module](self).
///
/// `BUFFER` bytes are written and read at a time. It must be a multiple of the flash's write and read
/// sizes, divide its erase size, and be at least 128 rounded up to its write size; anything else does
/// not compile. `URL` is the longest URL that a redirect may lead to.
pub struct Update<'a, F, const BUFFER: usize = 256, const URL: usize = 256> {
    chip: F,
    buffer: Aligned<BUFFER>,
    layout: Layout,
    job: Job<'a>,
    options: UpdateOptions,
    location: Location<URL>,
    image: Image,
    log: Log,
    progress: Progress,
}

/// Drivers that move words want them at their place.
#[repr(align(4))]
struct Aligned<const N: usize>([u8; N]);

impl<'a, F: NorFlash, const BUFFER: usize, const URL: usize> Update<'a, F, BUFFER, URL> {
    /// An update. Nothing is read before the first [`Update::step`].
    #[must_use]
    pub const fn new(chip: F, layout: Layout, job: Job<'a>, options: UpdateOptions) -> Self {
        const {
            assert!(
                Geometry::of::<F>().suits(BUFFER),
                "this buffer does not suit this flash"
            );
        };
        Self {
            chip,
            buffer: Aligned([0; BUFFER]),
            layout,
            job,
            options,
            location: Location::new(),
            image: Image::new(layout.image),
            log: Log::new(layout.records),
            progress: Progress::new(options.backoff, options.seed),
        }
    }

    /// What to do next. To be asked only while it is not in the engine. Reads at most 16 KiB of the
    /// flash, in the first call the records; may erase records and write one.
    pub fn step(&mut self, now: Instant) -> Step<Verified, Fault> {
        if matches!(self.progress.state, State::New) {
            self.open();
        }
        match &mut self.progress.state {
            State::Waiting(at) if *at > now => Step::Wait(*at),
            State::New | State::Waiting(_) | State::Ready => {
                self.progress.state = State::Ready;
                self.location.clear();
                self.progress.ask(self.image.position());
                Step::Start
            }
            State::Verifying { .. } => {
                self.verify(now);
                Step::Again
            }
            State::Complete(image) => Step::Complete(*image),
            State::Failed(why) => Step::Failed(*why),
        }
    }

    /// It was taken out of the engine: how the transfer ended there.
    pub fn ended(&mut self, now: Instant, result: Result<(), Error>) {
        if !matches!(self.progress.state, State::Ready) {
            return;
        }
        match self.progress.judge(self.image.position(), result) {
            Ok(()) => self.close(),
            Err(why) => self.failed(now, why),
        }
    }

    /// Erases the records: what is in the flash is not continued, nor found to be complete. For
    /// when the image is installed, or is not wanted any more.
    ///
    /// # Errors
    /// The flash failed.
    pub fn forget(&mut self) -> Result<(), Fault> {
        if matches!(self.progress.state, State::New) {
            self.open();
        }
        match self.progress.state {
            State::Failed(why @ Fault::Layout(_)) => return Err(why),
            State::Verifying { .. } => self.progress.state = State::Ready,
            State::New
            | State::Ready
            | State::Waiting(_)
            | State::Complete(_)
            | State::Failed(_) => {}
        }
        self.anew()
    }

    /// How many bytes of the image have come.
    #[must_use]
    pub const fn position(&self) -> u32 {
        self.image.position()
    }

    /// How long the image is, if that is known by now.
    #[must_use]
    pub const fn total(&self) -> Option<u32> {
        self.progress.total
    }

    /// The flash. Whoever writes to the regions of the update spoils it, which is noticed.
    pub const fn flash(&mut self) -> &mut F {
        &mut self.chip
    }

    /// The flash.
    #[must_use]
    pub fn into_flash(self) -> F {
        self.chip
    }

    /// Checks the layout and finds out how far an earlier run got.
    fn open(&mut self) {
        let capacity = self.chip.capacity();
        if let Err(why) = Geometry::of::<F>().check(&self.layout, capacity) {
            return self.progress.fail(Fault::Layout(why));
        }
        if self
            .job
            .length
            .is_some_and(|length| length > self.image.size())
        {
            return self.progress.fail(Fault::TooLarge);
        }
        self.progress.total = self.job.length;
        self.progress.state = State::Ready;
        let Some(record) = self.log.open(&mut self.chip, &mut self.buffer.0) else {
            return;
        };
        let erase = Geometry::of::<F>().erase;
        let is_usable = record.written <= self.image.size()
            && (record.total == Some(record.written) || record.written.is_multiple_of(erase))
            && self
                .job
                .length
                .is_none_or(|length| record.total == Some(length));
        if is_usable && record.job == record::job_id(self.job.url, &self.job.digest) {
            self.image.set_position(record.written);
            self.progress.resume(record);
        }
    }

    /// The image starts over: what an earlier one left is not continued from here on.
    fn anew(&mut self) -> Result<(), Fault> {
        self.progress.anew(self.job.length);
        self.image.set_position(0);
        // Before the first byte of the image is overwritten.
        self.log.clear(&mut self.chip)
    }

    fn failed(&mut self, now: Instant, why: Fault) {
        let remedy = self.progress.retry(now, self.image.position(), why);
        if matches!(remedy, Remedy::Anew)
            && let Err(why) = self.anew()
        {
            self.progress.fail(why);
        }
    }

    /// All has come: writes the rest, notes that it is complete, and has it read back.
    fn close(&mut self) {
        let written = self
            .image
            .close(&mut self.chip, &mut self.buffer.0)
            .and_then(|()| {
                self.progress.total = Some(self.image.position());
                self.record()
            });
        match written {
            Ok(()) => self.progress.verify(),
            Err(why) => self.progress.fail(why),
        }
    }

    fn record(&mut self) -> Result<(), Fault> {
        let written = self.image.position();
        let job = record::job_id(self.job.url, &self.job.digest);
        let record = self.progress.record(job, written);
        self.log.append(&mut self.chip, &mut self.buffer.0, record)
    }

    /// Reads back a part of the image; judges it at the end.
    fn verify(&mut self, now: Instant) {
        let State::Verifying { at, hash } = &mut self.progress.state else {
            return;
        };
        let end = at.saturating_add(READ_IN_A_STEP);
        while *at < end {
            let read = self
                .image
                .read_back(&mut self.chip, &mut self.buffer.0, *at, hash);
            match read {
                Ok(0) => {
                    let digest = hash.finish();
                    return self.judge_image(now, digest);
                }
                Ok(bytes) => *at += bytes,
                Err(why) => {
                    // The next try must not end here at once.
                    let cleared = self.anew();
                    return self.progress.fail(cleared.err().unwrap_or(why));
                }
            }
        }
    }

    fn judge_image(&mut self, now: Instant, digest: [u8; 32]) {
        let why = if digest != self.job.digest {
            Fault::Digest
        } else if self.job.approve.is_some_and(|approve| !approve(&digest)) {
            Fault::Refused
        } else {
            let length = self.image.position();
            self.progress.state = State::Complete(Verified { length, digest });
            return;
        };
        let is_worth_more = self.progress.is_worth_repeating() && matches!(why, Fault::Digest);
        if let Err(flash) = self.anew() {
            return self.progress.fail(flash);
        }
        if is_worth_more {
            self.progress.once_more(now, why);
        } else {
            self.progress.fail(why);
        }
    }

    /// The image that an answer brings.
    fn accept(&mut self, head: &Head) -> Result<(), Fault> {
        let size = self.image.size();
        let may_restart = matches!(self.options.whole, Whole::Restart);
        match self
            .progress
            .accept(head, size, self.job.length, may_restart)?
        {
            Accepted::Whole(total) => {
                self.anew()?;
                self.progress.begin(head, total);
            }
            Accepted::Rest | Accepted::Nothing => {}
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.progress.expect(self.image.position(), bytes.len())?;
        let erase = Geometry::of::<F>().erase;
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.image.put(&mut self.chip, &mut self.buffer.0, rest)?;
            let position = self.image.position();
            if position.is_multiple_of(erase)
                && self.progress.is_due(position, self.options.record_every)
            {
                self.record()?;
            }
        }
        Ok(())
    }

    /// Ends the transfer if there is a fault.
    fn flow(&mut self, result: Result<(), Fault>) -> Flow {
        match result {
            Ok(()) => Flow::Continue,
            Err(why) => {
                self.progress.fault = Some(why);
                Flow::Abort
            }
        }
    }
}

impl<F: NorFlash, const BUFFER: usize, const URL: usize> Easy for Update<'_, F, BUFFER, URL> {
    fn request(&self) -> Request<'_> {
        Request {
            fields: &self.job.fields,
            auth: self.job.auth,
            settings: self.job.settings,
            range: match self.progress.from {
                0 => None,
                from => Some(Range::Resume {
                    from: from.into(),
                    validator: Some(&self.progress.tag),
                }),
            },
            ..Request::get(self.location.or(self.job.url))
        }
    }

    fn options(&self) -> Options {
        Options {
            fail_on_error: true,
            max_body: None,
            ..self.options.transfer
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.progress.answer.begin(status.code);
        Flow::Continue
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        self.progress.answer.field(name, value);
        Flow::Continue
    }

    fn on_head(&mut self, head: &Head) -> Flow {
        let accepted = self.accept(head);
        self.flow(accepted)
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        let put = self.put(bytes);
        match self.flow(put) {
            Flow::Continue => Taken::All,
            Flow::Abort => Taken::Abort,
        }
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        self.location.follow(self.job.url, url)
    }

    /// The head of a whole was accepted, or there would be no asking.
    fn restart(&mut self) -> bool {
        true
    }
}
