//! One GET with the engine, plain or secured: the loop of an application.

use core::net::{IpAddr, Ipv4Addr};

use heapless::String;
use muxfer_core::easy::Fetch;
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
        let due = if let (Some(lines), Some(settings)) = (&mut lines, settings) {
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
            let mut platform = lines.over(&mut net, context);
            if let Some(easy) = easy.take() {
                multi.add(now, &mut platform, easy).ok()?;
            }
            multi.run(now, &mut platform);
            lines.is_due()
        } else {
            net.events(|event| multi.mark(event));
            if let Some(easy) = easy.take() {
                multi.add(now, &mut net, easy).ok()?;
            }
            multi.run(now, &mut net);
            false
        };
        if let Some(done) = multi.info_read() {
            let at = node.now_us();
            let mut net = lent.net(now, &mut node.iface, &mut set, &mut names);
            let easy = multi.remove(now, &mut net, done.handle)?;
            let (length, _) = easy.into_sink().finish();
            done.result.ok()?;
            return Some((at - start, usize::try_from(length).ok()?));
        }
        if !due {
            let until = net.wake_at().map(Instant::as_micros);
            node.sleep_until(until);
        }
    }
}
