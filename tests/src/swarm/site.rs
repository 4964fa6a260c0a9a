//! The peers of a run: they answer as the jobs say, check each request, and remember all of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use muxfer_core::ConnId;
use muxfer_core::easy::Expect;

use super::answer::{render, upload_byte};
use super::script::{Fault, Job, Script, Secret, UploadKind};
use crate::sim::{Act, Inbound, Target};

/// One request that has reached a peer.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Which hop of its job.
    pub hop: usize,
    /// Over which connection.
    pub conn: ConnId,
    /// Which request of that connection, from 1.
    pub nth: usize,
    /// It asked for `100 Continue`.
    pub expects: bool,
    /// Its body has come whole.
    pub whole: bool,
    /// What was done about it.
    pub reply: Reply,
}

/// What a peer does about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing so far.
    Nothing,
    /// It went away without a word.
    Dropped,
    /// 417.
    Refused,
    /// The whole answer.
    Whole,
    /// The answer up to here, then a close or (`true`) a reset.
    Cut(usize, bool),
    /// The answer up to here, then nothing.
    Stalled,
}

/// A request that is being read.
#[derive(Debug)]
struct Reading {
    job: usize,
    visit: usize,
    body: Vec<u8>,
    chunked: bool,
    length: usize,
}

/// All peers.
pub struct Site {
    script: Rc<Script>,
    /// By job.
    pub visits: Vec<Vec<Visit>>,
    /// Connections over which something came that no request explains.
    pub tainted: BTreeMap<ConnId, SocketAddr>,
    addresses: BTreeMap<ConnId, SocketAddr>,
    /// What was read and not understood yet: reading makes room for more.
    buffers: BTreeMap<ConnId, Vec<u8>>,
    reading: BTreeMap<ConnId, Reading>,
    deaf: BTreeMap<ConnId, ()>,
}

/// What the method and the body of a hop must be, and whether an earlier redirect has left the
/// first origin: CONTRACT §9 row 8, in the plainest words.
#[must_use]
pub fn expected(script: &Script, job: &Job, hop: usize) -> (&'static str, bool, bool) {
    let mut method = job.method;
    let mut body = job.upload.kind != UploadKind::None;
    let mut foreign = false;
    for before in &job.hops[..hop] {
        let to_get = match before.status {
            301 | 302 => job.method == "POST",
            303 => !matches!(job.method, "GET" | "HEAD"),
            _ => false,
        };
        if to_get && !job.keep_post {
            (method, body) = ("GET", false);
        }
    }
    let place = |nth: usize| script.setup.hosts[job.hops[nth].host];
    for nth in 1..=hop {
        foreign |= place(nth) != place(0);
    }
    (method, body, foreign)
}

/// Must the request ask for `100 Continue`, unless it was refused before?
fn expects(job: &Job, body: bool) -> bool {
    let unknown = job.upload.kind == UploadKind::Chunked;
    let some = body && (unknown || job.upload.len > 0);
    match job.expect {
        Expect::Auto => some && unknown,
        Expect::Never => false,
        Expect::Always => some,
    }
}

impl Site {
    /// Peers for this script.
    #[must_use]
    pub fn new(script: Rc<Script>) -> Self {
        let visits = vec![Vec::new(); script.jobs.len()];
        Self {
            script,
            visits,
            tainted: BTreeMap::new(),
            addresses: BTreeMap::new(),
            buffers: BTreeMap::new(),
            reading: BTreeMap::new(),
            deaf: BTreeMap::new(),
        }
    }

    /// Bytes have come.
    pub fn hear(&mut self, inbound: Inbound<'_>) -> Vec<Act> {
        let Inbound {
            conn,
            target,
            bytes: arrived,
            served,
            ..
        } = inbound;
        if self.deaf.contains_key(&conn) {
            return Vec::new();
        }
        self.addresses.insert(conn, target.address);
        let mut bytes = self.buffers.remove(&conn).unwrap_or_default();
        bytes.append(arrived);
        let acts = self.understand(conn, target, served, &mut bytes);
        self.buffers.insert(conn, bytes);
        acts
    }

