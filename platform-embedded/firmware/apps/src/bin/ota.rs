//! A firmware update: fetches an image into a flash, goes on after a reset, and says that it is
//! complete when the right image is there.
//!
//! Settings: `url`, `sha256` in hexadecimal digits, `flash` (a file of the host), `whole=fail`, `attempts`,
//! `record` (bytes between records), and the limits of an attempt.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::net::IpAddr;
use core::time::Duration;

use muxfer_board::flash::HostFlash;
use muxfer_core::time::Instant;
use muxfer_core::{Config, Multi, Resources};
use muxfer_embedded::Step;
use muxfer_embedded::retry::Backoff;
use muxfer_embedded::smoltcp::{Fixed, Sockets};
use muxfer_embedded::update::{Fault, Job, Layout, Region, Update, UpdateOptions, Whole};
use muxfer_firmware::digest::Sum;
use muxfer_firmware::node::HOST;
use muxfer_firmware::sockets::{self, Rings};
use muxfer_firmware::turn::Network;
use muxfer_firmware::{Node, Once, Place, limits};
use smoltcp::iface::SocketStorage;

type Ota = Update<'static, HostFlash>;
/// The engine has a reference: the update itself never passes over the stack.
type Easy = &'static mut Ota;

static MEMORY: Once<Resources<Easy, 1, 2, 2, 64, 2, 256>> = Once::new(Resources::new());
static OTA: Place<Ota> = Place::new();
static RINGS: Once<Rings<2, 4096, 1024>> = Once::new(Rings::new());
static ROOM: Once<[SocketStorage<'static>; 2]> = Once::new([SocketStorage::EMPTY; 2]);

/// The first two sectors are for records, the image is behind them.
const RECORDS: u32 = 8192;
const IMAGE: u32 = 1024 * 1024;
const LAYOUT: Layout = Layout {
    records: Region::new(0, RECORDS),
    image: Region::new(RECORDS, IMAGE),
};

/// A second host, for redirects.
const NAMES: &[(&str, IpAddr)] = &[("other.test", IpAddr::V4(HOST))];

#[muxfer_board::entry]
fn main() -> ! {
    let mut node = Node::start();
    let status = run(&mut node).unwrap_or(2);
    node.end(status)
}

/// `None` if something is missing before it begins.
fn run(node: &mut Node) -> Option<u8> {
    let mut idle: Option<Easy> = Some(OTA.fill(update(node)?)?);
    let config = Config {
        seed: node.seed().into(),
        ..Config::DEFAULT
    };
    let mut multi = Multi::new(MEMORY.take()?.storage(), config).ok()?;
    let mut network: Network<_, 2> = Network {
        sockets: Sockets::new(),
        set: sockets::set(ROOM.take()?),
        names: Fixed(NAMES),
    };
    network.sockets.seed(node.seed());
    network.lend(RINGS.take()?.sockets());
    loop {
        let mut until = None;
        if let Some(update) = idle.take() {
            let now = Instant::from_micros(node.now_us());
            match update.step(now) {
                Step::Start => {
                    defmt::info!("ota: from={=u32}", update.position());
                    network.add(node, &mut multi, update).then_some(())?;
                }
                Step::Wait(at) => (idle, until) = (Some(update), Some(at.as_micros())),
                Step::Again => (idle, until) = (Some(update), Some(0)),
                Step::Complete(image) => {
                    let sum = Sum(image.digest);
                    defmt::info!("ota: complete bytes={=u32} sha256={}", image.length, sum);
                    return Some(0);
                }
                Step::Failed(why) => return Some(failed(why)),
            }
        }
        let due = network.turn(node, &mut multi, |ended| {
            let code = ended
                .message
                .result
                .err()
                .map_or(0, |error| error.curl_code());
            defmt::info!(
                "ota: attempt code={=u8} status={=u16}",
                code,
                ended.info.status
            );
            let now = Instant::from_micros(ended.at_us);
            ended.easy.ended(now, ended.message.result);
            idle = Some(ended.easy);
        });
        let at_once = if idle.is_some() {
            until.or(Some(0))
        } else {
            None
        };
        node.sleep_until(at_once.into_iter().chain(due).min());
    }
}

/// What the host wants.
fn update(node: &Node) -> Option<Ota> {
    let settings = &node.settings;
    let flash = HostFlash::open(settings.get("flash")?).ok()?;
    let job = Job::new(settings.get("url")?, sum(settings.get("sha256")?)?);
    let whole = match settings.get("whole") {
        Some("fail") => Whole::Fail,
        Some(_) | None => Whole::Restart,
    };
    let options = UpdateOptions {
        transfer: limits::options(settings),
        backoff: Backoff {
            first: Duration::from_millis(200),
            attempts: settings.parsed("attempts", 4),
            ..Backoff::DEFAULT
        },
        record_every: settings.parsed("record", 16 * 1024),
        whole,
        seed: node.seed().into(),
    };
    Some(Update::new(flash, LAYOUT, job, options))
}

/// A digest in hexadecimal digits.
fn sum(text: &str) -> Option<[u8; 32]> {
    let mut sum = [0; 32];
    for (byte, at) in sum.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(sum)
}

/// Says why, and gives the exit status that stands for it.
fn failed(why: Fault) -> u8 {
    let (name, status) = match why {
        Fault::Transfer(error) => ("transfer", error.curl_code()),
        Fault::Status(_) => ("status", 110),
        Fault::TooLarge => ("too large", 111),
        Fault::Length => ("length", 112),
        Fault::Changed => ("changed", 113),
        Fault::Whole => ("whole", 114),
        Fault::Encoded => ("encoded", 115),
        Fault::Short => ("short", 116),
        Fault::Digest => ("digest", 117),
        Fault::Refused => ("refused", 118),
        Fault::Layout(_) => ("layout", 119),
        Fault::Flash(_) => ("flash", 120),
        _ => ("something new", 121),
    };
    defmt::info!("ota: failed, {=str}", name);
    status
}
