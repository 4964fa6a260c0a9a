//! The engine.

mod admit;
mod command;
mod config;
mod connect;
mod drive;
mod expire;
mod finish;
mod info;
mod pool;
mod response;
mod run;
mod settle;
mod start;
mod storage;

pub use command::{AddError, AddErrorKind, Pause, PauseError};
pub use config::{Config, ConfigError};
pub use info::{Counts, Deadline, Info, Message};
pub use run::Running;
pub use storage::{Resources, Storage};

use crate::conn::Conn;
use crate::easy::Easy;
use crate::features::QUEUE;
use crate::origin::Origins;
use crate::store::{ConnKind, Deadlines, Handle, Lines, List, OriginId, POOL, Slots, TransferKind};
use crate::time::Instant;
use crate::transfer::{Queue, Transfer};

/// Many transfers at once: what libcurl calls a multi handle.
///
/// It owns no socket, makes no system call and reads no clock: a platform and the time are passed
/// into each call.
///
/// # The contract with the event loop
/// * **Commands** come from the application: [`add`](Self::add), [`remove`](Self::remove),
///   [`pause`](Self::pause), [`unpause`](Self::unpause). Each that can change what is watched takes
///   the platform.
/// * **Events** come from the platform. [`mark`](Self::mark) notes one in O(1); [`run`](Self::run)
///   then does the work of all of them; [`socket_action`](Self::socket_action) is both in one. Call
///   `run` after events, and when the deadline of [`timeout`](Self::timeout) has come.
/// * **Results** are read after each run until there are none: [`info_read`](Self::info_read). A
///   finished transfer stays in its place, to be looked at, until it is removed.
///
/// No call blocks or allocates. One `run` does a bounded piece of work: each transfer that is ready
/// moves at most [`Config::budget`] bytes each way, at most twice. What is left makes the next
/// deadline due at once.
#[derive(Debug)]
pub struct Multi<'s, E> {
    transfers: Slots<'s, TransferKind, Transfer<E>>,
    conns: Slots<'s, ConnKind, Conn>,
    origins: Origins<'s>,
    deadlines: Deadlines<'s>,
    lines: Lines<'s>,
    /// One block for the engine itself: host names and the URLs of redirects.
    scratch: &'s mut [u8],
    config: Config,
    queues: Queues,
    /// Idle connections, the longest idle first.
    idle: List<POOL>,
    /// Idle connections that something was heard of.
    stray: List<POOL>,
    /// Origins whose first waiting transfer only the total limit holds back.
    hungry: List<0>,
    /// Origins that no transfer refers to, the longest unused first.
    unused: List<0>,
    /// Connections and claims to one; attempts that race beside another do not count.
    claims: u32,
    /// Claims that have no place in the table of connections yet.
    reserved: u32,
    /// What the platform has shown to be the most connections; `u32::MAX` until it says so.
    ceiling: u32,
    running: u32,
    pending: u32,
    ever: u64,
    ticket: u32,
    now: Instant,
    /// What [`Watch::timer`](crate::platform::Watch::timer) was last told and has not fired since.
    told: Option<Instant>,
}

/// The lists of transfers that belong to no origin.
#[derive(Debug)]
struct Queues {
    ready: List<0>,
    done: List<0>,
    starved: List<0>,
    unplaced: List<0>,
}

impl Queues {
    const EMPTY: Self = Self {
        ready: List::EMPTY,
        done: List::EMPTY,
        starved: List::EMPTY,
        unplaced: List::EMPTY,
    };

    /// The list that a transfer of this origin is in.
    fn list<'a>(
        &'a mut self,
        origins: &'a mut Origins<'_>,
        queue: Queue,
        origin: Option<OriginId>,
    ) -> Option<&'a mut List<0>> {
        let of_origin = |origins: &'a mut Origins<'_>| origins.get_mut(origin?);
        match queue {
            Queue::Nowhere => None,
            Queue::Ready => Some(&mut self.ready),
            Queue::Starved => Some(&mut self.starved),
            Queue::Done => Some(&mut self.done),
            Queue::Waiting | Queue::Unplaced if !QUEUE => None,
            Queue::Unplaced => Some(&mut self.unplaced),
            Queue::Waiting => of_origin(origins).map(|origin| &mut origin.waiting),
            Queue::Resolving => of_origin(origins).map(|origin| &mut origin.resolving),
        }
    }
}

