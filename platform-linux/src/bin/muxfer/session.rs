//! The run: takes URLs from their source, keeps the engine busy, writes down what becomes of them.

use std::io::Write;

use muxfer_core::{Config, Error, Handle, Info, Message};
use muxfer_linux::{Backend, BackendOptions, Capacity, Driver, Loop, Memory, SocketOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::args::Args;
use crate::console;
use crate::failure::Failure;
use crate::job::Job;
use crate::list::{Next, Source};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Report;
use crate::settings::Settings;
use crate::upload::Upload;
use crate::url::without_userinfo;
use crate::write_out;

/// Descriptors that are not for transfers.
const SPARE_DESCRIPTORS: u64 = 32;

/// A run of the program.
struct Session<'s, 'a> {
    args: &'a Args,
    driver: Driver<'s, Job, Backend>,
    source: Source,
    plan: Plan<'a>,
    /// One that found no place yet.
    waiting: Option<Job>,
    /// Transfers that write to standard output go one after the other, or their bodies would mix.
    on_stdout: Option<Handle>,
    /// Uploads that may have to wait for what they read from.
    pipes: Vec<Handle>,
    report: Report,
    progress: Progress,
    exhausted: bool,
}

/// Fetches all, and gives the exit status.
pub(crate) fn run(args: &Args) -> u8 {
    let conns = most_connections(args.max_connections);
    // More transfers than connections, so that one is ready when a connection becomes free.
    let transfers = conns as usize * 2 + 16;
    let mut memory = Memory::new(Capacity::new(transfers, conns as usize));
    let ended = Session::new(args, conns, &mut memory).and_then(|mut session| session.run());
    ended.unwrap_or_else(|failure| {
        if !args.silent || args.show_error {
            console::error_line(&format!("muxfer: ({}) {}", failure.code, failure.why));
        }
        failure.code
    })
}

/// Each transfer needs a socket and a file. The limit is raised if it may be.
fn most_connections(wanted: u32) -> u32 {
    let needed = u64::from(wanted) * 2 + SPARE_DESCRIPTORS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = Rlimit {
            current: Some(limit.maximum.map_or(needed, |most| most.min(needed))),
            maximum: limit.maximum,
        };
        // If that is not allowed, the limit stands.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = current.saturating_sub(SPARE_DESCRIPTORS) / 2;
    wanted
        .min(u32::try_from(possible).unwrap_or(u32::MAX))
        .max(1)
}

/// A number that nobody outside can know.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

impl<'s, 'a> Session<'s, 'a> {
    fn new(args: &'a Args, conns: u32, memory: &'s mut Memory<Job>) -> Result<Self, Failure> {
        let settings = Settings::new(args)?;
        let options = BackendOptions {
            choice: args.backend,
            sockets: SocketOptions {
                connections: conns as usize,
                ..SocketOptions::default()
            },
            ..BackendOptions::default()
        };
        let mut backend =
            Backend::new(&options).map_err(|error| Failure::usage(error.to_string()))?;
        for pin in &args.resolve {
            let addresses = pin.addresses.iter().copied();
            backend.names().pin(&pin.host, pin.port, addresses);
        }
        let config = Config {
            max_total_connections: conns,
            max_connections_per_host: args.max_per_host,
            seed: seed(),
            ..Config::DEFAULT
        };
        let driver = Driver::new(memory, config, backend)
            .map_err(|error| Failure::usage(error.to_string()))?;
        let waker = driver.waker();
        Ok(Self {
            args,
            source: Source::new(args.urls.clone(), args.from.as_deref(), &waker)?,
            plan: Plan::new(args, settings, waker)?,
            driver,
            waiting: None,
            on_stdout: None,
            pipes: Vec::new(),
            report: Report::new(),
            progress: Progress::new(args),
            exhausted: false,
        })
    }

    fn run(&mut self) -> Result<u8, Failure> {
        loop {
            self.feed();
            while let Some(message) = self.driver.info_read() {
                self.finished(message);
                self.feed();
            }
            if self.exhausted && self.driver.multi().counts().current == 0 {
                break;
            }
            self.driver
                .turn(self.progress.interval())
                .map_err(|error| Failure::usage(format!("waiting for events: {error}")))?;
            self.wake_uploads();
            self.progress.update(&self.driver, &self.report);
        }
        self.progress.finish();
        if !self.args.silent && !self.args.no_progress_meter {
            console::error_line(&self.report.summary());
        }
        Ok(self.report.exit_status())
    }

    /// Adds transfers as long as there is a place and a URL.
    fn feed(&mut self) {
        while self.place_waiting() && !self.exhausted {
            let planned = match self.source.next() {
                Next::Argument(nth, url) => self.plan.argument(nth, url),
                Next::Line(url) => self.plan.line(url),
                Next::Bad(failure) => {
                    self.failed(&failure, None);
                    continue;
                }
                Next::NotYet => return,
                Next::End => {
                    self.exhausted = true;
                    return;
                }
            };
            match planned {
                Ok(job) => self.waiting = Some(job),
                Err((url, failure)) => self.failed(&failure, Some(&url)),
            }
        }
    }

    /// Is there nothing any more that waits for a place? The engine gives back what finds none, so
    /// nothing is lost.
    fn place_waiting(&mut self) -> bool {
        let Some(job) = self.waiting.take() else {
            return true;
        };
        let to_stdout = job.output.is_stdout();
        if to_stdout && self.on_stdout.is_some() {
            self.waiting = Some(job);
            return false;
        }
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
                self.waiting = Some(back.easy);
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
        if self.on_stdout == Some(message.handle) {
            self.on_stdout = None;
        }
        self.report.count(&info);
        let result = outcome(&mut job, message.result);
        match &result {
            Ok(()) => self.report.success(),
            Err(failure) => self.failed(failure, Some(&job.given)),
        }
        self.write_out(&info, &job, &result);
    }

    fn write_out(&self, info: &Info, job: &Job, result: &Result<(), Failure>) {
        let Some(format) = &self.args.write_out else {
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
        self.report.failure(failure);
        if self.args.silent && !self.args.show_error {
            return;
        }
        let behind = url.map_or_else(String::new, |url| format!(": {}", without_userinfo(url)));
        let line = format!("muxfer: ({}) {}{behind}", failure.code, failure.why);
        self.progress.line(&line);
    }
}

/// What became of it, once its output is complete or given up.
fn outcome(job: &mut Job, result: Result<(), Error>) -> Result<(), Failure> {
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
                .unwrap_or_else(|| explained(error, job.code));
            if let Err(error) = job.output.give_up() {
                failure.why = format!("{}; can't remove {name}: {error}", failure.why);
            }
            Err(failure)
        }
    }
}

fn explained(error: Error, status: u16) -> Failure {
    let why = if error == Error::RangeIgnored {
        format!("{error}: the server answered {status}")
    } else {
        error.to_string()
    };
    Failure::new(error.curl_code(), why)
}
