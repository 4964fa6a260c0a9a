//! The laws of `core/src/platform.rs`, on the TLS of devices over epoll; the far ends are rustls.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use muxfer_core::net::{Interest, IoError, Nb, Scheme};
use muxfer_core::platform::{Lent, Target, Transport, Watch};
use muxfer_core::{ConnId, Event, time};
use muxfer_embedded::tls::{
    CertificateDer, Context, Lines, MAX_RECORD, Secured, Settings, TrustAnchor,
    anchor_from_trusted_cert,
};
use muxfer_linux::{Epoll, EpollOptions, Loop};
use muxfer_tests::device_tls::client::Guessable;
use muxfer_tests::device_tls::pki::{Credentials, NOW, Plan, dns};
use muxfer_tests::device_tls::server::config;
use muxfer_tests::laws::{self, Lab};
use rustls::ServerConnection;
use rustls::version::TLS13;

/// How long one `settle` lasts at most.
const SETTLE: Duration = Duration::from_millis(40);
const HOST: &str = "lab.example";
const CONNECTIONS: usize = 4;

fn credentials() -> &'static Credentials {
    static ONCE: OnceLock<Credentials> = OnceLock::new();
    ONCE.get_or_init(|| Plan::new(vec![dns(HOST)]).sign())
}

fn settings() -> &'static [Settings<'static>] {
    static ROOTS: OnceLock<[TrustAnchor<'static>; 1]> = OnceLock::new();
    static ONCE: OnceLock<[Settings<'static>; 1]> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let root = CertificateDer::from(credentials().root.as_slice());
        [anchor_from_trusted_cert(&root).expect("a root").to_owned()]
    });
    ONCE.get_or_init(|| [Settings::roots(roots)])
}

/// A platform that owns what it is made of. What is lent passes through copies, as the wrapper lives
/// for one call only.
struct Whole {
    lines: Box<Lines<CONNECTIONS, MAX_RECORD, 2048>>,
    inner: Epoll,
    rng: Guessable,
    lent: Vec<u8>,
    room: Vec<u8>,
}

impl Whole {
    fn over(&mut self) -> Secured<'_, Epoll, CONNECTIONS, MAX_RECORD, 2048> {
        let context = Context {
            settings: settings(),
            unix_time: Some(NOW),
            rng: &mut self.rng,
        };
        self.lines.over(&mut self.inner, context)
    }
}

impl Transport for Whole {
    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        let target = Target {
            scheme: Scheme::Https,
            ..*target
        };
        self.over().open(conn, &target)
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        self.over().opened(conn)
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let mut platform = self.over();
        let lent = platform.fill(conn, at_most)?;
        let (bytes, more) = (lent.bytes.to_vec(), lent.more);
        self.lent = bytes;
        Ok(Lent {
            bytes: &self.lent,
            more,
        })
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        self.over().consume(conn, n);
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        let n = self.over().reserve(conn)?.len();
        self.room.resize(n, 0);
        Ok(&mut self.room)
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        let written = self.room.get(..n).unwrap_or_default().to_vec();
        let mut platform = self.over();
        let room = platform.reserve(conn).map_err(|_| IoError::Closed)?;
        room[..n].copy_from_slice(&written);
        platform.commit(conn, n)
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        self.over().flush(conn)
    }

    fn close(&mut self, conn: ConnId) {
        self.over().close(conn);
    }
}

impl Watch for Whole {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        self.over().socket(conn, want);
    }

    fn timer(&mut self, at: Option<time::Instant>) {
        self.over().timer(at);
    }
}

/// A far end.
struct Remote {
    stream: TcpStream,
    tls: ServerConnection,
    /// What TLS has not taken yet.
    outbox: Vec<u8>,
    closing: bool,
}

impl Remote {
    /// Reads once what there is, while the handshake goes on or somebody asks for it.
    fn hear(&mut self) {
        // All of these end with `WouldBlock`, or with what the laws will find missing.
        while self.tls.read_tls(&mut self.stream).is_ok_and(|n| n > 0) {
            let _ = self.tls.process_new_packets();
            if !self.tls.is_handshaking() {
                return;
            }
        }
    }

    /// Goes on with the handshake, with sending, and with the close that comes after it.
    fn pump(&mut self) {
        if self.tls.is_handshaking() {
            self.hear();
        }
        while !self.tls.is_handshaking() && !self.outbox.is_empty() {
            let n = self.tls.writer().write(&self.outbox).expect("memory");
            self.outbox.drain(..n);
            if !self.write() {
                return;
            }
        }
        if !self.write() || self.tls.is_handshaking() {
            return;
        }
        if std::mem::take(&mut self.closing) {
            self.tls.send_close_notify();
            self.write();
            self.stream.shutdown(Shutdown::Write).expect("a shutdown");
        }
    }

    /// Has the system taken all?
    fn write(&mut self) -> bool {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut self.stream).is_err() {
                return false;
            }
        }
        true
    }
}

/// The platform on a bench.
struct TlsLab {
    platform: Whole,
    listener: TcpListener,
    remotes: Vec<Remote>,
}

impl TlsLab {
    fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
        listener.set_nonblocking(true).expect("a mode");
        Self {
            platform: Whole {
                lines: Box::new(Lines::new()),
                inner: Epoll::new(&EpollOptions::default()).expect("epoll"),
                rng: Guessable(5),
                lent: Vec::new(),
                room: Vec::new(),
            },
            listener,
            remotes: Vec::new(),
        }
    }

    fn remote(&mut self) -> &mut Remote {
        self.remotes.last_mut().expect("a connection")
    }
}

impl Lab for TlsLab {
    type Platform = Whole;

    fn platform(&mut self) -> &mut Whole {
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
                    std::thread::yield_now();
                }
                Err(error) => panic!("accept: {error}"),
            }
        };
        stream.set_nonblocking(true).expect("a mode");
        let config = Arc::new(config(credentials(), &[&TLS13]));
        self.remotes.push(Remote {
            stream,
            tls: ServerConnection::new(config).expect("sound settings"),
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
        loop {
            let before = got.len();
            remote.hear();
            // It ends with `WouldBlock`; what came before is in `got`.
            let _ = remote.tls.reader().read_to_end(&mut got);
            if got.len() == before {
                return got;
            }
        }
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
        let platform = &mut self.platform;
        let mut events = Vec::new();
        platform.lines.due(|event| events.push(event));
        let wait = if events.is_empty() {
            SETTLE
        } else {
            Duration::ZERO
        };
        let lines = &platform.lines;
        platform
            .inner
            .wait_for(None, Some(wait), |event| events.extend(lines.heard(event)))
            .expect("a wait");
        // A turn of the loop.
        platform.over();
        events
    }
}

macro_rules! laws {
    ($real:ident; $($law:ident)*) => {
        #[test] fn $real() { laws::$real(&mut TlsLab::new()); }
        $(#[test] fn $law() { laws::$law(&mut TlsLab::new()); })*
    };
}

muxfer_tests::with_all_laws!(laws);
