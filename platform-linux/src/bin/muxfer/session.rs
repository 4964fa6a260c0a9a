//! One thread's part of a run.

use std::io::Write;

use muxfer_core::{Config, Error, Handle, Info, Message};
use muxfer_linux::{Backend, BackendOptions, Driver, Loop, Memory, SocketOptions, Waker};

use crate::failure::Failure;
use crate::job::Job;
use crate::secure::{self, Platform};
use crate::shared::{NoJob, Shared, Ticket};
use crate::upload::Upload;
use crate::url::without_userinfo;
use crate::write_out;

/// What a session gets of the limits of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Which of the sessions it is.
    pub(crate) nth: usize,
    /// Transfers at once, waiting ones included.
    pub(crate) transfers: usize,
    pub(crate) conns: u32,
    /// 0 is no limit of its own.
    pub(crate) per_host: u32,
}

/// One thread's part of a run: it takes URLs from where all take them, keeps its engine busy, and
/// writes down what becomes of them.
pub(crate) struct Session<'s, 'a, 'b> {
    shared: &'a Shared<'b>,
    nth: usize,
    driver: Driver<'s, Job, Platform>,
    waker: Waker,
    /// One that found no place yet.
    waiting: Option<Ticket>,
    /// Transfers that write to standard output go one after the other.
    on_stdout: Option<Handle>,
    /// Uploads that may have to wait for what they read from.
    pipes: Vec<Handle>,
    exhausted: bool,
}

/// A number that nobody outside can know.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

impl<'s, 'a, 'b> Session<'s, 'a, 'b> {
    /// # Errors
    /// The system has no descriptors left, or not the backend that was asked for.
    pub(crate) fn new(
        shared: &'a Shared<'b>,
        limits: Limits,
        memory: &'s mut Memory<Job>,
    ) -> Result<Self, Failure> {
        let options = BackendOptions {
            choice: shared.args.backend,
            sockets: SocketOptions {
                connections: limits.conns as usize,
                ..SocketOptions::default()
            },
            ..BackendOptions::default()
        };
        let mut backend =
            Backend::new(&options).map_err(|error| Failure::usage(error.to_string()))?;
        for pin in &shared.args.resolve {
            let addresses = pin.addresses.iter().copied();
            backend.names().pin(&pin.host, pin.port, addresses);
        }
        let config = Config {
            max_total_connections: limits.conns,
            max_connections_per_host: limits.per_host,
            seed: seed(),
            ..Config::DEFAULT
        };
        let platform = shared.security.around(backend);
        let driver = Driver::new(memory, config, platform)
            .map_err(|error| Failure::usage(error.to_string()))?;
        let waker = driver.waker();
        shared.listen(waker.clone());
        Ok(Self {
            shared,
            nth: limits.nth,
            driver,
            waker,
            waiting: None,
            on_stdout: None,
            pipes: Vec::new(),
            exhausted: false,
        })
    }

    /// Runs until there is nothing more to do.
    ///
    /// # Errors
    /// Waiting for events failed.
    pub(crate) fn run(&mut self) -> Result<(), Failure> {
        let ended = self.work();
        self.shared.security.count(self.driver.platform());
        ended
    }

    fn work(&mut self) -> Result<(), Failure> {
        let interval = self.shared.progress().interval();
        loop {
            self.feed();
            while let Some(message) = self.driver.info_read() {
                self.finished(message);
                self.feed();
            }
            let counts = self.driver.multi().counts();
            self.shared.report.note(self.nth, &counts);
            let done = self.exhausted && self.waiting.is_none() && counts.current == 0;
            if done || self.shared.is_given_up() {
                return Ok(());
            }
            self.driver
                .turn(interval)
                .map_err(|error| Failure::usage(format!("waiting for events: {error}")))?;
            self.wake_uploads();
            if interval.is_some() {
                let report = &self.shared.report;
                self.shared.progress().update(&self.driver, report);
            }
        }
    }

