//! What was done to which request. It is shared by the proxy's thread and whoever judges.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault::{Fault, Faults, Kind};

/// What happened to one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing yet: its head has not come. No byte of it has passed.
    Awaited,
    /// It passes whole, whatever its fault.
    Whole(Option<Kind>),
    /// It ends at this place.
    Cut {
        /// [`Kind::Reset`] or [`Kind::Truncation`].
        how: Kind,
        /// So many bytes of it pass.
        at: u64,
        /// So long is its head.
        head: u64,
    },
    /// The server or its response failed, which is none of the proxy's faults.
    Lost,
}

/// One time that a request passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// It was the first on its connection.
    pub first: bool,
    /// What happened to its response.
    pub what: What,
}

/// All times that one request passed. The engine gives up long before it is full.
pub type Passes = heapless::Vec<Pass, 8>;

/// What a proxy has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Requests that passed.
    pub requests: u64,
    /// Responses that passed whole.
    pub responses: u64,
    /// Bytes of responses that passed.
    pub bytes: u64,
    /// Pieces in which they passed.
    pub pieces: u64,
    /// Faults that were injected, by [`Kind`].
    pub injected: [u64; 4],
    /// Connections that were lost through the server, or that could not be understood.
    pub lost: u64,
    /// Times that no descriptor was left to accept with.
    pub starved: u64,
}

/// The books.
#[derive(Debug)]
pub(super) struct Ledger {
    faults: Faults,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// Only requests that somebody asks for: others must not pile up.
    expected: HashMap<u64, Passes>,
    counts: Counts,
}

impl Ledger {
    pub(super) fn new(faults: Faults) -> Self {
        Self {
            faults,
            books: Mutex::default(),
        }
    }

    pub(super) fn expect(&self, number: u64) {
        self.books().expected.insert(number, Passes::new());
    }

    pub(super) fn take(&self, number: u64) -> Option<Passes> {
        self.books().expected.remove(&number)
    }

    pub(super) fn counts(&self) -> Counts {
        self.books().counts
    }

    /// Changes the counts.
    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.books().counts);
    }

    /// A request passes: its fault. It is entered before anything of it can be felt.
    pub(super) fn pass(&self, number: u64, first: bool) -> Option<Fault> {
        let mut books = self.books();
        books.counts.requests += 1;
        let Some(passes) = books.expected.get_mut(&number) else {
            return self.faults.draw(number, 0);
        };
        let fault = self.faults.draw(number, passes.len());
        let what = What::Awaited;
        assert!(
            passes.push(Pass { first, what }).is_ok(),
            "request {number} was sent more than {} times",
            passes.len()
        );
        fault
    }

    /// What happens to the response of a request that passed last.
    pub(super) fn enter(&self, number: u64, what: What) {
        let mut books = self.books();
        if let Some(last) = books
            .expected
            .get_mut(&number)
            .and_then(|all| all.last_mut())
        {
            last.what = what;
        }
    }

    /// A fault was injected.
    pub(super) fn injected(&self, kind: Kind) {
        self.books().counts.injected[kind as usize] += 1;
    }

    /// The counts and the records are whole at every moment, even if a thread has panicked.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
