//! The reference model of results: what a job may end with, given what its peers did.
//!
//! It knows nothing of the engine's inside. An end is right if it is a success and all of the last
//! answer was sent and has arrived, or an error for which there was a cause.

use std::time::Duration;

use muxfer_core::Error;
use muxfer_core::error::{Limit, ResponseError};
use muxfer_core::net::IoError;
use muxfer_core::time::{Instant, Timer};

use super::agent::{Agent, is_of_connection};
use super::answer::{body_len, has_body, render};
use super::script::{Bad, Fault, Framing, Hop, Job, Script, UploadKind};
use super::site::{Reply, Site, Visit};
use crate::sim::Listen;

/// What happened to a job from outside.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// When it first ran.
    pub started: Instant,
    /// When it ended.
    pub now: Instant,
    /// Everything was closed while it ran.
    pub closed_all: bool,
    /// The system once had no descriptor.
    pub no_descriptors: bool,
    /// How often it was sent again.
    pub retries: u8,
}

/// Is this end right?
///
/// # Errors
/// Why it is not.
pub fn judge(
    script: &Script,
    site: &Site,
    agent: &Agent,
    seen: &Circumstances,
    result: Result<(), Error>,
) -> Result<(), String> {
    if let Some(error) = agent.gave_up {
        return if result == Err(error) {
            Ok(())
        } else {
            Err(format!(
                "it gave up with {error:?}, and the result is {result:?}"
            ))
        };
    }
    let visits = &site.visits[agent.number];
    let visit = visits.last().filter(|visit| visit.hop == agent.hop);
    match result {
        Ok(()) => success(script, agent, visit),
        Err(error) if has_cause(script, site, agent, seen, visit, error) => Ok(()),
        Err(error) => Err(format!("{error:?} has no cause; last visit {visit:?}")),
    }
}

fn success(script: &Script, agent: &Agent, visit: Option<&Visit>) -> Result<(), String> {
    let job = agent.job();
    let plan = &job.hops[agent.hop];
    let visit = visit.ok_or("a success without a visit")?;
    let answer = render(&script.setup, agent.number, job, agent.hop);
    let whole = body_len(job, plan);
    let until_close = has_body(job, plan) && plan.framing == Framing::Close;
    let length = match visit.reply {
        Reply::Whole => whole,
        // Nobody can tell that a body that ends with the connection was cut.
        Reply::Cut(at, false) if until_close && at >= answer.head => at - answer.head,
        reply @ (Reply::Nothing
        | Reply::Dropped
        | Reply::Refused
        | Reply::Cut(..)
        | Reply::Stalled) => return Err(format!("a success, but the reply was {reply:?}")),
    };
    let checks = [
        (agent.status == plan.status, "another status"),
        (agent.got == length, "another length of body"),
        (!is_malformed(job, plan), "it was malformed"),
        (visit.whole || plan.early, "the upload has not come whole"),
        (
            !is_followed(job, agent.hop),
            "a redirect should be followed",
        ),
        (
            !(job.fail_on_error && plan.status >= 400),
            "the status is an error",
        ),
        (
            job.max_body.is_none_or(|most| length as u64 <= most),
            "the body is too large",
        ),
    ];
    match checks.iter().find(|(good, _)| !good) {
        None => Ok(()),
        Some((_, why)) => Err(format!("a success, but {why}: got {}", agent.got)),
    }
}

/// What is said about a body does not matter where there is none.
fn is_malformed(job: &Job, plan: &Hop) -> bool {
    match plan.fault {
        Some(Fault::Bad(Bad::ChunkSize | Bad::ChunkEnd | Bad::Coding | Bad::Conflict)) => {
            has_body(job, plan)
        }
        Some(Fault::Bad(_)) => true,
        Some(_) | None => false,
    }
}

fn is_followed(job: &Job, hop: usize) -> bool {
    hop + 1 < job.hops.len() && job.follow.is_some() && job.stop_at != Some(hop)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the engine may learn more errors"
)]
fn has_cause(
    script: &Script,
    site: &Site,
    agent: &Agent,
    seen: &Circumstances,
    visit: Option<&Visit>,
    error: Error,
) -> bool {
    let job = agent.job();
    let plan = &job.hops[agent.hop];
    let passed = |ms: u64| seen.now >= seen.started + Duration::from_millis(ms);
    match error {
        Error::Timeout(Timer::Total) => return job.total_ms.is_some_and(passed),
        Error::Timeout(Timer::Connect) => return passed(job.connect_ms.unwrap_or(300_000)),
        Error::Timeout(Timer::LowSpeed) => {
            return job.low_speed.is_some_and(|(_, secs)| passed(secs * 1000));
        }
        Error::AbortedByCallback => return seen.closed_all,
        Error::Resolve => {
            let host = script.setup.hosts[plan.host];
            return visit.is_none() && script.setup.names[host.name].1.is_empty();
        }
        Error::Connect(why) => {
            return visit.is_none() && connect_fails(script, plan.host, seen, why);
        }
        Error::TooManyRedirects => {
            let redirect = agent.hop + 1 < job.hops.len();
            return redirect && job.follow.is_some_and(|most| reached(agent, most));
        }
        _ => {}
    }
    let visit = answering(site, agent);
    if is_tainted(script, site, agent, seen) {
        let not_http = error == Error::BadResponse(ResponseError::NotHttp);
        if not_http || is_of_connection(error) {
            return true;
        }
    }
    if seen.retries >= 5 && is_of_connection(error) {
        return true;
    }
    visit.is_some_and(|visit| reply_explains(script, agent, visit, error))
}

