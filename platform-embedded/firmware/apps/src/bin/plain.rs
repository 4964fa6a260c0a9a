//! The least that fetches a file: one plain GET whose limits are constants, and nothing of the engine
//! that it does not ask for. Its size is what muxfer adds to a firmware.
//!
//! Settings: `url`.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use muxfer_core::easy::{Flow, Options, Request, Status, Taken};
use muxfer_core::{Config, Easy, Resources};
use muxfer_embedded::smoltcp::{Fixed, Sockets};
use muxfer_firmware::digest::Digest;
use muxfer_firmware::sockets::{self, Rings};
use muxfer_firmware::turn::Network;
use muxfer_firmware::{Node, Once, report};
use smoltcp::iface::SocketStorage;

/// One transfer over one connection to one host.
static MEMORY: Once<Resources<Get, 1, 1, 1, 64, 2, 128>> = Once::new(Resources::new());
static RINGS: Once<Rings<1, 4096, 1024>> = Once::new(Rings::new());
static ROOM: Once<[SocketStorage<'static>; 1]> = Once::new([SocketStorage::EMPTY; 1]);

/// The easy handle.
struct Get {
    url: &'static str,
    status: u16,
    body: Digest,
}

impl Easy for Get {
    fn request(&self) -> Request<'_> {
        Request::get(self.url)
    }

    fn options(&self) -> Options {
        Options {
            connect: Duration::from_secs(10),
            total: Some(Duration::from_secs(600)),
            ..Options::DEFAULT
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.status = status.code;
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        self.body.update(bytes);
        Taken::All
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
    let easy = Get {
        url: node.settings.get("url")?,
        status: 0,
        body: Digest::default(),
    };
    let mut multi = MEMORY.take()?.multi(Config::DEFAULT);
    let mut network: Network<_, 1> = Network {
        sockets: Sockets::new(),
        set: sockets::set(ROOM.take()?),
        names: Fixed(&[]),
    };
    network.sockets.seed(node.seed());
    network.lend(RINGS.take()?.sockets());
    network.add(node, &mut multi, easy).then_some(())?;
    let mut status = None;
    loop {
        let due = network.turn(node, &mut multi, |ended| {
            let Get {
                status: code, body, ..
            } = ended.easy;
            status = Some(report::transfer("plain", ended.message.result, code, body));
        });
        if status.is_some() {
            return status;
        }
        node.sleep_until(due);
    }
}
