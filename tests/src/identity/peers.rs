//! The peers of an identity run: they look at each request, and at the connection that brought it,
//! and answer as planned, or not at all.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use muxfer_core::ConnId;
use muxfer_core::net::Scheme;
use muxfer_core::platform::Target;
use muxfer_core::time::Instant;

use crate::sim::{Act, Peer, Prng, Request, http};

use super::Tally;
use super::model;
use super::plan::{Plan, Script, Style, index};

/// One connection, as it was opened and with what came over it.
struct Line {
    secure: bool,
    host: String,
    port: u16,
    settings: u32,
    opened: Instant,
    requests: u32,
    /// When the request that comes now began, and when the answer to the one before was sent.
    began: Option<Instant>,
    answered: Instant,
    /// Why no further request may come.
    over: Option<&'static str>,
    /// The peer closes it without a word: a request that still comes is not answered.
    dies: bool,
    /// It was answered before its body came, which may still come.
    early: bool,
    /// The head of the request that comes now was looked at.
    seen: bool,
    /// `100 Continue` was said to it: the response has begun (CONTRACT R88).
    continued: bool,
    /// Requests that may still come after a change of network.
    spared: Option<u32>,
}

/// How far a transfer is, as its peers see it.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// The hop of the next request.
    pub(super) hop: usize,
    /// It has ended or was removed.
    pub(super) over: bool,
    /// How often its request was not answered.
    pub(super) stales: u32,
    /// The next request must be the first of its connection.
    wants_fresh: bool,
    no_expect: bool,
}

/// What all peers know together.
pub(super) struct Director {
    script: Rc<Script>,
    plans: Vec<Rc<Plan>>,
    pub(super) standings: Vec<Standing>,
    lines: HashMap<ConnId, Line>,
    random: Prng,
    pub(super) now: Instant,
    speaker: Option<ConnId>,
    pub(super) faults: Vec<String>,
    pub(super) tally: Tally,
    /// The connection that is opened next is the first attempt of its transfer.
    pub(super) begins_race: bool,
    /// When the network changed last.
    pub(super) changed: Option<Instant>,
    /// The age at which a connection serves no more.
    pub(super) lifetime: Duration,
    /// How long bytes may be on their way.
    pub(super) latency: Duration,
    /// Bytes behind a message can be seen: reading never stalls for nothing.
    pub(super) may_smuggle: bool,
}

impl Director {
    pub(super) fn new(script: Rc<Script>, plans: Vec<Rc<Plan>>, random: Prng) -> Self {
        let standings = plans
            .iter()
            .map(|plan| Standing {
                hop: 0,
                over: false,
                stales: 0,
                wants_fresh: plan.options.fresh_connect,
                no_expect: false,
            })
            .collect();
        Self {
            script,
            plans,
            standings,
            lines: HashMap::new(),
            random,
            now: Instant::ZERO,
            speaker: None,
            faults: Vec::new(),
            tally: Tally::default(),
            begins_race: false,
            changed: None,
            lifetime: Duration::MAX,
            latency: Duration::ZERO,
            may_smuggle: true,
        }
    }

    pub(super) fn fault(&mut self, what: String) {
        self.faults.push(format!("{:?}: {what}", self.now));
    }

    pub(super) fn opened(&mut self, conn: ConnId, target: &Target<'_>) {
        let line = Line {
            secure: target.scheme == Scheme::Https,
            host: target.host.to_string(),
            port: target.address.port(),
            settings: target.settings,
            opened: self.now,
            requests: 0,
            began: None,
            answered: self.now,
            over: None,
            dies: false,
            early: false,
            seen: false,
            continued: false,
            spared: None,
        };
        self.lines.insert(conn, line);
    }

    /// From now on connections serve at most the request that they may have been given already.
    pub(super) fn network_changed(&mut self, now: Instant) {
        self.changed = Some(now);
        for line in self.lines.values_mut() {
            line.spared = Some(line.spared.map_or(1, |left| left.min(1)));
        }
    }

    fn line(&mut self) -> &mut Line {
        let line = self.speaker.and_then(|conn| self.lines.get_mut(&conn));
        line.expect("bytes come over a connection that was opened")
    }

    /// Bytes have come: is anything allowed to come at all? Answers what a peer says that does not
    /// wait for the whole request.
    fn bytes_came(&mut self, conn: ConnId, now: Instant, bytes: &mut Vec<u8>) -> Vec<Act> {
        (self.speaker, self.now) = (Some(conn), now);
        let line = self.line();
        line.began.get_or_insert(now);
        if let Some(why) = line.over {
            let is_request = !line.early || has(bytes, b" HTTP/1.1\r\n");
            bytes.clear();
            if is_request {
                self.fault(format!("a request over {conn}, which {why}"));
            }
            return Vec::new();
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Vec::new();
        };
        if std::mem::replace(&mut line.seen, true) || line.dies {
            return Vec::new();
        }
        let request = Request {
            head: String::from_utf8_lossy(&bytes[..end + 4]).into_owned(),
            ..Request::default()
        };
        if request.field("expect").is_none() {
            return Vec::new();
        }
        self.expectation(request, bytes)
    }