/// What a step may touch besides the engine, whose `now` is the time of the call.
struct Cx<'p, P> {
    platform: &'p mut P,
}

impl<'s, E: Easy> Multi<'s, E> {
    /// An engine over this memory.
    ///
    /// # Errors
    /// A capacity that is zero or too small, by its name.
    pub fn new(storage: Storage<'s, E>, config: Config) -> Result<Self, ConfigError> {
        say_trace!("new: {} transfers", storage.transfers.len());
        let block = storage.line_bytes;
        let usable = block >= Lines::MIN_BLOCK && storage.lines.len() / block.max(1) >= 2;
        let checks = [
            (storage.transfers.is_empty(), ConfigError::NoTransfers),
            (storage.conns.is_empty(), ConfigError::NoConnections),
            (storage.origins.is_empty(), ConfigError::NoOrigins),
            (storage.buckets.is_empty(), ConfigError::NoBuckets),
            (
                storage.names.len() < storage.origins.len(),
                ConfigError::NoNames,
            ),
            (
                storage.deadlines.len() < storage.transfers.len(),
                ConfigError::TooFewDeadlines,
            ),
            (!usable, ConfigError::TooFewLines),
            (config.budget == 0, ConfigError::NoBudget),
        ];
        if let Some((_, error)) = checks.iter().find(|(wrong, _)| *wrong) {
            return Err(*error);
        }
        Ok(Self::over(storage, config))
    }

    /// An engine over memory that suffices.
    fn over(storage: Storage<'s, E>, config: Config) -> Self {
        let block = storage.line_bytes;
        let (scratch, lines) = storage.lines.split_at_mut(block.min(storage.lines.len()));
        Self {
            transfers: Slots::new(storage.transfers),
            conns: Slots::new(storage.conns),
            origins: Origins::new(storage.origins, storage.names, storage.buckets, config.seed),
            deadlines: Deadlines::new(storage.deadlines),
            lines: Lines::new(lines, block),
            scratch,
            config,
            queues: Queues::EMPTY,
            idle: List::EMPTY,
            stray: List::EMPTY,
            hungry: List::EMPTY,
            unused: List::EMPTY,
            claims: 0,
            reserved: 0,
            ceiling: u32::MAX,
            running: 0,
            pending: 0,
            ever: 0,
            ticket: 0,
            now: Instant::ZERO,
            told: None,
        }
    }

    /// Takes a transfer out of the list that it is in.
    fn dequeue(&mut self, handle: Handle) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        let queue = core::mem::replace(&mut transfer.queue, Queue::Nowhere);
        let origin = transfer.origin;
        if let Some(list) = self.queues.list(&mut self.origins, queue, origin) {
            list.remove(&mut self.transfers, handle);
        }
    }

    /// Puts a transfer, which is in no list, at the end of one.
    fn enqueue(&mut self, handle: Handle, queue: Queue) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        debug_assert_eq!(transfer.queue, Queue::Nowhere);
        transfer.queue = queue;
        let origin = transfer.origin;
        if let Some(list) = self.queues.list(&mut self.origins, queue, origin) {
            list.push_back(&mut self.transfers, handle);
        }
    }

    /// Makes a transfer run at the next opportunity, wherever it waits now.
    #[cfg_attr(feature = "small", inline(never))]
    fn wake(&mut self, handle: Handle) {
        self.dequeue(handle);
        self.enqueue(handle, Queue::Ready);
    }
}

/// Bytes of engine memory, without the easy handle: for the table of sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sizes {
    /// Of one place for a transfer.
    pub transfer: usize,
    /// Of its deadline.
    pub deadline: usize,
    /// Of one place for a connection.
    pub conn: usize,
    /// Of one place for an origin, without its name.
    pub origin: usize,
}

impl Sizes {
    /// The sizes on this machine.
    pub const HERE: Self = Self {
        transfer: size_of::<crate::store::Slot<Transfer<()>>>(),
        deadline: size_of::<crate::store::DeadlineEntry>(),
        conn: size_of::<crate::store::Slot<Conn>>(),
        origin: size_of::<crate::store::Slot<crate::origin::Origin>>(),
    };

    /// Of an idle transfer with its connection.
    #[must_use]
    pub const fn transfer_with_connection(&self) -> usize {
        self.transfer + self.deadline + self.conn
    }
}

// The promise that the README gives.
const _: () = assert!(Sizes::HERE.transfer_with_connection() <= 320);
