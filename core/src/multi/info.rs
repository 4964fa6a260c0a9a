//! Results, and what can be seen of the engine from outside.

use core::net::SocketAddr;
use core::time::Duration;

use crate::Error;
use crate::easy::Easy;
use crate::net::Interest;
use crate::store::{ConnId, Handle};
use crate::time::{Instant, Timer};
use crate::transfer::{Outcome, Queue, State};

use super::Multi;

/// A transfer has ended: `CURLMSG_DONE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Message {
    /// Which.
    pub handle: Handle,
    /// How. Success means that the response is complete, whatever its status.
    pub result: Result<(), Error>,
}

/// When the engine must be run, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deadline {
    /// Not later than this; it may have passed.
    pub at: Instant,
    /// Whose it is; `None` if there is work to do at once.
    pub handle: Option<Handle>,
    /// Which it is.
    pub timer: Option<Timer>,
}

/// What is known of a transfer: `curl_easy_getinfo`. Of several hops, the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Info {
    /// The last status; 0 if there was none.
    pub status: u16,
    /// Redirects that were followed.
    pub redirects: u16,
    /// Connections that were made for it.
    pub connects: u8,
    /// Times that it was sent again because an idle connection was dead.
    pub retries: u8,
    /// Bytes of body received.
    pub received: u64,
    /// The length of the body if the head named it.
    pub length: Option<u64>,
    /// Bytes of body sent.
    pub sent: u64,
    /// Bytes of response heads.
    pub head_received: u32,
    /// Bytes of request head.
    pub head_sent: u32,
    /// From the first run until the addresses were known; of the last hop that needed them. This and
    /// the next three are zero without the feature `pace`.
    pub name_lookup: Duration,
    /// From the first run until the connection stood.
    pub connect: Duration,
    /// From the first run until the request was sent.
    pub pretransfer: Duration,
    /// From the first run until the first byte of the response.
    pub start_transfer: Duration,
    /// From the first run to the end; zero before.
    pub total: Duration,
    /// The address of the connection that serves it now.
    pub peer: Option<SocketAddr>,
}

/// How many transfers are in which condition (`CURLMINFO_*`, CONTRACT R80).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Counts {
    /// Added and not removed.
    pub current: u32,
    /// Not done and not waiting for a connection.
    pub running: u32,
    /// Waiting for a connection.
    pub pending: u32,
    /// Done and not removed.
    pub done: u32,
    /// Ever added.
    pub ever: u64,
    /// Connections, idle ones included.
    pub connections: u32,
    /// Idle connections.
    pub idle: u32,
    /// Origins that are known.
    pub origins: u32,
}

