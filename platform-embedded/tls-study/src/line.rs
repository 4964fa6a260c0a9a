//! A TCP connection whose calls wait: what embedded-tls's own interface wants.

use core::net::SocketAddrV4;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use muxfer_firmware::sockets::{self, Rings};
use muxfer_firmware::{Node, Once};
use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::Socket;
use smoltcp::time::Instant;

static RINGS: Once<Rings<1, 4096, 1024>> = Once::new(Rings::new());
static ROOM: Once<[SocketStorage<'static>; 1]> = Once::new([SocketStorage::EMPTY; 1]);

/// A connection.
pub struct Line {
    /// The device.
    pub node: Node,
    set: SocketSet<'static>,
    handle: SocketHandle,
    /// When something was last sent: the request is the last.
    pub sent_us: u64,
}

impl Line {
    /// Connects to where the setting `to` says.
    #[must_use]
    pub fn connect(mut node: Node) -> Option<Self> {
        let to: SocketAddrV4 = node.settings.get("to")?.parse().ok()?;
        let mut set = sockets::set(ROOM.take()?);
        let handle = set.add(RINGS.take()?.sockets().next()?);
        let socket: &mut Socket<'_> = set.get_mut(handle);
        let context = node.iface.context();
        socket.connect(context, (*to.ip(), to.port()), 49_152).ok()?;
        let mut line = Self {
            node,
            set,
            handle,
            sent_us: 0,
        };
        line.until(|socket| socket.may_send() || !socket.is_open());
        Some(line)
    }

    /// Lets the stack work until this holds.
    fn until(&mut self, mut done: impl FnMut(&mut Socket<'static>) -> bool) {
        loop {
            let now = self.node.poll(&mut self.set);
            if done(self.set.get_mut(self.handle)) {
                // What was just written goes out.
                self.node.poll(&mut self.set);
                return;
            }
            let at = Instant::from_micros(now.cast_signed());
            let delay = self.node.iface.poll_delay(at, &self.set);
            let until = delay.map(|delay| now + delay.total_micros());
            self.node.sleep_until(until);
        }
    }

    /// Says how long it took, and ends.
    pub fn end(self, name: &str, handshake_us: u64, bytes: usize) -> ! {
        crate::report::end(self.node, name, handshake_us, bytes)
    }
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        let mut n = 0;
        self.until(|socket| {
            n = socket.recv_slice(buf).unwrap_or(0);
            n > 0 || !socket.may_recv()
        });
        Ok(n)
    }
}

impl Write for Line {
    fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        self.sent_us = self.node.now_us();
        let mut n = 0;
        self.until(|socket| {
            n = socket.send_slice(buf).unwrap_or(0);
            n > 0 || !socket.may_send()
        });
        if n == 0 { Err(ErrorKind::BrokenPipe) } else { Ok(n) }
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
