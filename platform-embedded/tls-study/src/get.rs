//! One GET with the engine, plain or secured: the loop of an application.

use core::net::{IpAddr, Ipv4Addr};

use heapless::String;
use muxfer_core::easy::Fetch;
use muxfer_core::platform::Platform;
use muxfer_core::time::Instant;
use muxfer_core::{Config, Multi, Resources};
use muxfer_embedded::smoltcp::{Fixed, Sockets};
use muxfer_embedded::tls::{Context, Lines, MAX_RECORD, Settings};
use muxfer_firmware::digest::Digest;
use muxfer_firmware::sockets::{self, Rings};
use muxfer_firmware::{Node, Once};
use smoltcp::iface::SocketStorage;

use crate::HOST;
use crate::numbers::Guessable;

type Easy = Fetch<String<160>, Digest>;

static MEMORY: Once<Resources<Easy, 1, 1, 1, 64, 2, 256>> = Once::new(Resources::new());
static RINGS: Once<Rings<1, 4096, 1024>> = Once::new(Rings::new());
static ROOM: Once<[SocketStorage<'static>; 1]> = Once::new([SocketStorage::EMPTY; 1]);
static LINES: Once<Lines<1, MAX_RECORD, 2048>> = Once::new(Lines::new());

/// Where the host is.
const NAMES: &[(&str, IpAddr)] = &[(HOST, IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2)))];

/// Fetches what the setting `url` names; with `settings` it may be secured.
pub fn run(name: &str, settings: Option<&[Settings<'_>]>) -> ! {
    let mut node = Node::start();
    let (took, bytes) = fetch(&mut node, settings).unwrap_or((0, 0));
    crate::report::end(node, name, took, bytes)
}

#[inline(always)]
fn fetch(node: &mut Node, settings: Option<&[Settings<'_>]>) -> Option<(u64, usize)> {
    let easy = Easy::get(node.settings.get("url")?, Digest::default()).ok()?;
    let config = Config {
        seed: node.seed().into(),
        ..Config::DEFAULT
    };
    let mut multi = Multi::new(MEMORY.take()?.storage(), config).ok()?;
    let mut set = sockets::set(ROOM.take()?);
    let mut lent: Sockets<1> = Sockets::new();
    lent.add(set.add(RINGS.take()?.sockets().next()?)).ok()?;
    lent.seed(node.seed());
    let mut names = Fixed(NAMES);
    let unix_time = Some(node.settings.parsed("time", 0));
    let mut rng = Guessable(u64::from(node.seed()) << 32 | 7);
    let start = node.now_us();
    let mut easy = Some(easy);
    let mut lines = settings.and_then(|_| LINES.take());
    loop {
        let now = Instant::from_micros(node.poll(&mut set));
        let mut net = lent.net(now, &mut node.iface, &mut set, &mut names);
        let (due, done) = if let (Some(lines), Some(settings)) = (&mut lines, settings) {
            net.events(|event| {
                if let Some(event) = lines.heard(event) {
                    multi.mark(event);
                }
            });
            lines.due(|event| multi.mark(event));
            let context = Context {
                settings,
                unix_time,
                rng: &mut rng,
            };
            let done = turn(now, &mut multi, &mut lines.over(&mut net, context), &mut easy);
            (lines.is_due(), done)
        } else {
            net.events(|event| multi.mark(event));
            (false, turn(now, &mut multi, &mut net, &mut easy))
        };
        if let Some(done) = done {
            let (length, _) = done?.into_sink().finish();
            return Some((node.now_us() - start, usize::try_from(length).ok()?));
        }
        if !due {
            let until = net.wake_at().map(Instant::as_micros);
            node.sleep_until(until);
        }
    }
}

/// The engine's part of a turn: the transfer once it has ended, `None` within if it failed.
fn turn<P: Platform>(
    now: Instant,
    multi: &mut Multi<'_, Easy>,
    platform: &mut P,
    easy: &mut Option<Easy>,
) -> Option<Option<Easy>> {
    if let Some(easy) = easy.take()
        && multi.add(now, platform, easy).is_err()
    {
        return Some(None);
    }
    multi.run(now, platform);
    let done = multi.info_read()?;
    let easy = multi.remove(now, platform, done.handle);
    Some(easy.filter(|_| done.result.is_ok()))
}