    /// Adds transfers as long as there is a place and a URL.
    fn feed(&mut self) {
        while self.place_waiting() && !self.exhausted {
            match self.shared.deal(&self.waker) {
                Ok(ticket) => self.waiting = Some(ticket),
                Err(NoJob::Bad(url, failure)) => self.failed(&failure, url.as_deref()),
                Err(NoJob::NotYet) => return,
                Err(NoJob::End) => self.exhausted = true,
            }
        }
    }

    /// Is there nothing any more that waits for a place? The engine gives back what finds none, so
    /// nothing is lost.
    fn place_waiting(&mut self) -> bool {
        let Some(ticket) = self.waiting.take() else {
            return true;
        };
        if !self.shared.is_turn_of(&ticket) {
            self.waiting = Some(ticket);
            return false;
        }
        let to_stdout = ticket.is_for_stdout();
        let (job, turn) = ticket.split();
        let from_pipe = matches!(job.upload, Some(Upload::Pipe(_)));
        match self.driver.add(job) {
            Ok(handle) => {
                if to_stdout {
                    self.on_stdout = Some(handle);
                }
                if from_pipe {
                    self.pipes.push(handle);
                }
                true
            }
            Err(back) => {
                self.waiting = Some(Ticket::again(back.easy, turn));
                false
            }
        }
    }

    /// Lets uploads go on that waited for their input.
    fn wake_uploads(&mut self) {
        for &handle in &self.pipes {
            let job = self.driver.multi_mut().get_mut(handle);
            if let Some(Upload::Pipe(pipe)) = job.and_then(|job| job.upload.as_mut())
                && pipe.has_news()
            {
                // It can only be gone, and then its message tells.
                let _ = self.driver.unpause(handle);
            }
        }
    }

    fn finished(&mut self, message: Message) {
        let info = self.driver.multi().info(message.handle).unwrap_or_default();
        let Some(mut job) = self.driver.remove(message.handle) else {
            return;
        };
        self.pipes.retain(|&handle| handle != message.handle);
        self.shared.report.count(&info);
        let platform = self.driver.platform();
        let result = outcome(&mut job, message.result, platform);
        match &result {
            Ok(()) => self.shared.report.success(),
            Err(failure) => self.failed(failure, Some(&job.given)),
        }
        self.write_out(&info, &job, &result);
        if self.on_stdout == Some(message.handle) {
            self.on_stdout = None;
            self.shared.next_turn();
        }
    }

    fn write_out(&self, info: &Info, job: &Job, result: &Result<(), Failure>) {
        let Some(format) = &self.shared.args.write_out else {
            return;
        };
        let text = write_out::filled_in(format, info, job, result);
        let mut stdout = std::io::stdout().lock();
        // As in curl, not being able to say how it went is no failure of the transfer.
        let _ = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
    }

    fn failed(&mut self, failure: &Failure, url: Option<&str>) {
        self.shared.report.failure(failure);
        let args = self.shared.args;
        if args.silent && !args.show_error {
            return;
        }
        let behind = url.map_or_else(String::new, |url| format!(": {}", without_userinfo(url)));
        let line = format!("muxfer: ({}) {}{behind}", failure.code, failure.why);
        self.shared.progress().line(&line);
    }
}

/// What became of it, once its output is complete or given up.
fn outcome(job: &mut Job, result: Result<(), Error>, platform: &Platform) -> Result<(), Failure> {
    let name = job.output.name();
    match result {
        Ok(()) => job
            .output
            .finish()
            .map_err(|error| Failure::writing(&name, &error)),
        Err(error) => {
            let mut failure = job
                .trouble
                .take()
                .unwrap_or_else(|| explained(error, job, platform));
            if let Err(error) = job.output.give_up() {
                failure.why = format!("{}; can't remove {name}: {error}", failure.why);
            }
            Err(failure)
        }
    }
}

fn explained(error: Error, job: &Job, platform: &Platform) -> Failure {
    let why = if error == Error::RangeIgnored {
        format!("{error}: the server answered {}", job.code)
    } else {
        match secure::explain(platform, &job.url, error) {
            Some(more) => format!("{error}: {more}"),
            None => error.to_string(),
        }
    };
    Failure::new(error.curl_code(), why)
}
