//! The clients that are compared, and how one of them is run.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::ValueEnum;
use muxfer_bench::job::Job;
use muxfer_bench::report::Report;

use crate::Outcome;
use crate::plan::Workload;
use crate::tools::Tools;

/// How long a client may take, in seconds; under valgrind some take a minute.
const PATIENCE: &str = "600";

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Client {
    /// The floor: nothing but the system calls.
    Null,
    /// The floor over TLS: OpenSSL, and besides nothing but the system calls.
    Openssl,
    /// muxfer over epoll.
    Epoll,
    /// muxfer over io_uring.
    Uring,
    /// libcurl's multi socket interface.
    Curl,
    /// hyper without its pool.
    Hyper,
    /// reqwest with its pool.
    Reqwest,
    /// wrk, which is no client to build on, but fast.
    Wrk,
}

impl Client {
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Null => "null client",
            Self::Openssl => "null client on OpenSSL",
            Self::Epoll => "muxfer, epoll",
            Self::Uring => "muxfer, io_uring",
            Self::Curl => "libcurl, multi socket",
            Self::Hyper => "hyper",
            Self::Reqwest => "reqwest",
            Self::Wrk => "wrk",
        }
    }

    /// What it is called where others are compared with it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Null | Self::Openssl => "null client",
            Self::Curl => "libcurl",
            Self::Epoll | Self::Uring | Self::Hyper | Self::Reqwest | Self::Wrk => self.title(),
        }
    }

    /// How many requests it makes of this workload; `None` if it can't run it.
    pub(crate) fn requests(self, workload: &Workload, quick: bool) -> Option<u64> {
        let requests = if quick {
            workload.quick
        } else {
            workload.requests
        };
        match self {
            Self::Null | Self::Openssl | Self::Epoll | Self::Uring => Some(requests),
            // A million easy handles take more memory than many machines have, and the time of each
            // grows with their number: minutes for a tenth.
            Self::Curl if workload.queued => Some(requests / 50),
            Self::Curl => Some(requests),
            Self::Hyper | Self::Reqwest => (!workload.queued).then_some(requests),
            Self::Wrk => workload.suits_wrk().then_some(requests),
        }
    }

    /// Does it make a given number of requests, so that two runs can be compared by their counts?
    pub(crate) const fn is_countable(self) -> bool {
        match self {
            Self::Null
            | Self::Openssl
            | Self::Epoll
            | Self::Uring
            | Self::Curl
            | Self::Hyper
            | Self::Reqwest => true,
            Self::Wrk => false,
        }
    }

    /// Its program, and the arguments before those of the job.
    fn call(self, tools: &Tools) -> (std::path::PathBuf, &'static [&'static str]) {
        match self {
            Self::Null => (tools.beside("client-null"), &[]),
            Self::Openssl => (tools.beside("client-null-tls"), &[]),
            Self::Epoll => (tools.beside("client-muxfer"), &["--backend", "epoll"]),
            Self::Uring => (tools.beside("client-muxfer"), &["--backend", "uring"]),
            Self::Curl => (tools.curl.clone(), &[]),
            Self::Hyper => (tools.beside("client-hyper"), &[]),
            Self::Reqwest => (tools.beside("client-reqwest"), &[]),
            Self::Wrk => (tools.beside("client-wrk"), &[]),
        }
    }
}

/// A run of one client; it may be run by another program, such as strace.
pub(crate) struct Run<'a> {
    pub(crate) client: Client,
    pub(crate) job: &'a Job,
    pub(crate) tools: &'a Tools,
}

impl Run<'_> {
    /// The report of the client, run as it is.
    pub(crate) fn report(&self) -> Outcome<Report> {
        self.report_under(&[], None)
    }

    /// The report of the client, run by the program that `prefix` begins with, and with a variable
    /// in its environment.
    pub(crate) fn report_under(
        &self,
        prefix: &[&OsStr],
        variable: Option<(&str, &Path)>,
    ) -> Outcome<Report> {
        let (program, first) = self.client.call(self.tools);
        // A client that waits for what never comes must not hold up the run for ever.
        let mut words: Vec<&OsStr> = ["timeout", PATIENCE].map(OsStr::new).to_vec();
        words.extend(prefix);
        words.push(program.as_os_str());
        words.extend(first.iter().map(OsStr::new));
        let arguments = self.job.arguments();
        words.extend(arguments.iter().map(OsStr::new));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        command.envs(variable);
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let fault = |why: &str| {
            format!(
                "{}: {why}: {command:?}\n{text}{errors}",
                self.client.title()
            )
        };
        if !output.status.success() {
            return Err(fault(&output.status.to_string()).into());
        }
        let report: Report = text.parse().map_err(|_| fault("no report"))?;
        // wrk runs for a time.
        if self.client.is_countable() && report.requests != self.job.requests {
            return Err(fault("not all requests were made").into());
        }
        Ok(report)
    }
}
