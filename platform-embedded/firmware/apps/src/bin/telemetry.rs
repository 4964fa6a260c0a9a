//! Sends what a callback gives: a PUT of known length, then a POST in chunks.
//!
//! Settings: `put` and `post` (URLs), `bytes`, and the limits of an attempt.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use muxfer_core::easy::Given;
use muxfer_core::time::Instant;
use muxfer_core::{Config, Multi, Resources};
use muxfer_embedded::Step;
use muxfer_embedded::retry::Backoff;
use muxfer_embedded::smoltcp::{Fixed, Sockets};
use muxfer_embedded::telemetry::{Delivered, Fault, Method, Report, Source, Upload, UploadOptions};
use muxfer_firmware::sockets::{self, Rings};
use muxfer_firmware::turn::Network;
use muxfer_firmware::{Node, Once, Place, limits};
use smoltcp::iface::SocketStorage;

type Telemetry = Upload<'static, Readings>;
/// The engine has a reference: the upload itself never passes over the stack.
type Easy = &'static mut Telemetry;

static MEMORY: Once<Resources<Easy, 2, 2, 2, 64, 2, 256>> = Once::new(Resources::new());
static PUT: Place<Telemetry> = Place::new();
static POST: Place<Telemetry> = Place::new();
static RINGS: Once<Rings<2, 2048, 2048>> = Once::new(Rings::new());
static ROOM: Once<[SocketStorage<'static>; 2]> = Once::new([SocketStorage::EMPTY; 2]);

/// Readings that follow from their place, so that the host can check them, and that are nowhere in
/// memory.
struct Readings {
    bytes: u64,
}

impl Source for Readings {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a reading is the low byte of its place"
    )]
    fn read(&mut self, at: u64, into: &mut [u8]) -> Given {
        let places = (at..self.bytes).zip(into);
        match places
            .map(|(place, byte)| *byte = (place ^ place >> 8) as u8)
            .count()
        {
            0 => Given::End,
            count => Given::Bytes(count),
        }
    }
}

#[muxfer_board::entry]
fn main() -> ! {
    let mut node = Node::start();
    let status = run(&mut node).unwrap_or(2);
    node.end(status)
}

/// `None` if something is missing before it begins.
fn run(node: &mut Node) -> Option<u8> {
    let put = PUT.fill(upload(node, Method::Put, "put")?)?;
    let post = POST.fill(upload(node, Method::Post, "post")?)?;
    let config = Config {
        seed: node.seed().into(),
        ..Config::DEFAULT
    };
    let mut multi = Multi::new(MEMORY.take()?.storage(), config).ok()?;
    let mut network: Network<_, 2> = Network {
        sockets: Sockets::new(),
        set: sockets::set(ROOM.take()?),
        names: Fixed(&[]),
    };
    network.sockets.seed(node.seed());
    network.lend(RINGS.take()?.sockets());
    let status = send(node, &mut multi, &mut network, "put", put)?;
    if status != 0 {
        return Some(status);
    }
    send(node, &mut multi, &mut network, "post", post)
}

/// Sends one, with as many attempts as it takes.
fn send(
    node: &mut Node,
    multi: &mut Multi<'_, Easy>,
    network: &mut Network<Fixed<'static>, 2>,
    name: &str,
    upload: Easy,
) -> Option<u8> {
    let mut idle = Some(upload);
    loop {
        let mut until = None;
        if let Some(upload) = idle.take() {
            match upload.step(Instant::from_micros(node.now_us())) {
                Step::Start => network.add(node, multi, upload).then_some(())?,
                Step::Wait(at) => (idle, until) = (Some(upload), Some(at.as_micros())),
                Step::Again => (idle, until) = (Some(upload), Some(0)),
                Step::Complete(delivered) => return Some(report(name, Ok(delivered))),
                Step::Failed(why) => return Some(report(name, Err(why))),
            }
        }
        let due = network.turn(node, multi, |ended| {
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

fn upload(node: &Node, method: Method, name: &str) -> Option<Telemetry> {
    let settings = &node.settings;
    let bytes = settings.parsed("bytes", 20_000);
    let report = Report {
        // The POST is sent as if nobody knew.
        length: (method == Method::Put).then_some(bytes),
        ..Report::new(method, settings.get(name)?, "application/octet-stream")
    };
    let options = UploadOptions {
        transfer: limits::options(settings),
        backoff: Backoff {
            first: Duration::from_millis(200),
            attempts: settings.parsed("attempts", 4),
            ..Backoff::DEFAULT
        },
        seed: node.seed().into(),
        ..UploadOptions::DEFAULT
    };
    Some(Upload::new(report, Readings { bytes }, options))
}

/// Says how it ended, and gives the exit status that stands for it.
fn report(name: &str, result: Result<Delivered, Fault>) -> u8 {
    let (status, code) = match result {
        Ok(delivered) => (delivered.status, 0),
        Err(Fault::Status(status)) => (status, 110),
        Err(Fault::Transfer(error)) => (0, error.curl_code()),
        Err(_) => (0, 121),
    };
    defmt::info!(
        "telemetry: {=str} status={=u16} code={=u8}",
        name,
        status,
        code
    );
    code
}
