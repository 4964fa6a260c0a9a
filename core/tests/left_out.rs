//! What was left out of a build is refused by its name, and what is left works. With all features
//! nothing is left out: so this holds for any choice of them.

use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU32;
use core::time::Duration;

use muxfer_core::easy::{
    Auth, Body, Easy, Field, Fields, NoFields, Options, Range, Redirects, Request, Taken,
};
use muxfer_core::error::UrlError;
use muxfer_core::net::{Addresses, Interest, IoError, Nb, Ready, Stall};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{Config, ConnId, Error, Event, Feature, Multi, OriginId, Resources};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[derive(Clone, Copy)]
struct Ask {
    request: Request<'static>,
    options: Options,
    bytes: usize,
}

impl Ask {
    fn get(url: &'static str) -> Self {
        Self {
            request: Request::get(url),
            options: Options::DEFAULT,
            bytes: 0,
        }
    }
}

impl Easy for Ask {
    fn request(&self) -> Request<'_> {
        self.request
    }

    fn options(&self) -> Options {
        self.options
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        self.bytes += bytes.len();
        Taken::All
    }
}

struct Room([u8; 512]);

impl Default for Room {
    fn default() -> Self {
        Self([0; 512])
    }
}

/// A peer that answers each request, at the addresses that are not refused.
#[derive(Default)]
struct Peer {
    room: Room,
    sent: Vec<u8>,
    answered: usize,
    refused: Option<IpAddr>,
    open: Vec<ConnId>,
}

impl Transport for Peer {
    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        if Some(target.address.ip()) == self.refused {
            return Err(IoError::Refused);
        }
        self.open.push(conn);
        Ok(())
    }

    fn opened(&mut self, _: ConnId) -> Nb<()> {
        Ok(())
    }

    fn fill(&mut self, _: ConnId, _: usize) -> Nb<Lent<'_>> {
        if self.answered == ANSWER.len() || !self.sent.ends_with(b"\r\n\r\n") {
            return Err(Stall::WouldBlock);
        }
        let bytes = &ANSWER[self.answered..];
        Ok(Lent { bytes, more: false })
    }

    fn consume(&mut self, _: ConnId, n: usize) {
        self.answered += n;
    }

    fn reserve(&mut self, _: ConnId) -> Nb<&mut [u8]> {
        Ok(&mut self.room.0)
    }

    fn commit(&mut self, _: ConnId, n: usize) -> Result<(), IoError> {
        self.sent.extend_from_slice(&self.room.0[..n]);
        Ok(())
    }

    fn flush(&mut self, _: ConnId) -> Nb<()> {
        Ok(())
    }

    fn close(&mut self, _: ConnId) {}
}

impl Watch for Peer {
    fn socket(&mut self, _: ConnId, _: Interest) {}

    fn timer(&mut self, _: Option<Instant>) {}
}

impl Resolver for Peer {
    fn resolve(&mut self, _: OriginId, _: &str, _: u16) -> Nb<Resolved, ResolveError> {
        let two = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
        Ok(Resolved {
            addresses: two.map(IpAddr::V4).into_iter().collect::<Addresses>(),
            keep: Duration::MAX,
        })
    }

    fn cancel(&mut self, _: OriginId) {}
}

type Memory = Resources<Ask, 2, 1, 2, 64, 2, 128>;

/// Runs until nothing moves.
fn run(multi: &mut Multi<'_, Ask>, peer: &mut Peer) {
    for _ in 0..8 {
        for conn in peer.open.clone() {
            multi.mark(Event::Socket(conn, Ready::ALL));
        }
        multi.run(Instant::ZERO, peer);
    }
}

/// How one transfer ends, and what was sent for it.
fn outcome(ask: Ask, mut peer: Peer) -> (Option<Result<(), Error>>, Peer) {
    let mut memory = Memory::new();
    let mut multi = memory.multi(Config::DEFAULT);
    let handle = multi.add(Instant::ZERO, &mut peer, ask).ok();
    run(&mut multi, &mut peer);
    (handle.and_then(|handle| multi.result(handle)), peer)
}

fn assert_left_out(ask: Ask, is_there: bool, what: Feature) {
    let (result, _) = outcome(ask, Peer::default());
    let left_out = Some(Err(Error::LeftOut(what)));
    assert_eq!(result == left_out, !is_there, "{what}: {result:?}");
}

