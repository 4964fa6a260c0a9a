//! One request over the client of this project, without the engine: a loop over its transport.

use core::net::SocketAddrV4;
use core::num::NonZeroU32;

use muxfer_core::ConnId;
use muxfer_core::net::{Interest, IoError, Nb, Scheme, Stall};
use muxfer_core::platform::{Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_embedded::smoltcp::{Fixed, Sockets};
use muxfer_embedded::tls::{Context, Lines, MAX_RECORD, Settings};
use muxfer_firmware::sockets::{self, Rings};
use muxfer_firmware::{Node, Once};
use smoltcp::iface::{SocketSet, SocketStorage};

use crate::numbers::Guessable;
use crate::{HOST, REQUEST};

static RINGS: Once<Rings<1, 4096, 1024>> = Once::new(Rings::new());
static ROOM: Once<[SocketStorage<'static>; 1]> = Once::new([SocketStorage::EMPTY; 1]);
static LINES: Once<Lines<1, MAX_RECORD, 2048>> = Once::new(Lines::new());

const CONN: ConnId = ConnId::new(0, NonZeroU32::MIN);

/// Connects, shakes hands, asks for a page, reads it.
pub fn run(name: &str, settings: &[Settings<'_>]) -> ! {
    let mut node = Node::start();
    let (start, shaken, bytes) = fetch(&mut node, settings).unwrap_or((0, 0, 0));
    crate::report::end(node, name, shaken - start, bytes)
}

struct Loop<'l> {
    node: &'l mut Node,
    set: SocketSet<'static>,
    sockets: Sockets<1>,
    lines: &'static mut Lines<1, MAX_RECORD, 2048>,
    settings: &'l [Settings<'l>],
    rng: Guessable,
    unix_time: u64,
}

/// When the connection stood, when the handshake had ended, and how much came.
fn fetch(node: &mut Node, settings: &[Settings<'_>]) -> Option<(u64, u64, usize)> {
    let to: SocketAddrV4 = node.settings.get("to")?.parse().ok()?;
    let mut set = sockets::set(ROOM.take()?);
    let mut lent: Sockets<1> = Sockets::new();
    lent.add(set.add(RINGS.take()?.sockets().next()?)).ok()?;
    let unix_time = node.settings.parsed("time", 0);
    let rng = Guessable(u64::from(node.seed()) << 32 | 7);
    let mut turns = Loop {
        node,
        set,
        sockets: lent,
        lines: LINES.take()?,
        settings,
        rng,
        unix_time,
    };
    let target = Target {
        scheme: Scheme::Https,
        host: HOST,
        settings: 0,
        address: to.into(),
    };
    turns.with(|platform| platform.open(CONN, &target)).ok()?;
    turns.with(|platform| platform.socket(CONN, Interest::BOTH));
    let start = turns.node.now_us();
    turns.wait(|platform| platform.opened(CONN)).ok()?;
    let shaken = turns.node.now_us();
    turns
        .wait(|platform| {
            platform.reserve(CONN)?[..REQUEST.len()].copy_from_slice(REQUEST);
            Ok(platform.commit(CONN, REQUEST.len())?)
        })
        .ok()?;
    let mut bytes = 0;
    loop {
        let n = turns.wait(|platform| {
            let n = platform.fill(CONN, usize::MAX)?.bytes.len();
            platform.consume(CONN, n);
            Ok(n)
        });
        match n {
            Ok(n @ 1..) => bytes += n,
            Ok(0) | Err(_) => return Some((start, shaken, bytes)),
        }
    }
}

trait Both: Transport + Watch {}

impl<T: Transport + Watch> Both for T {}

impl Loop<'_> {
    fn with<R>(&mut self, call: impl FnOnce(&mut dyn Both) -> R) -> R {
        let now = Instant::from_micros(self.node.now_us());
        let mut names = Fixed(&[]);
        let iface = &mut self.node.iface;
        let mut net = self.sockets.net(now, iface, &mut self.set, &mut names);
        let context = Context {
            settings: self.settings,
            unix_time: Some(self.unix_time),
            rng: &mut self.rng,
        };
        call(&mut self.lines.over(&mut net, context))
    }

    /// Repeats `call` until it does not stall.
    fn wait<R>(&mut self, mut call: impl FnMut(&mut dyn Both) -> Nb<R>) -> Result<R, IoError> {
        loop {
            let now = self.node.poll(&mut self.set);
            match self.with(&mut call) {
                Ok(done) => {
                    self.node.poll(&mut self.set);
                    return Ok(done);
                }
                Err(Stall::Failed(error)) => {
                    return Err(error);
                }
                Err(Stall::WouldBlock) => {}
            }
            self.node.poll(&mut self.set);
            if !self.lines.is_due() {
                let at = smoltcp::time::Instant::from_micros(now.cast_signed());
                let delay = self.node.iface.poll_delay(at, &self.set);
                self.node.sleep_until(delay.map(|delay| now + delay.total_micros()));
            }
        }
    }
}
