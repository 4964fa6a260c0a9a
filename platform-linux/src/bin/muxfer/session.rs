//! The run: takes URLs from their source, keeps the engine busy, writes down what becomes of them.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use muxfer_core::{Config, Error, Message};
use muxfer_linux::{Capacity, Driver, Epoll, EpollOptions, Memory, SocketOptions};
use rustix::process::{Resource, getrlimit};

use crate::USAGE;
use crate::args::Args;
use crate::job::{HeaderDump, Job};
use crate::list::{Next, Source};
use crate::output::{Names, Output, present_length, remote_name};
use crate::progress::Progress;
use crate::report::{Report, split_scheme};
use crate::settings::{Resume, Settings};
use crate::upload::Upload;

/// libcurl's code for a target that can't be written.
const WRITE_ERROR: u8 = 23;
/// libcurl's code for a file that can't be read.
const READ_ERROR: u8 = 26;
/// libcurl's code for a URL that is none.
const BAD_URL: u8 = 3;
/// Descriptors that are not for transfers.
const SPARE_DESCRIPTORS: u64 = 32;

/// A run of the program.
struct Session<'s, 'a> {
    args: &'a Args,
    settings: Rc<Settings>,
    driver: Driver<'s, Job>,
    source: Source,
    names: Names,
    outputs: std::vec::IntoIter<PathBuf>,
    dump: Option<HeaderDump>,
    report: Report,
    progress: Progress,
    exhausted: bool,
    /// Transfers at once.
    places: u32,
}

/// Fetches all, and gives the exit status.
pub(crate) fn run(args: &Args, settings: Settings) -> u8 {
    let conns = most_connections(args.max_connections);
    let mut memory = Memory::new(Capacity::new(places(conns) as usize, conns as usize));
    match prepare(args, settings, conns, &mut memory) {
        Ok(mut session) => session.run(),
        Err(why) => {
            eprintln!("muxfer: {why}");
            USAGE
        }
    }
}

/// A few more transfers than connections, so that one is ready when a connection becomes free.
const fn places(conns: u32) -> u32 {
    conns * 2 + 16
}

/// Each transfer needs a socket and a file.
fn most_connections(wanted: u32) -> u32 {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = limit.saturating_sub(SPARE_DESCRIPTORS) / 2;
    wanted
        .min(u32::try_from(possible).unwrap_or(u32::MAX))
        .max(1)
}

fn prepare<'s, 'a>(
    args: &'a Args,
    settings: Settings,
    conns: u32,
    memory: &'s mut Memory<Job>,
) -> Result<Session<'s, 'a>, String> {
    let options = EpollOptions {
        sockets: SocketOptions {
            connections: conns as usize,
            ..SocketOptions::default()
        },
        ..EpollOptions::default()
    };
    let mut epoll = Epoll::new(&options).map_err(|error| format!("epoll: {error}"))?;
    for entry in &args.resolve {
        let (host, port, addresses) = pinned(entry)?;
        epoll.resolver.pin(&host, port, addresses);
    }
    let config = Config {
        max_total_connections: conns,
        max_connections_per_host: args.max_per_host,
        seed: seed(),
        ..Config::DEFAULT
    };
    let driver = Driver::new(memory, config, epoll).map_err(|error| error.to_string())?;
    let list = |error: io::Error| {
        let path = args.from.as_deref().unwrap_or(Path::new("-"));
        format!("{}: {error}", path.display())
    };
    let source =
        Source::new(args.urls.clone(), args.from.as_deref(), &driver.waker()).map_err(list)?;
    let many = args.from.is_some() || args.urls.len() > 1;
    Ok(Session {
        args,
        settings: Rc::new(settings),
        driver,
        source,
        names: Names::default(),
        outputs: args.output.clone().into_iter(),
        dump: args.dump_header.as_deref().map(open_dump).transpose()?,
        report: Report::new(args.silent, args.show_error),
        progress: Progress::new(args.silent || args.verbose || !(many || writes_files(args))),
        exhausted: false,
        places: places(conns),
    })
}

const fn writes_files(args: &Args) -> bool {
    args.remote_name || !args.output.is_empty()
}

/// A number that nobody outside can know.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

fn open_dump(path: &Path) -> Result<HeaderDump, String> {
    if path == Path::new("-") {
        return Ok(Rc::new(RefCell::new(io::stdout())));
    }
    let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Rc::new(RefCell::new(file)))
}

/// `host:port:address[,address]`; addresses may stand in brackets.
fn pinned(entry: &str) -> Result<(String, u16, Vec<IpAddr>), String> {
    let bad = || format!("--resolve: not host:port:address: {entry}");
    let mut parts = entry.splitn(3, ':');
    let (host, port, addresses) = (parts.next(), parts.next(), parts.next());
    let port = port.and_then(|port| port.parse().ok()).ok_or_else(bad)?;
    let addresses: Option<Vec<IpAddr>> = addresses
        .ok_or_else(bad)?
        .split(',')
        .map(|address| address.trim_matches(['[', ']']).parse().ok())
        .collect();
    Ok((
        host.ok_or_else(bad)?.to_ascii_lowercase(),
        port,
        addresses.ok_or_else(bad)?,
    ))
}