#[test]
fn a_plain_get_works_whatever_is_left_out() {
    let (result, peer) = outcome(Ask::get("http://a.test:8080/x?y"), Peer::default());
    assert_eq!(result, Some(Ok(())));
    let close = if cfg!(feature = "reuse") {
        ""
    } else {
        "Connection: close\r\n"
    };
    let expected = format!("GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\n{close}\r\n");
    assert_eq!(String::from_utf8_lossy(&peer.sent), expected);
}

#[test]
fn what_was_left_out_is_refused_by_its_name() {
    let plain = Ask::get("http://a.test/");
    let request = plain.request;
    let with = |request| Ask { request, ..plain };
    let fields: &'static dyn Fields = &[Field {
        name: "A",
        value: "b",
    }];
    let body = Body::Bytes(b"b");
    let auth = Auth::Bearer("t");
    let range = Some(Range::Spec("0-1"));
    let cases = [
        (
            with(Request { fields, ..request }),
            cfg!(feature = "fields"),
            Feature::Fields,
        ),
        (
            with(Request { body, ..request }),
            cfg!(feature = "uploads"),
            Feature::Uploads,
        ),
        (
            with(Request { auth, ..request }),
            cfg!(feature = "auth"),
            Feature::Auth,
        ),
        (
            with(Request { range, ..request }),
            cfg!(feature = "ranges"),
            Feature::Ranges,
        ),
    ];
    for (ask, is_there, what) in cases {
        assert_left_out(ask, is_there, what);
    }
    assert!(NoFields.field(0).is_none());
}

#[test]
fn options_that_were_left_out_are_refused_by_their_name() {
    let plain = Ask::get("http://a.test/");
    let options = plain.options;
    let with = |options| Ask { options, ..plain };
    let rate = NonZeroU32::new(1_000_000);
    let progress = Some(Duration::from_secs(1));
    let paced = cfg!(feature = "pace");
    let redirects = Redirects::Follow(1);
    let cases = [
        (
            Options {
                receive_rate: rate,
                ..options
            },
            paced,
            Feature::Pace,
        ),
        (
            Options {
                progress,
                ..options
            },
            paced,
            Feature::Pace,
        ),
        (
            Options {
                redirects,
                ..options
            },
            cfg!(feature = "redirects"),
            Feature::Redirects,
        ),
    ];
    for (options, is_there, what) in cases {
        assert_left_out(with(options), is_there, what);
    }
}

#[test]
fn hosts_and_user_information_that_were_left_out_are_no_urls() {
    let end = |url| outcome(Ask::get(url), Peer::default()).0;
    let six = end("http://[::1]/");
    let refused = Some(Err(Error::BadUrl(UrlError::Host)));
    assert_eq!(six == refused, !cfg!(feature = "ipv6"), "{six:?}");
    let user = end("http://u:p@a.test/");
    let refused = Some(Err(Error::BadUrl(UrlError::UserInfo)));
    assert_eq!(user == refused, !cfg!(feature = "auth"), "{user:?}");
}

#[test]
fn the_next_address_is_tried_with_races_and_without() {
    let peer = Peer {
        refused: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        ..Peer::default()
    };
    assert_eq!(outcome(Ask::get("http://a.test/"), peer).0, Some(Ok(())));
}

#[test]
fn without_a_queue_a_transfer_that_finds_no_connection_ends() {
    let mut memory = Memory::new();
    let mut multi = memory.multi(Config::DEFAULT);
    // It has given its answer: the first connection stays taken.
    let mut peer = Peer {
        answered: ANSWER.len(),
        ..Peer::default()
    };
    let first = multi
        .add(Instant::ZERO, &mut peer, Ask::get("http://a.test/"))
        .ok();
    let second = multi
        .add(Instant::ZERO, &mut peer, Ask::get("http://b.test/"))
        .ok();
    run(&mut multi, &mut peer);
    assert_eq!(first.and_then(|first| multi.result(first)), None);
    let none = Some(Err(Error::Connect(IoError::NoDescriptors)));
    let result = second.and_then(|second| multi.result(second));
    let expected = if cfg!(feature = "queue") { None } else { none };
    assert_eq!(result, expected);
    assert_eq!(multi.counts().pending, u32::from(cfg!(feature = "queue")));
}
