//! Fetches one file and prints its length and SHA-256.
//!
//! Settings: `url`, and limits in milliseconds `connect`, `idle`, `total`; `redirects`.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::net::IpAddr;

use heapless::String;
use muxfer_core::easy::Fetch;
use muxfer_core::{Config, Multi, Resources};
use muxfer_embedded::smoltcp::{Fixed, Sockets};
use muxfer_firmware::digest::Digest;
use muxfer_firmware::node::HOST;
use muxfer_firmware::sockets::{self, Rings};
use muxfer_firmware::turn::Network;
use muxfer_firmware::{Node, Once, limits, report};
use smoltcp::iface::SocketStorage;

type Easy = Fetch<String<160>, Digest>;

/// One transfer; two connections and two origins, for a redirect; blocks for long header lines.
static MEMORY: Once<Resources<Easy, 1, 2, 2, 64, 2, 256>> = Once::new(Resources::new());
static RINGS: Once<Rings<2, 4096, 1024>> = Once::new(Rings::new());
static ROOM: Once<[SocketStorage<'static>; 2]> = Once::new([SocketStorage::EMPTY; 2]);

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
    let easy = Easy::get(node.settings.get("url")?, Digest::default()).ok()?;
    let easy = easy.options(limits::options(&node.settings));
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
    network.add(node, &mut multi, easy).then_some(())?;
    let mut status = None;
    loop {
        let due = network.turn(node, &mut multi, |ended| {
            let body = ended.easy.into_sink();
            status = Some(report::transfer(
                "get",
                ended.message.result,
                ended.info.status,
                body,
            ));
        });
        if status.is_some() {
            return status;
        }
        node.sleep_until(due);
    }
}
