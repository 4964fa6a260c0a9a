//! A device that updates itself from a site, over as many boots as it takes.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use muxfer_core::easy::Field;
use muxfer_core::time::Instant;
use muxfer_embedded::retry::Backoff;
use muxfer_embedded::update::{Fault, Job, Layout, Region, Update, UpdateOptions, Verified, Whole};
use sha2::{Digest as _, Sha256};

use super::{Flash, Ran, Site, Trouble, run};
use crate::sim::{Act, Prng, Request, Sim, http};

/// A record each 4 KiB and four attempts.
pub const OPTIONS: UpdateOptions = UpdateOptions {
    record_every: 4096,
    whole: Whole::Restart,
    backoff: Backoff {
        attempts: 4,
        ..Backoff::DEFAULT
    },
    ..UpdateOptions::DEFAULT
};

/// Where the image is.
pub const URL: &str = "http://10.0.0.1/device.bin";

/// What was asked of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The address of the host that was asked.
    pub host: String,
    /// Where the rest begins that was asked for; 0 is the whole.
    pub from: usize,
    /// The value of `If-Range`.
    pub if_range: Option<String>,
    /// The whole head.
    pub head: String,
}

/// A device with its flash, in a network with one site on two hosts.
pub struct Bench<const WRITE: usize, const ERASE: usize, const BUFFER: usize> {
    /// Outlives the boots.
    pub flash: Flash<WRITE, ERASE>,
    /// The image in the last whole units before the end but two, records behind the first unit.
    pub layout: Layout,
    /// Of each boot.
    pub options: UpdateOptions,
    /// What the image must have.
    pub digest: [u8; 32],
    /// Sees the digest.
    pub approve: Option<fn(&[u8; 32]) -> bool>,
    /// The device knows the length beforehand.
    pub knows_length: bool,
    /// Of the request.
    pub fields: Vec<Field<'static>>,
    length: u32,
    now: Instant,
    seed: u64,
    server: Rc<RefCell<Server>>,
}

struct Server {
    site: Site,
    troubles: VecDeque<Trouble>,
    requests: Vec<Asked>,
}

/// An image.
#[must_use]
pub fn image(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Prng::new(seed);
    let byte = |_| u8::try_from(random.below(256)).expect("a byte");
    (0..length).map(byte).collect()
}

impl<const WRITE: usize, const ERASE: usize, const BUFFER: usize> Bench<WRITE, ERASE, BUFFER> {
    /// A device that wants the image of this site.
    #[must_use]
    pub fn new(site: Site, seed: u64) -> Self {
        let erase = u32::try_from(ERASE).expect("small");
        // The image ends in its last unit, right before something that is not ours.
        let length = u32::try_from(site.image.len()).expect("small");
        let size = length.next_multiple_of(erase).max(erase);
        let layout = Layout {
            image: Region::new(4 * erase, size),
            records: Region::new(erase, 2 * erase),
        };
        let capacity = (6 * erase + size) as usize;
        Self {
            flash: Flash::new(capacity, &[layout.image, layout.records], seed),
            layout,
            options: OPTIONS,
            digest: Sha256::digest(&site.image).into(),
            approve: None,
            knows_length: false,
            fields: Vec::new(),
            length,
            now: Instant::from_micros(1_000_000),
            seed,
            server: Rc::new(RefCell::new(Server {
                site,
                troubles: VecDeque::new(),
                requests: Vec::new(),
            })),
        }
    }

    /// What was asked for so far.
    pub fn requests(&self) -> RefMut<'_, Vec<Asked>> {
        RefMut::map(self.server.borrow_mut(), |server| &mut server.requests)
    }

    /// The trouble that the next answers make.
    pub fn troubles(&self) -> RefMut<'_, VecDeque<Trouble>> {
        RefMut::map(self.server.borrow_mut(), |server| &mut server.troubles)
    }

    /// With this trouble in the next answers.
    #[must_use]
    pub fn with(self, troubles: &[Trouble]) -> Self {
        self.troubles().extend(troubles);
        self
    }

    /// The image is another from now on.
    pub fn set_site(&self, site: Site) {
        self.server.borrow_mut().site = site;
    }

    /// A boot: an update from the state of the flash to its end. Answers how it ended, and how many
    /// bytes had come by then.
    pub fn boot(&mut self) -> (Result<Verified, Fault>, usize) {
        let (ran, position) = self.run();
        (ran.end, position)
    }

    /// A boot, with all that is known of it.
    pub fn run(&mut self) -> (Ran<Verified, Fault>, usize) {
        self.seed = self.seed.wrapping_add(1);
        let mut sim = Sim::new(self.seed);
        sim.now = self.now;
        sim.faults.split = 1500;
        sim.faults.ragged = true;
        for host in ["10.0.0.1:80", "10.0.0.2:80"] {
            let server = Rc::clone(&self.server);
            let peer = http(move |request| server.borrow_mut().answer(host, request));
            sim.serve(host, peer);
        }
        let job = Job {
            length: self.knows_length.then_some(self.length),
            fields: &self.fields,
            approve: self.approve,
            ..Job::new(URL, self.digest)
        };
        let options = UpdateOptions {
            seed: self.seed,
            ..self.options
        };
        let mut update: Update<'_, _, BUFFER, 64> =
            Update::new(&mut self.flash, self.layout, job, options);
        let ran = run(&mut sim, &mut update);
        let position = update.position() as usize;
        self.now = sim.now + Duration::from_secs(1);
        (ran, position)
    }

    /// What is in the flash is the image, and it is the only thing that was changed there.
    pub fn assert_image(&self) {
        let bytes = self.flash.bytes(self.layout.image, self.length as usize);
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        assert_eq!(digest, self.digest, "complete, and not the image");
    }
}

impl Server {
    fn answer(&mut self, host: &str, request: &Request) -> Vec<Act> {
        let range = request.field("range");
        let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        self.requests.push(Asked {
            host: host.to_owned(),
            from: from.map_or(0, |from| from.parse().expect("a number")),
            if_range: request.field("if-range").map(str::to_owned),
            head: request.head.clone(),
        });
        let trouble = self.troubles.pop_front().unwrap_or(Trouble::None);
        self.site.answer(request, trouble)
    }
}