impl Session<'_, '_> {
    fn run(&mut self) -> u8 {
        loop {
            self.feed();
            while let Some(message) = self.driver.info_read() {
                self.finished(message);
                self.feed();
            }
            if self.exhausted && self.driver.multi().counts().current == 0 {
                break;
            }
            if let Err(error) = self.driver.turn(self.progress.interval()) {
                eprintln!("muxfer: waiting for events: {error}");
                return USAGE;
            }
            self.progress.update(&self.driver, &self.report);
        }
        self.progress.finish();
        self.report.finish()
    }

    /// Adds transfers as long as there is a place and a URL.
    fn feed(&mut self) {
        while !self.exhausted {
            match self.source.next() {
                Next::Url(url) => {
                    if !self.start(url) {
                        return;
                    }
                }
                Next::Bad(why) => self.report.failure(BAD_URL, "bad URL", &why),
                Next::NotYet => return,
                Next::End => self.exhausted = true,
            }
        }
    }

    /// Starts one; `false` if the table is full, and then the URL waits.
    fn start(&mut self, url: String) -> bool {
        let counts = self.driver.multi().counts();
        if counts.current >= self.places {
            self.source.put_back(url);
            return false;
        }
        let job = match self.job(&url) {
            Ok(job) => job,
            Err((code, why)) => {
                self.report.failure(code, &why, &url);
                return true;
            }
        };
        match self.driver.add(job) {
            Ok(_) => true,
            Err(back) => {
                self.source.put_back(back.easy.given);
                false
            }
        }
    }

    fn job(&mut self, given: &str) -> Result<Job, (u8, String)> {
        let mut url = if split_scheme(given).is_some() {
            given.to_string()
        } else {
            format!("http://{given}")
        };
        let mut output = self.output(&url)?;
        let upload = match &self.settings.upload {
            Some(path) => {
                let failed = |error| (READ_ERROR, format!("{}: {error}", path.display()));
                add_file_name(&mut url, path);
                Some(Upload::open(path).map_err(failed)?)
            }
            None => None,
        };
        let resume = match (self.settings.resume, &output) {
            (None, _) | (Some(Resume::AtEnd), Output::Stdout) => 0,
            (Some(Resume::At(byte)), _) => byte,
            (Some(Resume::AtEnd), Output::File { path, .. }) => present_length(path),
        };
        if resume > 0 {
            output.append();
        }
        Ok(Job {
            settings: Rc::clone(&self.settings),
            url,
            given: given.to_string(),
            output,
            upload,
            resume,
            code: 0,
            dump: self.dump.clone(),
            unprinted: Vec::new(),
            trouble: None,
        })
    }

    fn output(&mut self, url: &str) -> Result<Output, (u8, String)> {
        let create_dirs = self.settings.create_dirs;
        let folder = self.args.output_dir.clone().unwrap_or_default();
        if let Some(path) = self.outputs.next() {
            if path == Path::new("-") {
                return Ok(Output::Stdout);
            }
            return Ok(Output::file(folder.join(path), create_dirs));
        }
        let from_list = self.args.from.is_some();
        if !self.args.remote_name && !from_list {
            return Ok(Output::Stdout);
        }
        let name = remote_name(url).or_else(|| from_list.then(|| "index.html".to_string()));
        let name = name.ok_or((WRITE_ERROR, "the URL ends with no file name".to_string()))?;
        Ok(Output::file(
            folder.join(self.names.unique(&name)),
            create_dirs,
        ))
    }

    fn finished(&mut self, message: Message) {
        let info = self.driver.multi().info(message.handle);
        let Some(mut job) = self.driver.remove(message.handle) else {
            return;
        };
        if let Some(info) = info {
            self.report.count(&info);
        }
        let result = match message.result {
            // A HEAD or an error status has no file of its own to leave empty.
            Ok(()) => job
                .output
                .finish()
                .map_err(|error| (WRITE_ERROR, format!("{}: {error}", job.output.name()))),
            Err(error) => Err((error.curl_code(), explained(error, &job))),
        };
        match result {
            Ok(()) => self.report.success(),
            Err((code, why)) => self.report.failure(code, &why, &job.given),
        }
    }
}

/// `-T` to a URL that ends with a slash uploads under the file's own name, as in curl. Standard
/// input has none.
fn add_file_name(url: &mut String, path: &Path) {
    if path == Path::new("-") {
        return;
    }
    if let (true, Some(name)) = (
        url.ends_with('/'),
        path.file_name().and_then(|name| name.to_str()),
    ) {
        url.push_str(name);
    }
}

fn explained(error: Error, job: &Job) -> String {
    match &job.trouble {
        Some(trouble) => format!("{error}: {trouble}"),
        None if error == Error::RangeIgnored => {
            format!("{error}: the server answered {}", job.code)
        }
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_addresses_are_read_as_curl_reads_them() {
        let (host, port, addresses) = pinned("A.test:80:127.0.0.1,[::1]").unwrap();
        assert_eq!((host.as_str(), port, addresses.len()), ("a.test", 80, 2));
        for bad in ["a", "a:80", "a:x:127.0.0.1", "a:80:b"] {
            assert!(pinned(bad).is_err());
        }
    }
}
