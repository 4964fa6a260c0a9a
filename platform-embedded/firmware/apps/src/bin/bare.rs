//! A GET without muxfer: connects over smoltcp, sends a fixed request, reads to the end, prints length
//! and digest of all that came.
//!
//! It is what the size of `get` is compared with: the same machine, stack, digest, log and settings.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::net::SocketAddrV4;

use muxfer_firmware::digest::Digest;
use muxfer_firmware::sockets::{self, Rings};
use muxfer_firmware::{Node, Once, report};
use smoltcp::iface::SocketStorage;
use smoltcp::socket::tcp::Socket;

static RINGS: Once<Rings<1, 4096, 1024>> = Once::new(Rings::new());
static ROOM: Once<[SocketStorage<'static>; 1]> = Once::new([SocketStorage::EMPTY; 1]);

/// The file; the server need not look at it.
const REQUEST: &[u8] = b"GET /file HTTP/1.0\r\n\r\n";

#[muxfer_board::entry]
fn main() -> ! {
    let mut node = Node::start();
    let status = run(&mut node).unwrap_or(2);
    node.end(status)
}

/// `None` if something is missing before it begins.
fn run(node: &mut Node) -> Option<u8> {
    let to: SocketAddrV4 = node.settings.get("to")?.parse().ok()?;
    let mut set = sockets::set(ROOM.take()?);
    let handle = set.add(RINGS.take()?.sockets().next()?);
    let socket: &mut Socket<'_> = set.get_mut(handle);
    socket
        .connect(node.iface.context(), (*to.ip(), to.port()), 49_152)
        .ok()?;
    let mut body = Digest::default();
    let mut sent = 0;
    loop {
        let now = node.poll(&mut set);
        let socket: &mut Socket<'_> = set.get_mut(handle);
        if socket.can_send() && sent < REQUEST.len() {
            sent += socket.send_slice(REQUEST.get(sent..)?).ok()?;
        }
        while socket.can_recv() {
            socket
                .recv(|bytes| (bytes.len(), body.update(bytes)))
                .ok()?;
        }
        // A refused connect is a closed socket, too.
        if !socket.may_recv() && !socket.may_send() || sent > 0 && !socket.may_recv() {
            break;
        }
        let delay = node
            .iface
            .poll_delay(smoltcp::time::Instant::from_micros(now.cast_signed()), &set);
        node.sleep_until(delay.map(|delay| now + delay.total_micros()));
    }
    Some(report::transfer("bare", Ok(()), 0, body))
}