    fn understand(
        &mut self,
        conn: ConnId,
        target: &Target,
        served: &mut usize,
        bytes: &mut Vec<u8>,
    ) -> Vec<Act> {
        let mut acts = Vec::new();
        loop {
            if self.deaf.contains_key(&conn) {
                return acts;
            }
            if let Some(mut reading) = self.reading.remove(&conn) {
                if !read_body(&mut reading, bytes) {
                    self.reading.insert(conn, reading);
                    return acts;
                }
                acts.extend(self.body_is_whole(&reading));
                continue;
            }
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                return acts;
            };
            let head: Vec<u8> = bytes.drain(..end + 4).collect();
            let head = String::from_utf8(head).expect("a head in ASCII");
            *served += 1;
            acts.extend(self.head(conn, target, *served, &head));
        }
    }

    fn head(&mut self, conn: ConnId, target: &Target, nth: usize, head: &str) -> Vec<Act> {
        let script = Rc::clone(&self.script);
        let (number, hop) = check_line(&script, head);
        let job = &script.jobs[number];
        check_target(&script, job, hop, target);
        let refused = self.visits[number]
            .iter()
            .any(|visit| visit.reply == Reply::Refused);
        let expects = check_fields(&script, number, hop, head, refused);
        self.check_repetition(number, hop);
        let attempts = self.visits[number].iter().filter(|v| v.hop == hop).count();
        let visit = self.visits[number].len();
        self.visits[number].push(Visit {
            hop,
            conn,
            nth,
            expects,
            whole: false,
            reply: Reply::Nothing,
        });
        let plan = &job.hops[hop];
        match plan.fault {
            Some(Fault::Deaf) => {
                self.deaf.insert(conn, ());
                return Vec::new();
            }
            Some(Fault::Drop { times, reset }) if attempts < times => {
                self.deaf.insert(conn, ());
                self.visits[number][visit].reply = Reply::Dropped;
                return vec![if reset { Act::Reset } else { Act::Hangup }];
            }
            Some(_) | None => {}
        }
        let mut acts = Vec::new();
        if expects && plan.refuses_expect {
            self.visits[number][visit].reply = Reply::Refused;
            acts.push(Act::text("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"));
        } else {
            if expects && plan.continues {
                acts.push(Act::text("HTTP/1.1 100 Go\r\n\r\n"));
            }
            if plan.early {
                acts.extend(self.answer(number, visit));
            }
        }
        let length = field(head, "content-length").map_or(0, |n| n.parse().expect("a length"));
        self.reading.insert(
            conn,
            Reading {
                job: number,
                visit,
                body: Vec::new(),
                chunked: field(head, "transfer-encoding").is_some(),
                length,
            },
        );
        acts
    }

    /// A request may come again only if nothing of an answer to it can have been seen.
    fn check_repetition(&self, number: usize, hop: usize) {
        let Some(last) = self.visits[number].last() else {
            return;
        };
        assert!(
            hop == last.hop || hop == last.hop + 1,
            "job {number} went from hop {} to {hop}",
            last.hop
        );
        if hop == last.hop {
            let silent = matches!(
                last.reply,
                Reply::Nothing | Reply::Dropped | Reply::Cut(0, _)
            );
            let reused = last.nth > 1 && (silent || self.tainted.contains_key(&last.conn));
            assert!(
                last.reply == Reply::Refused || reused,
                "CONTRACT R88: job {number} repeats hop {hop} after {last:?}"
            );
        }
    }

    fn body_is_whole(&mut self, reading: &Reading) -> Vec<Act> {
        for (at, byte) in reading.body.iter().enumerate() {
            assert_eq!(*byte, upload_byte(reading.job, at), "job {}", reading.job);
        }
        let job = &self.script.jobs[reading.job];
        let visit = &mut self.visits[reading.job][reading.visit];
        visit.whole = true;
        let (_, body, _) = expected(&self.script, job, visit.hop);
        let length = if body { job.upload.len } else { 0 };
        assert_eq!(reading.body.len(), length, "job {}", reading.job);
        if visit.reply != Reply::Nothing {
            return Vec::new();
        }
        self.answer(reading.job, reading.visit)
    }

    fn answer(&mut self, number: usize, visit: usize) -> Vec<Act> {
        let script = Rc::clone(&self.script);
        let job = &script.jobs[number];
        let (hop, conn) = {
            let visit = &self.visits[number][visit];
            (visit.hop, visit.conn)
        };
        let plan = &job.hops[hop];
        let answer = render(&script.setup, number, job, hop);
        let len = answer.bytes.len();
        let mut acts = vec![Act::wait(plan.wait_ms)];
        let (reply, until) = match plan.fault {
            Some(Fault::Cut { at, reset }) => (Reply::Cut(at % len, reset), at % len),
            Some(Fault::Stall(at)) => (Reply::Stalled, at % len),
            Some(_) | None => (Reply::Whole, len),
        };
        acts.extend(pieces(&answer.bytes[..until], plan.piece, plan.gap_ms));
        match reply {
            Reply::Cut(_, true) => acts.push(Act::Reset),
            Reply::Cut(_, false) => acts.push(Act::Hangup),
            Reply::Stalled | Reply::Nothing | Reply::Dropped | Reply::Refused => {}
            Reply::Whole => {
                if plan.fault == Some(Fault::Extra) && !answer.closes {
                    acts.push(Act::text("!! what nobody asked for\r\n\r\n"));
                    let address = self.addresses.get(&conn).copied();
                    self.tainted.extend(address.map(|address| (conn, address)));
                }
                if answer.closes {
                    acts.push(Act::Hangup);
                } else if let Some(ms) = plan.patience_ms {
                    acts.push(Act::IdleHangup(Duration::from_millis(ms)));
                }
            }
        }
        self.visits[number][visit].reply = reply;
        acts
    }
}

