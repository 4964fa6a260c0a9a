//! Eight transfers at once over four connections to three hosts, in 64 KiB of RAM. Names are looked up
//! by DNS.
//!
//! Settings: `dns` (the address of the server), `url` eight times, and the limits of a transfer.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::net::Ipv4Addr;

use heapless::String;
use muxfer_core::easy::Fetch;
use muxfer_core::{Config, Multi, Resources, Sizes};
use muxfer_embedded::smoltcp::{Dns, Fixed, Sockets};
use muxfer_firmware::digest::Digest;
use muxfer_firmware::sockets::{self, Rings};
use muxfer_firmware::turn::Network;
use muxfer_firmware::{Node, Once, Place, limits, report};
use smoltcp::iface::SocketStorage;
use smoltcp::socket::dns::{DnsQuery, Socket};

type Easy = Fetch<String<96>, Digest>;

const TRANSFERS: usize = 8;
const CONNECTIONS: usize = 4;
const HOSTS: usize = 3;

static MEMORY: Once<Resources<Easy, TRANSFERS, CONNECTIONS, HOSTS, 32, 3, 256>> =
    Once::new(Resources::new());
static RINGS: Once<Rings<CONNECTIONS, 3072, 512>> = Once::new(Rings::new());
/// One place more, for DNS.
static ROOM: Once<[SocketStorage<'static>; CONNECTIONS + 1]> =
    Once::new([SocketStorage::EMPTY; CONNECTIONS + 1]);
/// One name is asked for at a time.
static QUERIES: Place<[Option<DnsQuery>; 1]> = Place::new();

#[muxfer_board::entry]
fn main() -> ! {
    let mut node = Node::start();
    let status = run(&mut node).unwrap_or(2);
    node.end(status)
}

/// `None` if something is missing before it begins.
fn run(node: &mut Node) -> Option<u8> {
    let config = Config {
        seed: node.seed().into(),
        ..Config::DEFAULT
    };
    let mut multi = Multi::new(MEMORY.take()?.storage(), config).ok()?;
    let mut set = sockets::set(ROOM.take()?);
    let server: Ipv4Addr = node.settings.get("dns")?.parse().ok()?;
    let queries = QUERIES.fill([const { None }; 1])?;
    let dns = set.add(Socket::new(&[server.into()], &mut queries[..]));
    let mut network: Network<_, CONNECTIONS> = Network {
        sockets: Sockets::new(),
        set,
        names: Dns::<HOSTS>::new(dns, Fixed(&[])),
    };
    network.sockets.seed(node.seed());
    network.lend(RINGS.take()?.sockets());
    let settings = node.settings;
    let mut left = 0;
    for url in settings.all("url") {
        let easy = Easy::get(url, Digest::default()).ok()?;
        let easy = easy.options(limits::options(&settings));
        network.add(node, &mut multi, easy).then_some(())?;
        left += 1;
    }
    let (mut status, mut most) = (0, 0);
    while left > 0 {
        let due = network.turn(node, &mut multi, |ended| {
            left -= 1;
            let name: String<96> = ended.easy.url().try_into().unwrap_or_default();
            let body = ended.easy.into_sink();
            status |= report::transfer(&name, ended.message.result, ended.info.status, body);
        });
        most = most.max(multi.counts().connections);
        node.sleep_until(due);
    }
    let ever = multi.counts().ever;
    defmt::info!("fleet: transfers={=u64} connections={=u32}", ever, most);
    sizes();
    Some(status)
}

/// Says what the engine and its platform take here, without the easy handles.
fn sizes() {
    let memory = size_of::<Resources<Easy, TRANSFERS, CONNECTIONS, HOSTS, 32, 3, 256>>();
    let engine = memory - TRANSFERS * size_of::<Easy>() + size_of::<Multi<'_, Easy>>();
    let platform = size_of::<Sockets<CONNECTIONS>>() + size_of::<Dns<'_, HOSTS>>();
    let pair = Sizes::HERE.transfer_with_connection();
    let easy = size_of::<Easy>();
    defmt::info!(
        "sizes: engine={=usize} pair={=usize} easy={=usize}",
        engine + platform,
        pair,
        easy
    );
}
