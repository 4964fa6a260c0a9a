//! The threads that ask the system for addresses.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use muxfer_core::OriginId;
use muxfer_core::net::Addresses;
use muxfer_core::platform::ResolveError;

use crate::resolver::look_up;
use crate::waker::Waker;

/// Names one job, so that the answer to a cancelled one is known.
pub(crate) type Ticket = u64;

/// So many cancelled tickets may stay in the order before it is looked through.
const SPARE_TICKETS: usize = 64;

/// What a thread found.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) query: OriginId,
    pub(crate) ticket: Ticket,
    pub(crate) result: Result<Addresses, ResolveError>,
}

/// A few threads, started when they are needed and ended when the pool is dropped. Those in the
/// midst of a look-up end after it; nobody waits for them.
#[derive(Debug)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
    /// How many threads have been started, and how many may be.
    started: usize,
    limit: usize,
}

#[derive(Debug)]
struct Shared {
    work: Mutex<Work>,
    more: Condvar,
    answers: Mutex<Vec<Answer>>,
    signal: Waker,
}

#[derive(Debug, Default)]
struct Work {
    /// The order of the jobs. A ticket without a job was cancelled.
    order: VecDeque<Ticket>,
    jobs: HashMap<Ticket, Job>,
    idle: usize,
    over: bool,
}

#[derive(Debug)]
struct Job {
    query: OriginId,
    host: String,
    port: u16,
}

impl Pool {
    /// # Errors
    /// No descriptor is left.
    pub(crate) fn new(limit: usize) -> io::Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                work: Mutex::default(),
                more: Condvar::new(),
                answers: Mutex::default(),
                signal: Waker::new()?,
            }),
            started: 0,
            limit,
        })
    }

    /// Wakes whoever waits for answers.
    pub(crate) fn signal(&self) -> &Waker {
        &self.shared.signal
    }

    /// Queues a look-up, and starts a thread if all are busy and there may be one more.
    ///
    /// # Errors
    /// The first thread can't be started; nothing is queued.
    pub(crate) fn submit(
        &mut self,
        query: OriginId,
        ticket: Ticket,
        host: &str,
        port: u16,
    ) -> io::Result<()> {
        let host = host.to_owned();
        let mut work = lock(&self.shared.work);
        if work.idle <= work.jobs.len() && self.started < self.limit {
            let shared = Arc::clone(&self.shared);
            let name = "muxfer-names".to_owned();
            match thread::Builder::new()
                .name(name)
                .spawn(move || serve(&shared))
            {
                Ok(_detached) => self.started += 1,
                // Those that run will come to it.
                Err(_) if self.started > 0 => {}
                Err(error) => return Err(error),
            }
        }
        work.jobs.insert(ticket, Job { query, host, port });
        work.order.push_back(ticket);
        drop(work);
        self.shared.more.notify_one();
        Ok(())
    }

    /// Takes a job out of the queue. One that a thread has begun goes on.
    pub(crate) fn cancel(&self, ticket: Ticket) {
        let mut guard = lock(&self.shared.work);
        let work = &mut *guard;
        work.jobs.remove(&ticket);
        // While every thread hangs, cancelled tickets must not pile up.
        if work.order.len() > 2 * work.jobs.len() + SPARE_TICKETS {
            work.order.retain(|ticket| work.jobs.contains_key(ticket));
        }
    }

    /// Moves the answers into the empty `into`.
    pub(crate) fn take_answers(&self, into: &mut Vec<Answer>) {
        std::mem::swap(&mut *lock(&self.shared.answers), into);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut work = lock(&self.shared.work);
        work.over = true;
        work.jobs.clear();
        drop(work);
        self.shared.more.notify_all();
    }
}

/// The life of a thread.
fn serve(shared: &Shared) {
    while let Some((ticket, job)) = next_job(shared) {
        let answer = Answer {
            query: job.query,
            ticket,
            result: look_up(&job.host, job.port),
        };
        lock(&shared.answers).push(answer);
        shared.signal.wake();
    }
}

/// Waits for a job; `None` when the pool is gone.
fn next_job(shared: &Shared) -> Option<(Ticket, Job)> {
    let mut work = lock(&shared.work);
    loop {
        if work.over {
            return None;
        }
        while let Some(ticket) = work.order.pop_front() {
            if let Some(job) = work.jobs.remove(&ticket) {
                return Some((ticket, job));
            }
        }
        work.idle += 1;
        let waited = shared.more.wait(work);
        work = waited.unwrap_or_else(PoisonError::into_inner);
        work.idle -= 1;
    }
}

/// What a mutex guards here is whole at every moment, even if a thread has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