/// Slices with pauses between; so large that there are not too many of them.
fn pieces(bytes: &[u8], piece: usize, gap_ms: u64) -> Vec<Act> {
    let size = match piece {
        0 => bytes.len().max(1),
        piece => piece.max(bytes.len() / 40),
    };
    let slices = bytes.chunks(size.max(1));
    slices
        .flat_map(|slice| [Act::Send(slice.to_vec()), Act::wait(gap_ms)])
        .collect()
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut all = head.lines().skip(1).filter_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    });
    let first = all.next();
    assert_eq!(all.next(), None, "{name} twice: {head}");
    first
}

/// Job and hop, from the path; the method is checked.
fn check_line(script: &Script, head: &str) -> (usize, usize) {
    let mut words = head.split(' ');
    let method = words.next().unwrap_or("");
    let path = words.next().unwrap_or("");
    let mut parts = path.split('/').skip(1).map(|part| part.parse().ok());
    let (number, hop): (usize, usize) = match (parts.next(), parts.next()) {
        (Some(Some(number)), Some(Some(hop))) => (number, hop),
        _ => panic!("no path of ours: {head}"),
    };
    let job = &script.jobs[number];
    assert_eq!(method, expected(script, job, hop).0, "job {number}: {head}");
    (number, hop)
}

/// The connection is that of just this origin.
fn check_target(script: &Script, job: &Job, hop: usize, target: &Target) {
    let host = script.setup.hosts[job.hops[hop].host];
    let (name, addresses) = &script.setup.names[host.name];
    let right = target.host == *name
        && target.address.port() == host.port
        && target.settings == job.settings
        && addresses.contains(&target.address.ip());
    assert!(right, "CONTRACT R85: {name}:{} over {target:?}", host.port);
}

/// Host, secrets, framing; answers whether it asks for `100 Continue`.
fn check_fields(script: &Script, number: usize, hop: usize, head: &str, refused: bool) -> bool {
    let job = &script.jobs[number];
    let (_, body, foreign) = expected(script, job, hop);
    let authority = script.setup.authority(job.hops[hop].host);
    assert_eq!(field(head, "host"), Some(authority.as_str()), "{head}");
    let secret = format!("secret{number}");
    let (authorization, cookie) = match job.secret {
        _ if foreign => (None, None),
        Secret::None => (None, None),
        Secret::Basic | Secret::Url => (Some("Basic"), None),
        Secret::Bearer => (Some("Bearer"), None),
        Secret::Cookie => (None, Some(secret.as_str())),
    };
    let got = field(head, "authorization");
    let kind = got.map(|value| value.split(' ').next().unwrap_or(""));
    assert_eq!(kind, authorization, "CHECKLIST 5: {head}");
    if job.secret == Secret::Bearer && !foreign {
        assert_eq!(got, Some(format!("Bearer {secret}").as_str()));
    }
    assert_eq!(field(head, "cookie"), cookie, "CHECKLIST 5: {head}");
    let chunked = body && job.upload.kind == UploadKind::Chunked;
    assert_eq!(
        field(head, "transfer-encoding").is_some(),
        chunked,
        "{head}"
    );
    let expects_now = field(head, "expect").is_some();
    assert_eq!(expects_now, expects(job, body) && !refused, "R98: {head}");
    assert_eq!(field(head, "connection").is_some(), job.forbid, "{head}");
    expects_now
}

/// Takes what belongs to the body; answers whether it is whole.
fn read_body(reading: &mut Reading, bytes: &mut Vec<u8>) -> bool {
    if !reading.chunked {
        let missing = reading.length - reading.body.len();
        let n = missing.min(bytes.len());
        reading.body.extend(bytes.drain(..n));
        return n == missing;
    }
    loop {
        let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") else {
            return false;
        };
        let digits = std::str::from_utf8(&bytes[..line]).expect("a chunk size");
        let size = usize::from_str_radix(digits, 16).expect("a chunk size");
        let end = line + 2 + size + 2;
        if bytes.len() < end {
            return false;
        }
        assert_eq!(&bytes[end - 2..end], b"\r\n", "the end of a chunk");
        reading.body.extend_from_slice(&bytes[line + 2..end - 2]);
        bytes.drain(..end);
        if size == 0 {
            return true;
        }
    }
}