    /// The peer is asked before a body comes.
    fn expectation(&mut self, mut request: Request, bytes: &mut Vec<u8>) -> Vec<Act> {
        let id = id_of(&request);
        let Some(plan) = id.and_then(|id| self.plans.get(id)).cloned() else {
            return Vec::new();
        };
        let id = id.unwrap_or(0);
        let standing = self.standings[id].clone();
        // What is on its way for a while may be the body, after the time to wait for the answer.
        let early = self.latency.is_zero();
        let redirects = plan
            .hops
            .get(standing.hop)
            .is_some_and(|hop| hop.redirect.is_some());
        let acts = match index(&mut self.random, 5) {
            0 => {
                self.line().continued = true;
                return vec![Act::text("HTTP/1.1 100 Continue\r\n\r\n")];
            }
            1 if early && !standing.no_expect => vec![refuse_expect()],
            2 if early && redirects => {
                vec![Act::Send(render(&plan, id, standing.hop, Style::Length))]
            }
            _ => return Vec::new(),
        };
        // It is answered as if its body had come, and the body is never asked for.
        request.body.clone_from(&plan.payload);
        self.check(id, &plan, &request);
        let refused = acts == [refuse_expect()];
        let standing = &mut self.standings[id];
        standing.hop += usize::from(!refused);
        standing.no_expect |= refused;
        standing.wants_fresh = false;
        self.tally.early += 1;
        let line = self.line();
        line.requests += 1;
        line.over = Some("was answered before the body came");
        line.early = true;
        bytes.clear();
        acts
    }

    /// A whole request has come.
    fn answer(&mut self, request: &Request) -> Vec<Act> {
        let id = id_of(request).filter(|id| *id < self.plans.len());
        let Some(id) = id else {
            self.fault(format!("a request of nobody: {:?}", request.head));
            return Vec::new();
        };
        let plan = self.plans[id].clone();
        self.check(id, &plan, request);
        let line = self.line();
        let may_go = line.requests > 0 && !std::mem::take(&mut line.continued);
        line.requests += 1;
        (line.began, line.seen) = (None, false);
        let dies = line.dies;
        if dies || (may_go && self.standings[id].stales < 3 && self.random.chance(10)) {
            return self.leave_unanswered(id, dies);
        }
        let standing = &mut self.standings[id];
        standing.wants_fresh = false;
        if request.field("expect").is_some() && self.random.chance(10) {
            standing.no_expect = true;
            self.tally.refused_expect += 1;
            return vec![refuse_expect()];
        }
        let hop = standing.hop;
        standing.hop += 1;
        self.answer_hop(id, &plan, hop)
    }

    /// CONTRACT R88: over another connection the same request must come again.
    fn leave_unanswered(&mut self, id: usize, dies: bool) -> Vec<Act> {
        let standing = &mut self.standings[id];
        standing.stales += 1;
        standing.wants_fresh = true;
        self.tally.unanswered += 1;
        self.line().over = Some("was closed");
        let reset = self.random.chance(50);
        match (dies, reset) {
            (true, _) => Vec::new(),
            (false, true) => vec![Act::Reset],
            (false, false) => vec![Act::Close],
        }
    }

    fn answer_hop(&mut self, id: usize, plan: &Plan, hop: usize) -> Vec<Act> {
        let Some(planned) = plan.hops.get(hop) else {
            return Vec::new();
        };
        let hides = planned.style == Style::Smuggles && !self.may_smuggle;
        let style = if hides { Style::Length } else { planned.style };
        let delay = Duration::from_millis(planned.delay);
        let answered = self.now + delay;
        let asked_close = plan.options.forbid_reuse || plan.field("connection").is_some();
        let to_head = model::method(plan, hop) == "HEAD";
        self.tally.smuggled += u32::from(style == Style::Smuggles);
        let line = self.line();
        line.answered = answered;
        let mut acts = vec![Act::Wait(delay), Act::Send(render(plan, id, hop, style))];
        match style {
            Style::Length | Style::Chunked => {}
            Style::UntilClose => {
                acts.push(Act::Close);
                // After a HEAD it is not the end of the stream that ends the answer.
                line.dies = to_head;
                line.over = (!to_head).then_some("ended with the answer");
            }
            Style::Old => line.over = Some("was of HTTP/1.0"),
            Style::SaysClose => line.over = Some("was said to close"),
            Style::Smuggles => line.over = Some("held bytes behind the answer"),
            Style::ClosesLater(after) => {
                acts.extend([Act::wait(after), Act::Close]);
                line.dies = true;
            }
        }
        if asked_close {
            line.over = Some("was asked to close");
        }
        acts
    }

