//! A small HTTPS server on rustls, with a thread for each connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, Stream};
use rustls::{SupportedProtocolVersion, version};

use super::authority::{Authority, Issued};

/// How long it is waited for a client.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The connection goes on.
    Kept,
    /// `close_notify`, then the end of the stream.
    Notified,
    /// The end of the stream alone.
    Cut,
    /// The peer's word for the end, and the stream stays open.
    NotifiedOnly,
}

/// What is sent for a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// And then?
    pub ending: Ending,
}

impl Answer {
    /// A complete response on a connection that is kept.
    #[must_use]
    pub fn ok(body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        Self {
            bytes: [head.as_bytes(), body].concat(),
            ending: Ending::Kept,
        }
    }

    /// A body that the end of the connection ends.
    #[must_use]
    pub fn until_close(body: &[u8], ending: Ending) -> Self {
        let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        Self {
            bytes: [head, body].concat(),
            ending,
        }
    }
}

/// What a server is to be.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// TLS 1.2 alone, or 1.3 alone.
    pub only: Option<u16>,
    /// The protocols that it knows, if it cares.
    pub alpn: Vec<Vec<u8>>,
    /// Clients must show a certificate of this authority.
    pub clients_of: Option<Vec<u8>>,
    /// Lets keys be taken out of its connections.
    pub extraction: bool,
    /// How many tickets it sends in TLS 1.3; `None` is two.
    pub tickets: Option<usize>,
}

impl Shape {
    /// TLS 1.2 alone.
    #[must_use]
    pub fn tls_12() -> Self {
        Self {
            only: Some(12),
            ..Self::default()
        }
    }

    /// TLS 1.3 alone.
    #[must_use]
    pub fn tls_13() -> Self {
        Self {
            only: Some(13),
            ..Self::default()
        }
    }

    /// The configuration of such a server with this certificate.
    ///
    /// # Panics
    /// The certificate can't be used even by a server of tests.
    #[must_use]
    pub fn config(&self, issued: &Issued) -> Arc<ServerConfig> {
        static ONLY_12: &[&SupportedProtocolVersion] = &[&version::TLS12];
        static ONLY_13: &[&SupportedProtocolVersion] = &[&version::TLS13];
        static BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
        let versions = match self.only {
            Some(12) => ONLY_12,
            Some(_) => ONLY_13,
            None => BOTH,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions");
        let builder = match &self.clients_of {
            None => builder.with_no_client_auth(),
            Some(der) => {
                let mut roots = RootCertStore::empty();
                roots.add(der.clone().into()).expect("an authority");
                let clients = WebPkiClientVerifier::builder_with_provider(
                    Arc::new(roots),
                    Arc::clone(&provider),
                );
                builder.with_client_cert_verifier(clients.build().expect("a verifier"))
            }
        };
        let key = provider
            .key_provider
            .load_private_key(issued.key_der())
            .expect("a key");
        // Not `with_single_cert`, which would refuse what the tests are about.
        let shown = CertifiedKey::new(issued.chain.clone(), key);
        let mut config = builder.with_cert_resolver(Arc::new(Always(Arc::new(shown))));
        config.alpn_protocols.clone_from(&self.alpn);
        config.send_tls13_tickets = self.tickets.unwrap_or(2);
        config.enable_secret_extraction = self.extraction;
        config.ticketer = rustls::crypto::ring::Ticketer::new().expect("random numbers");
        Arc::new(config)
    }
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// What a server has seen.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
    resumed: AtomicUsize,
    notified: AtomicUsize,
    ended: AtomicBool,
}

/// A running server. Dropping it ends it, once its connections have ended.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers each request by its path.
    ///
    /// # Panics
    /// No port is free.
    pub fn start(
        config: Arc<ServerConfig>,
        answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let answer = Arc::new(answer);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { return };
                let (config, seen) = (Arc::clone(&config), Arc::clone(&shared));
                let answer = Arc::clone(&answer);
                // A client that breaks a connection off is no failure of the server.
                thread::spawn(move || drop(serve(stream, config, &seen, &*answer)));
            }
        });
        Self {
            address,
            seen,
            thread: Some(thread),
        }
    }

    /// One that answers everything with this body.
    pub fn with(issued: &Issued, shape: &Shape, body: &'static [u8]) -> Self {
        Self::start(shape.config(issued), move |_| Answer::ok(body))
    }

    /// A good one for a host, and its authority.
    #[must_use]
    pub fn good(host: &str, shape: &Shape) -> (Self, Authority) {
        let authority = Authority::root("the root");
        let issued = authority.issue(&[host], |_| {});
        (Self::with(&issued, shape, b"hello"), authority)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have finished their handshake.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Acquire)
    }

    /// How many of them went on with an earlier session.
    #[must_use]
    pub fn resumed(&self) -> usize {
        self.seen.resumed.load(Ordering::Acquire)
    }

    /// How many requests came.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::Acquire)
    }

    /// How many connections the client has ended with its word for it.
    #[must_use]
    pub fn notified(&self) -> usize {
        self.seen.notified.load(Ordering::Acquire)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.seen.ended.store(true, Ordering::Release);
        // It wakes the accept; without it there is nobody to wait for.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

fn serve(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    seen: &Seen,
    answer: &dyn Fn(&str) -> Answer,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    tls.complete_io(&mut stream)?;
    seen.connections.fetch_add(1, Ordering::AcqRel);
    if tls.handshake_kind() == Some(HandshakeKind::Resumed) {
        seen.resumed.fetch_add(1, Ordering::AcqRel);
    }
    let mut head = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let n = Stream::new(&mut tls, &mut stream).read(&mut piece)?;
        if n == 0 {
            // Without the client's word rustls answers with an error.
            seen.notified.fetch_add(1, Ordering::AcqRel);
            return Ok(());
        }
        head.extend_from_slice(&piece[..n]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        seen.requests.fetch_add(1, Ordering::AcqRel);
        let text = String::from_utf8_lossy(&head).into_owned();
        head.clear();
        let path = text.split(' ').nth(1).unwrap_or("");
        let Answer { bytes, ending } = answer(path);
        Stream::new(&mut tls, &mut stream).write_all(&bytes)?;
        if !end(&mut tls, &mut stream, ending)? {
            return Ok(());
        }
    }
}

/// Ends the connection, or not: does it go on?
fn end(tls: &mut ServerConnection, stream: &mut TcpStream, ending: Ending) -> io::Result<bool> {
    match ending {
        Ending::Kept => return Ok(true),
        Ending::Notified | Ending::NotifiedOnly => {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(stream)?;
            }
        }
        Ending::Cut => {}
    }
    if ending != Ending::NotifiedOnly {
        stream.shutdown(Shutdown::Write)?;
    }
    // The client ends it.
    let mut rest = [0; 1024];
    while stream.read(&mut rest)? > 0 {}
    Ok(false)
}
