//! The laws of `core/src/platform.rs`, on secured connections over epoll and io_uring.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use muxfer_core::Event;
use muxfer_core::net::Scheme;
use muxfer_linux::{
    Epoll, EpollOptions, Loop, RootSource, SocketOptions, Tls, TlsConfig, TlsSettings, Uring,
    UringOptions,
};
use muxfer_tests::laws::{self, Lab};
use muxfer_tests::tls::{Authority, Shape};
use rustls::{ServerConfig, ServerConnection};

/// How long one `settle` lasts at most.
const SETTLE: Duration = Duration::from_millis(40);

/// The host of all laws.
const HOST: &str = "lab.example";

/// A secured platform, with rustls as the far ends.
struct TlsLab<L> {
    platform: Tls<L>,
    listener: TcpListener,
    config: Arc<ServerConfig>,
    remotes: Vec<Remote>,
}

struct Remote {
    stream: TcpStream,
    tls: ServerConnection,
    /// Plaintext that rustls has not taken yet.
    outbox: Vec<u8>,
    closing: bool,
}

impl Remote {
    /// Goes on with the handshake, with sending, and with the close that comes after it.
    fn pump(&mut self) {
        while self.tls.is_handshaking() && self.receive() {}
        if !self.outbox.is_empty() {
            let outbox = std::mem::take(&mut self.outbox);
            self.tls.writer().write_all(&outbox).expect("no limit");
        }
        self.send();
        if self.tls.is_handshaking() || self.tls.wants_write() {
            return;
        }
        if std::mem::take(&mut self.closing) {
            self.tls.send_close_notify();
            self.send();
            self.stream.shutdown(Shutdown::Write).expect("a shutdown");
        }
    }

    fn send(&mut self) {
        while self.tls.wants_write() {
            // The next pump goes on, or the law finds bytes missing.
            if self.tls.write_tls(&mut self.stream).is_err() {
                return;
            }
        }
    }

    /// Takes some of what has come: was there any?
    fn receive(&mut self) -> bool {
        match self.tls.read_tls(&mut self.stream) {
            Ok(0) | Err(_) => false,
            Ok(_) => {
                self.tls.process_new_packets().expect("TLS");
                true
            }
        }
    }
}

impl<L: Loop> TlsLab<L> {
    fn new(platform: L, shape: &Shape) -> Self {
        let root = Authority::root("the root");
        let issued = root.issue(&[HOST], |_| {});
        let settings = TlsSettings {
            roots: vec![RootSource::Pem(root.pem().into_bytes())],
            ..TlsSettings::default()
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
        listener.set_nonblocking(true).expect("a mode");
        // A ticket is an event at which there is nothing to read: a hint that is wrong, which the
        // laws do not expect.
        let shape = Shape {
            tickets: Some(0),
            ..shape.clone()
        };
        Self {
            platform: Tls::new(platform, TlsConfig::new(settings)),
            listener,
            config: shape.config(&issued),
            remotes: Vec::new(),
        }
    }

    fn remote(&mut self) -> &mut Remote {
        self.remotes.last_mut().expect("a connection")
    }
}

impl<L: Loop> Lab for TlsLab<L> {
    type Platform = Tls<L>;

    const SCHEME: Scheme = Scheme::Https;

    fn platform(&mut self) -> &mut Tls<L> {
        &mut self.platform
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    fn accept(&mut self) {
        let patience = Instant::now() + Duration::from_secs(5);
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    assert!(Instant::now() < patience, "nobody connected");
                    let wait = Some(Duration::from_millis(1));
                    self.platform.wait_for(None, wait, drop).expect("a wait");
                }
                Err(error) => panic!("accept: {error}"),
            }
        };
        stream.set_nonblocking(true).expect("a mode");
        // What follows the handshake would wait for the client's acknowledgement.
        stream.set_nodelay(true).expect("a mode");
        let mut tls = ServerConnection::new(Arc::clone(&self.config)).expect("a configuration");
        tls.set_buffer_limit(None);
        self.remotes.push(Remote {
            stream,
            tls,
            outbox: Vec::new(),
            closing: false,
        });
    }

    fn remote_send(&mut self, bytes: &[u8]) {
        self.remote().outbox.extend_from_slice(bytes);
        self.remote().pump();
    }

    fn remote_read(&mut self) -> Vec<u8> {
        let remote = self.remote();
        let mut got = Vec::new();
        while remote.receive() {
            // It ends with `WouldBlock`; what came before is in `got`.
            let _ = remote.tls.reader().read_to_end(&mut got);
        }
        let _ = remote.tls.reader().read_to_end(&mut got);
        got
    }

    fn remote_close(&mut self) {
        self.remote().closing = true;
        self.remote().pump();
    }

    fn remote_reset(&mut self) {
        let remote = self.remotes.pop().expect("a connection");
        let linger = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&remote.stream, linger).expect("an option");
    }

    fn settle(&mut self) -> Vec<Event> {
        self.remotes.iter_mut().for_each(Remote::pump);
        let mut events = Vec::new();
        self.platform
            .wait_for(None, Some(SETTLE), |event| events.push(event))
            .expect("a wait");
        events
    }
}

fn epoll(sockets: &SocketOptions) -> Epoll {
    let options = EpollOptions {
        sockets: sockets.clone(),
        ..EpollOptions::default()
    };
    Epoll::new(&options).expect("an epoll instance")
}

/// No memory for bytes that stay, and little room to send.
fn scarce() -> SocketOptions {
    SocketOptions {
        spill_bytes: 0,
        receive_bytes: 1000,
        send_bytes: 700,
        ..SocketOptions::default()
    }
}

fn uring(options: &UringOptions) -> Uring {
    Uring::new(options).expect("io_uring")
}

/// Hardly any memory: buffers run dry, queues overflow, and nothing may be copied.
fn hardly_any_memory() -> UringOptions {
    UringOptions {
        sockets: SocketOptions {
            spill_bytes: 0,
            ..SocketOptions::default()
        },
        submissions: 8,
        receive_bytes: 2 * 4096,
        buffers: 2,
        whole_buffers: 2,
        send_bytes: 0,
        ..UringOptions::default()
    }
}

macro_rules! on_each_platform {
    ($real:ident; $($law:ident)*) => {
        on! { epoll_tls_13, TlsLab::new(epoll(&SocketOptions::default()), &Shape::tls_13()), $real $($law)* }
        on! { epoll_tls_12, TlsLab::new(epoll(&SocketOptions::default()), &Shape::tls_12()), $real $($law)* }
        on! { epoll_scarce, TlsLab::new(epoll(&scarce()), &Shape::tls_13()), $real $($law)* }
        on! { uring_tls_13, TlsLab::new(uring(&UringOptions::default()), &Shape::tls_13()), $real $($law)* }
        on! { uring_hardly_any_memory,
              TlsLab::new(uring(&hardly_any_memory()), &Shape::tls_13()), $real $($law)* }
    };
}

macro_rules! on {
    ($name:ident, $lab:expr, $($law:ident)*) => {
        mod $name {
            use super::*;
            $(#[test] fn $law() { laws::$law(&mut $lab); })*
        }
    };
}

muxfer_tests::with_all_laws!(on_each_platform);
