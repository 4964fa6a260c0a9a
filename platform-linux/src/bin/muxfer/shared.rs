//! What the threads of a run share: where URLs come from, what becomes of them, standard output.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use muxfer_linux::Waker;

use crate::args::Args;
use crate::failure::Failure;
use crate::job::Job;
use crate::list::{Listeners, Next, Source};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Report;
use crate::secure::Security;
use crate::settings::Settings;

/// Shared by the sessions of a run.
pub(crate) struct Shared<'a> {
    pub(crate) args: &'a Args,
    pub(crate) report: Report,
    pub(crate) security: Security,
    /// Sessions are woken by it: when there are lines, when it is another's turn to print, and when
    /// all are to end.
    listeners: Arc<Listeners>,
    dealer: Mutex<Dealer<'a>>,
    progress: Mutex<Progress>,
    /// Whose turn it is to write to standard output: bodies would mix otherwise.
    turn: AtomicU64,
    ended: AtomicBool,
}

/// Deals out what is to be done, in the order of the URLs: names of files are given in that order,
/// whichever thread takes them.
struct Dealer<'a> {
    source: Source,
    plan: Plan<'a>,
    /// How many transfers to standard output there were.
    turns: u64,
}

/// Why a session gets no transfer when it asks for one.
pub(crate) enum NoJob {
    /// A URL that can't be fetched, if it is known, and why.
    Bad(Option<String>, Failure),
    /// Nothing yet: it will be woken.
    NotYet,
    /// Nothing more.
    End,
}

/// A transfer that has not begun.
pub(crate) struct Ticket {
    pub(crate) job: Job,
    /// When it may write to standard output, if it does.
    turn: Option<u64>,
}

impl<'a> Shared<'a> {
    /// # Errors
    /// A file that the options name can't be read or written.
    pub(crate) fn new(args: &'a Args) -> Result<Self, Failure> {
        let listeners = Arc::new(Listeners::default());
        let settings = Settings::new(args)?;
        let security = Security::new(&args.secure)?;
        let source = Source::new(args.urls.clone(), args.from.as_deref(), &listeners)?;
        Ok(Self {
            args,
            report: Report::new(args.threads),
            security,
            dealer: Mutex::new(Dealer {
                source,
                plan: Plan::new(args, settings)?,
                turns: 0,
            }),
            listeners,
            progress: Mutex::new(Progress::new(args)),
            turn: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        })
    }

    /// A session is woken by this from now on. To be called before it asks for the first time.
    pub(crate) fn listen(&self, waker: Waker) {
        self.listeners.add(waker);
    }

    /// The next transfer; `waker` is woken by what it uploads.
    ///
    /// # Errors
    /// There is none now.
    pub(crate) fn deal(&self, waker: &Waker) -> Result<Ticket, NoJob> {
        let mut dealer = locked(&self.dealer);
        let Dealer {
            source,
            plan,
            turns,
        } = &mut *dealer;
        let planned = match source.next() {
            Next::Argument(nth, url) => plan.argument(nth, url, waker),
            Next::Line(url) => plan.line(url, waker),
            Next::Bad(failure) => return Err(NoJob::Bad(None, failure)),
            Next::NotYet => return Err(NoJob::NotYet),
            Next::End => return Err(NoJob::End),
        };
        match planned {
            Ok(job) => {
                let turn = job.output.is_stdout().then_some(*turns);
                *turns += u64::from(turn.is_some());
                Ok(Ticket { job, turn })
            }
            Err((url, failure)) => Err(NoJob::Bad(Some(url), failure)),
        }
    }

    /// May it begin?
    pub(crate) fn is_turn_of(&self, ticket: &Ticket) -> bool {
        let turn = self.turn.load(Ordering::Acquire);
        ticket.turn.is_none_or(|mine| mine == turn)
    }

    /// The one whose turn it was is done with standard output.
    pub(crate) fn next_turn(&self) {
        self.turn.fetch_add(1, Ordering::Release);
        self.wake_others();
    }

    /// What is shown meanwhile.
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        locked(&self.progress)
    }

    /// All sessions are to end now.
    pub(crate) fn give_up(&self) {
        self.ended.store(true, Ordering::Release);
        self.listeners.wake();
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Held by a thread: if it panics the others end, or they could wait for it for ever.
    pub(crate) fn guard(&self) -> impl Drop + '_ {
        Guard(self)
    }

    fn wake_others(&self) {
        if self.args.threads > 1 {
            self.listeners.wake();
        }
    }
}

struct Guard<'a, 'b>(&'a Shared<'b>);

impl Drop for Guard<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up();
        }
    }
}

/// A thread that panicked takes the program down in the end; until then the others go on.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ticket {
    pub(crate) const fn is_for_stdout(&self) -> bool {
        self.turn.is_some()
    }

    /// The engine gave the job back: it has found no place.
    pub(crate) const fn again(job: Job, turn: Option<u64>) -> Self {
        Self { job, turn }
    }

    pub(crate) fn split(self) -> (Job, Option<u64>) {
        (self.job, self.turn)
    }
}