    /// Holds a request against the model, and against the connection that brought it.
    fn check(&mut self, id: usize, plan: &Plan, request: &Request) {
        let standing = self.standings[id].clone();
        let hop = standing.hop;
        self.tally.requests += 1;
        if standing.over || hop >= plan.allowed_hops() {
            return self.fault(format!("transfer {id} sent more than planned"));
        }
        let script = self.script.clone();
        let origin = &script.origins[plan.hops[hop].origin];
        let (now, oldest, conn) = (self.now, self.lifetime + self.latency, self.speaker);
        let line = self.line();
        let mut faults = model::faults(plan, hop, origin, request);
        if line.secure != origin.secure || line.host != origin.host || line.port != origin.port {
            faults.push("the connection is of another origin".to_string());
        }
        if line.settings != plan.settings {
            faults.push("the connection is of other settings".to_string());
        }
        let reused = line.requests > 0;
        if reused && standing.wants_fresh {
            faults.push("CONTRACT R90: it is no fresh connection".to_string());
        }
        let began = line.began.unwrap_or(now);
        if reused && began < line.answered {
            faults.push("CONTRACT R86: the one before is not answered yet".to_string());
        }
        if reused && began.since(line.opened) > oldest {
            faults.push("CONTRACT R87: the connection is too old".to_string());
        }
        if let Some(left) = &mut line.spared {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => faults.push("CONTRACT R78: the network has changed".to_string()),
            }
        }
        let expects = model::expects(plan, hop) && !standing.no_expect;
        if request.field("expect").is_some() != expects {
            faults.push(format!("Expect should be there: {expects}"));
        }
        let home = model::is_home(plan, hop);
        faults.extend(model::leaks(request, id, home));
        self.tally.reused += u32::from(reused);
        self.tally.away += u32::from(!home);
        self.tally.homecomings += u32::from(!home && plan.hops[hop].origin == plan.hops[0].origin);
        self.tally.authorized += u32::from(request.field("authorization").is_some());
        for what in faults {
            self.fault(format!("transfer {id}, hop {hop}, over {conn:?}: {what}"));
        }
    }
}

fn id_of(request: &Request) -> Option<usize> {
    request.field("x-id")?.parse().ok()
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn refuse_expect() -> Act {
    Act::text("HTTP/1.1 417 No\r\nContent-Length: 4\r\n\r\nnope")
}

/// The body of an answer: no two are the same.
pub(super) fn body(id: usize, hop: usize) -> Vec<u8> {
    format!("answer {hop} to {id}. ")
        .into_bytes()
        .repeat(1 + (id * 7 + hop * 13) % 40)
}

fn render(plan: &Plan, id: usize, hop: usize, style: Style) -> Vec<u8> {
    let body = body(id, hop);
    let version = if style == Style::Old { 0 } else { 1 };
    let mut bytes = match &plan.hops[hop].redirect {
        Some((code, location)) => {
            format!("HTTP/1.{version} {code} R\r\nLocation: {location}\r\n")
        }
        None => format!("HTTP/1.{version} 200 OK\r\n"),
    };
    bytes.push_str(&match style {
        Style::Chunked => "Transfer-Encoding: chunked\r\n\r\n".to_string(),
        Style::UntilClose => "\r\n".to_string(),
        Style::SaysClose => format!(
            "Connection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ),
        Style::Length | Style::Old | Style::Smuggles | Style::ClosesLater(_) => {
            format!("Content-Length: {}\r\n\r\n", body.len())
        }
    });
    let mut bytes = bytes.into_bytes();
    if model::method(plan, hop) != "HEAD" {
        if style == Style::Chunked {
            let (one, two) = body.split_at(body.len() / 2);
            for piece in [one, two] {
                bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
                bytes.extend_from_slice(piece);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend_from_slice(&body);
        }
    }
    if style == Style::Smuggles {
        bytes.extend(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled");
    }
    bytes
}

/// A peer at one address. All share what they know.
pub(super) fn peer(director: &Rc<RefCell<Director>>) -> Peer {
    let answers = director.clone();
    let mut whole = http(move |request| answers.borrow_mut().answer(request));
    let director = director.clone();
    Box::new(move |inbound| {
        let (conn, now) = (inbound.conn, inbound.now);
        let mut acts = director.borrow_mut().bytes_came(conn, now, inbound.bytes);
        acts.extend(whole(inbound));
        acts
    })
}
