//! Eight transfers over four connections, on smoltcp's loopback device and in virtual time.
//!
//! `cargo run -p muxfer-embedded --example loopback --features smoltcp,medium-ip`
//!
//! All but the device and the printing is as in firmware: fixed memory, the loop, and a small server,
//! which stands for the application's own sockets in the same set.

use std::time::Duration;

use muxfer_core::easy::{Fetch, Taken};
use muxfer_core::time::Instant;
use muxfer_core::{Config, Multi, Resources};
use muxfer_embedded::smoltcp::{Fixed, Sockets, to_smoltcp};
use smoltcp::iface::{self, Interface, PollResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{Loopback, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

const TRANSFERS: usize = 8;
const CONNS: usize = 4;
/// Of the engine, and of the server: one of its sockets may still say goodbye.
const LISTENERS: usize = 8;
const RING: usize = 512;
const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

type Get = Fetch<heapless::String<64>, fn(&[u8]) -> Taken>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In firmware these are statics, all zeros.
    let mut resources = Resources::<Get, TRANSFERS, CONNS, 2, 32, 3, 128>::new();
    let mut sockets = Sockets::<CONNS>::new();
    let mut rings = [[[0; RING]; 2]; CONNS + LISTENERS];
    let mut storage = [SocketStorage::EMPTY; CONNS + LISTENERS];

    let mut device = Loopback::new(Medium::Ip);
    let config = iface::Config::new(HardwareAddress::Ip);
    let mut iface = Interface::new(config, &mut device, to_smoltcp(Instant::ZERO));
    iface.update_ip_addrs(|addresses| {
        // There is room for one.
        let _ = addresses.push(IpCidr::new(IpAddress::v4(127, 0, 0, 1), 8));
    });
    let mut set = SocketSet::new(&mut storage[..]);
    let handles = rings.each_mut().map(|[receive, send]| {
        let receive = SocketBuffer::new(&mut receive[..]);
        set.add(Socket::new(receive, SocketBuffer::new(&mut send[..])))
    });
    let (clients, servers) = handles.split_at(CONNS);
    sockets.seed(0x5eed);
    for &handle in clients {
        sockets.add(handle).map_err(|_| "no place for a socket")?;
    }

    let mut names = Fixed(&[(
        "server.test",
        std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    )]);
    let mut multi = Multi::new(resources.storage(), Config::DEFAULT)?;
    let mut net = sockets.net(Instant::ZERO, &mut iface, &mut set, &mut names);
    for _ in 0..TRANSFERS {
        let get = Get::get("http://server.test/", print)?;
        multi
            .add(Instant::ZERO, &mut net, get)
            .map_err(|_| "no place for a transfer")?;
    }

    let mut now = Instant::ZERO;
    while multi.counts().current > 0 {
        let polled = net.poll(now, &mut device);
        net.events(|event| multi.mark(event));
        multi.run(now, &mut net);
        while let Some(done) = multi.info_read() {
            let get = multi.remove(now, &mut net, done.handle);
            let status = get.map_or(0, |get| get.status());
            println!(
                " {status} {:?} at {:?}",
                done.result,
                now.since(Instant::ZERO)
            );
        }
        serve(net.stack().set, servers);
        // Firmware sleeps here. Frames are under way as long as polling changes something.
        match net.wake_at() {
            _ if polled == PollResult::SocketStateChanged => now = now + Duration::from_micros(50),
            Some(at) => now = now.max(at),
            None => return Err("the network is quiet, but there are transfers".into()),
        }
    }
    Ok(())
}

fn print(bytes: &[u8]) -> Taken {
    print!("{}", String::from_utf8_lossy(bytes));
    Taken::All
}

/// Answers each request with the page, and closes.
fn serve(set: &mut SocketSet<'_>, servers: &[SocketHandle]) {
    for &handle in servers {
        let socket = set.get_mut::<Socket<'_>>(handle);
        if matches!(socket.state(), State::Closed | State::TimeWait) {
            // It was closed, so it may listen.
            let _ = socket.listen(80);
        }
        let asked = socket.recv(|bytes| {
            let whole = bytes.ends_with(b"\r\n\r\n");
            (if whole { bytes.len() } else { 0 }, whole)
        });
        if asked == Ok(true) {
            // The ring is empty and has room for it.
            let _ = socket.send_slice(PAGE);
            socket.close();
        }
    }
}