impl<E: Easy> Multi<'_, E> {
    /// The next transfer that has ended, in the order in which they ended; each exactly once
    /// (CONTRACT R61). It stays in its place until it is removed (CONTRACT R63). O(1).
    pub fn info_read(&mut self) -> Option<Message> {
        let first = self.queues.done.front(&self.transfers);
        say_trace!("info_read: {:?}", first);
        let handle = first?;
        self.dequeue(handle);
        let transfer = self.transfers.get_mut(handle)?;
        let State::Done(outcome) = transfer.state else {
            return None;
        };
        transfer.set_state(handle, State::Reported(outcome));
        Some(Message {
            handle,
            result: outcome.result,
        })
    }

    /// When the engine must be run at the latest: `curl_multi_timeout` (CONTRACT R49). `None`:
    /// nothing is waited for.
    #[must_use]
    pub fn timeout(&self) -> Option<Deadline> {
        say_trace!("timeout: {:?}", self.due());
        if !self.queues.ready.is_empty() {
            return Some(Deadline {
                at: self.now,
                handle: None,
                timer: None,
            });
        }
        let (at, slot) = self.deadlines.first()?;
        let handle = self.transfers.id_at(slot);
        let timer = handle
            .and_then(|handle| self.transfers.get(handle))
            .and_then(|transfer| transfer.timers.earliest(transfer.started))
            .map(|(_, timer)| timer);
        Some(Deadline { at, handle, timer })
    }

    /// The easy handle of a transfer.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<&E> {
        say_trace!("get {}", handle);
        self.transfers.get(handle).map(|transfer| &transfer.easy)
    }

    /// The easy handle of a transfer. What its request and options say must not change while it runs.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut E> {
        say_trace!("get_mut {}", handle);
        self.transfers
            .get_mut(handle)
            .map(|transfer| &mut transfer.easy)
    }

    /// How a transfer ended; `None` while it runs.
    #[must_use]
    pub fn result(&self, handle: Handle) -> Option<Result<(), Error>> {
        let result = self.outcome(handle).map(|outcome| outcome.result);
        say_trace!("result {}: {:?}", handle, result);
        result
    }

    fn outcome(&self, handle: Handle) -> Option<Outcome> {
        match self.transfers.get(handle)?.state {
            State::Done(outcome) | State::Reported(outcome) => Some(outcome),
            State::Init
            | State::Pending(_)
            | State::Resolving
            | State::Connecting(_)
            | State::Sending(_)
            | State::Awaiting(_)
            | State::Receiving(_) => None,
        }
    }

    /// What is known of a transfer, also after its end (CONTRACT R19).
    #[must_use]
    pub fn info(&self, handle: Handle) -> Option<Info> {
        say_trace!("info {}", handle);
        let transfer = self.transfers.get(handle)?;
        let (exchange, times) = (&transfer.exchange, &transfer.times);
        let micros = |micros: u32| Duration::from_micros(micros.into());
        let conn = transfer.conn().and_then(|conn| self.conns.get(conn));
        Some(Info {
            status: exchange.code(),
            redirects: transfer.redirects,
            connects: transfer.connects,
            retries: transfer.retries,
            received: exchange.body_received(),
            length: exchange.body_length(),
            sent: exchange.body_sent(),
            head_received: exchange.head_received(),
            head_sent: exchange.head_sent(),
            name_lookup: micros(times.resolved),
            connect: micros(times.connected),
            pretransfer: micros(times.sent),
            start_transfer: micros(times.first_byte),
            total: self.outcome(handle).map_or(Duration::ZERO, |outcome| {
                Instant::from(outcome.at).since(transfer.started)
            }),
            peer: conn.and_then(|conn| {
                let port = self.origins.get(conn.origin)?.port();
                Some(SocketAddr::new(conn.address, port))
            }),
        })
    }

    /// How many transfers are in which condition.
    #[must_use]
    pub fn counts(&self) -> Counts {
        say_trace!("counts");
        Counts {
            current: self.transfers.len(),
            running: self.running - self.pending,
            pending: self.pending,
            done: self.transfers.len() - self.running,
            ever: self.ever,
            connections: self.conns.len(),
            idle: self.idle.len() + self.stray.len(),
            origins: self.origins.len(),
        }
    }

    /// All transfers, in no particular order: `curl_multi_get_handles`. O(capacity used).
    pub fn handles(&self) -> impl Iterator<Item = Handle> {
        say_trace!("handles");
        self.transfers.iter().map(|(handle, _)| handle)
    }

    /// All watched connections and what is wanted of them, for `select`, `poll` and the like. O(capacity used).
    pub fn interests(&self) -> impl Iterator<Item = (ConnId, Interest)> {
        say_trace!("interests");
        self.conns
            .iter()
            .map(|(id, conn)| (id, conn.announced))
            .filter(|(_, interest)| !interest.is_none())
    }

    /// Does a transfer wait for a connection?
    #[must_use]
    pub fn is_pending(&self, handle: Handle) -> bool {
        say_trace!("is_pending {}", handle);
        self.transfers
            .get(handle)
            .is_some_and(|transfer| matches!(transfer.queue, Queue::Waiting | Queue::Unplaced))
    }
}
