//! What each request of a transfer must be. It is a model to be read in one go: it knows a
//! transfer's hops beforehand, so it reads no URL and compares origins by their place in a list.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use muxfer_core::easy::Expect;

use crate::sim::Request;

use super::plan::{Auth, Body, Origin, Plan};

/// Has no hop so far left the first origin?
pub(super) fn is_home(plan: &Plan, hop: usize) -> bool {
    let first = plan.hops[0].origin;
    plan.hops[..=hop].iter().all(|hop| hop.origin == first)
}

/// Has a redirect before this hop made a GET of the request (CONTRACT §9, 8)?
fn is_rewritten(plan: &Plan, hop: usize) -> bool {
    let before = plan.hops[..hop].iter();
    !plan.options.keep_post
        && before
            .filter_map(|hop| hop.redirect.as_ref())
            .any(|(code, _)| match code {
                301 | 302 => plan.method == "POST",
                303 => !matches!(plan.method, "GET" | "HEAD"),
                _ => false,
            })
}

/// The method of this hop.
pub(super) fn method(plan: &Plan, hop: usize) -> &'static str {
    if is_rewritten(plan, hop) {
        "GET"
    } else {
        plan.method
    }
}

/// Does the request of this hop bring a body from a source that would have to be rewound?
pub(super) fn streams(plan: &Plan, hop: usize) -> bool {
    matches!(plan.body, Body::Sized | Body::Chunked) && !is_rewritten(plan, hop)
}

/// Does the peer have to be asked before the body of this hop (CONTRACT R98)? No body is long.
pub(super) fn expects(plan: &Plan, hop: usize) -> bool {
    let has_body = plan.body != Body::None && !is_rewritten(plan, hop);
    has_body
        && match plan.options.expect {
            Expect::Auto => plan.body == Body::Chunked,
            Expect::Never => false,
            Expect::Always => true,
        }
}

/// `Authorization` of a transfer that is at home: the user's own field, then what was asked for,
/// then what the URL says.
fn authorization(plan: &Plan) -> Option<String> {
    let basic = |user: &str, password: &str| {
        let text = STANDARD.encode(format!("{user}:{password}"));
        Some(format!("Basic {text}"))
    };
    if let Some(own) = plan.field("authorization") {
        return Some(own.to_string());
    }
    match (&plan.auth, &plan.userinfo) {
        (Auth::Basic(user, password), _) => basic(user, password),
        (Auth::Bearer(token), _) => Some(format!("Bearer {token}")),
        (Auth::None, Some((user, password))) => basic(user, password),
        (Auth::None, None) => None,
    }
}

/// All that is wrong with the head and the body of a request.
pub(super) fn faults(plan: &Plan, hop: usize, origin: &Origin, request: &Request) -> Vec<String> {
    let mut faults = Vec::new();
    let (home, rewritten) = (is_home(plan, hop), is_rewritten(plan, hop));
    let line = request.head.lines().next().unwrap_or("");
    let right = format!("{} {} HTTP/1.1", method(plan, hop), plan.hops[hop].target);
    if line != right {
        faults.push(format!("{line:?} was sent for {right:?}"));
    }
    let at_home = |value: Option<String>| value.filter(|_| home);
    let own = |name: &str| plan.field(name).map(str::to_string);
    let host = at_home(own("host")).unwrap_or_else(|| origin.host_field());
    let expected = [
        ("Host", Some(host)),
        ("Authorization", at_home(authorization(plan))),
        ("Cookie", at_home(own("cookie"))),
        ("Cookie2", at_home(own("cookie2"))),
        ("Proxy-Authorization", at_home(own("proxy-authorization"))),
        ("Accept", own("accept")),
        ("Range", plan.range.map(|range| format!("bytes={range}"))),
        ("Content-Type", own("content-type").filter(|_| !rewritten)),
        (
            "Content-Language",
            own("content-language").filter(|_| !rewritten),
        ),
        ("Connection", connection(plan)),
        ("Transfer-Encoding", coding(plan, rewritten)),
        ("Content-Length", length(plan, hop, rewritten)),
    ];
    for (name, right) in expected {
        let found = values(request, name);
        if found != right.iter().map(String::as_str).collect::<Vec<_>>() {
            faults.push(format!("{name} is {found:?} and should be {right:?}"));
        }
    }
    let body: &[u8] = if rewritten { b"" } else { &plan.payload };
    if request.body != body {
        faults.push(format!(
            "a body of {} bytes for one of {}",
            request.body.len(),
            body.len()
        ));
    }
    faults
}

fn connection(plan: &Plan) -> Option<String> {
    let closes = plan.options.forbid_reuse.then(|| "close".to_string());
    plan.field("connection").map(str::to_string).or(closes)
}

fn coding(plan: &Plan, rewritten: bool) -> Option<String> {
    (plan.body == Body::Chunked && !rewritten).then(|| "chunked".to_string())
}

fn length(plan: &Plan, hop: usize, rewritten: bool) -> Option<String> {
    match plan.body {
        Body::Memory | Body::Sized if !rewritten => Some(plan.payload.len().to_string()),
        Body::None if matches!(method(plan, hop), "POST" | "PUT") => Some("0".to_string()),
        Body::None | Body::Memory | Body::Sized | Body::Chunked => None,
    }
}

/// All values of a field, in order.
fn values<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    let lines = request.head.lines().skip(1);
    lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

/// The secrets in a request that have no business there: those of other transfers, its own when it
/// is not at home, and credentials that a peer chose.
pub(super) fn leaks(request: &Request, id: usize, home: bool) -> Vec<String> {
    let mut text = request.head.clone();
    for value in values(request, "authorization") {
        let coded = value.strip_prefix("Basic ").unwrap_or("");
        let plain = STANDARD.decode(coded).unwrap_or_default();
        text.push_str(&String::from_utf8_lossy(&plain));
    }
    text.push_str(&String::from_utf8_lossy(&request.body));
    let mut leaks = Vec::new();
    if text.contains("evil") {
        leaks.push("credentials that a peer chose".to_string());
    }
    for (at, found) in text.match_indices("secret") {
        let digits = text[at + found.len()..].split('x').next().unwrap_or("");
        if !home || digits != id.to_string() {
            leaks.push(format!("a secret of transfer {digits}"));
        }
    }
    leaks
}