/// The request that is being answered: of a redirect that is followed, the one before.
fn answering<'a>(site: &'a Site, agent: &Agent) -> Option<&'a Visit> {
    let last = site.visits[agent.number].last()?;
    let answering = last.hop == agent.hop || (agent.following && last.hop + 1 == agent.hop);
    answering.then_some(last)
}

fn reached(agent: &Agent, most: u16) -> bool {
    most != u16::MAX && agent.hop >= usize::from(most)
}

fn connect_fails(script: &Script, host: usize, seen: &Circumstances, why: IoError) -> bool {
    if why == IoError::NoDescriptors {
        return seen.no_descriptors;
    }
    script
        .setup
        .listens_of(host)
        .iter()
        .any(|listen| match listen {
            Listen::Refuse(_) => why == IoError::Refused,
            Listen::Fail(error) => why == *error,
            Listen::Accept(_) | Listen::Silent => false,
        })
}

/// Did its connection suffer from something that is no answer to it?
fn is_tainted(script: &Script, site: &Site, agent: &Agent, seen: &Circumstances) -> bool {
    let last = site.visits[agent.number].last();
    let suffers = |visit: &Visit| site.tainted.contains_key(&visit.conn);
    if last.is_some_and(suffers) {
        return true;
    }
    // The request that failed has not arrived: it may have been any connection to that host.
    let arrived = last.is_some_and(|visit| visit.hop == agent.hop && seen.retries == 0);
    let host = script.setup.hosts[agent.job().hops[agent.hop].host];
    let of_host = |address: &std::net::SocketAddr| {
        address.port() == host.port && script.setup.names[host.name].1.contains(&address.ip())
    };
    !arrived && site.tainted.values().any(of_host)
}

/// Does what the peer did about this request explain the error?
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the engine may learn more errors"
)]
fn reply_explains(script: &Script, agent: &Agent, visit: &Visit, error: Error) -> bool {
    let job = agent.job();
    let plan = &job.hops[visit.hop];
    let unsent = job.upload.kind != UploadKind::None && !visit.whole;
    match error {
        Error::HttpStatus(code) => return job.fail_on_error && code == plan.status && code >= 400,
        Error::BodyTooLarge => {
            let length = body_len(job, plan) as u64;
            return job.max_body.is_some_and(|most| length > most);
        }
        _ => {}
    }
    if let Some(Fault::Bad(bad)) = plan.fault
        && is_of_bad(bad, error)
    {
        return true;
    }
    let first_bytes = visit.nth == 1;
    match visit.reply {
        Reply::Dropped | Reply::Cut(0, _) => first_bytes && is_of_connection(error),
        Reply::Cut(at, reset) => {
            let answer = render(&script.setup, agent.number, job, visit.hop);
            let in_body = at >= answer.head;
            match error {
                Error::PartialBody => in_body,
                Error::EmptyReply => !in_body && plan.interim > 0,
                Error::Receive(IoError::Closed) => !in_body,
                Error::Receive(IoError::Reset) | Error::Send(IoError::Reset) => reset || unsent,
                _ => false,
            }
        }
        // A peer that has gone answers what still comes with a reset.
        Reply::Whole | Reply::Refused | Reply::Nothing => unsent && is_of_connection(error),
        Reply::Stalled => false,
    }
}

fn is_of_bad(bad: Bad, error: Error) -> bool {
    let response = |why| error == Error::BadResponse(why);
    match bad {
        Bad::NotHttp => response(ResponseError::NotHttp),
        Bad::Lengths => response(ResponseError::ContentLength),
        Bad::Conflict => response(ResponseError::ConflictingLengths),
        Bad::ChunkSize => response(ResponseError::ChunkSize),
        Bad::ChunkEnd => response(ResponseError::ChunkEnd),
        Bad::Folded => response(ResponseError::Folded),
        Bad::Coding => error == Error::TransferCoding,
        Bad::Upgrade => response(ResponseError::Upgrade),
        Bad::Interim => error == Error::Limit(Limit::Informational),
        Bad::Line => error == Error::Limit(Limit::Line),
    }
}
