//! Secured connections as streams: where they end, which share what, and peers that misbehave.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use muxfer_core::net::{Interest, IoError, Scheme, Stall, TlsError};
use muxfer_core::platform::{Target, Transport, Watch};
use muxfer_core::time::Timer;
use muxfer_core::{ConnId, Error};
use muxfer_linux::{
    Choice, Epoll, EpollOptions, HANDSHAKE_STEPS, Loop, RootSource, Tls, TlsConfig, TlsSettings,
};
use muxfer_tests::tls::{Answer, Authority, Client, Cutter, Ending, Got, Server, Shape};
use rustls::crypto::cipher::{MessageEncrypter, OutboundPlainMessage};
use rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConfig, ServerConnection,
};

const HOST: &str = "a.test";
const BOTH: [Choice; 2] = [Choice::Epoll, Choice::Uring];

fn trusting(root: &Authority) -> TlsConfig {
    TlsConfig::new(TlsSettings {
        roots: vec![RootSource::Pem(root.pem().into_bytes())],
        ..TlsSettings::default()
    })
}

fn url(address: SocketAddr) -> String {
    format!("https://{HOST}:{}/", address.port())
}

/// A server with a good certificate that always answers so, and its authority.
fn answering(shape: &Shape, answer: Answer) -> (Server, Authority) {
    let root = Authority::root("the root");
    let issued = root.issue(&[HOST], |_| {});
    let server = Server::start(shape.config(&issued), move |_| answer.clone());
    (server, root)
}

fn fetch(choice: Choice, root: &Authority, address: SocketAddr) -> Got {
    Client::run(choice, &trusting(root), |client| {
        client.pin(HOST, address);
        client.fetch(&url(address))
    })
}

/// Bytes whose order shows.
fn body(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// How the transfer ends behind a proxy that cuts after so many records and bytes, and how many
/// records there are at most.
fn cut(
    server: &Server,
    root: &Authority,
    choice: Choice,
    records: usize,
    bytes: usize,
) -> (Got, usize) {
    let cutter = Cutter::start(server.address(), records, bytes);
    let got = fetch(choice, root, cutter.address());
    (got, cutter.passed())
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_with_the_word_for_it() {
    let whole = body(40_000);
    for choice in BOTH {
        for shape in [Shape::tls_12(), Shape::tls_13()] {
            let answer = Answer::until_close(&whole, Ending::Notified);
            let (server, root) = answering(&shape, answer);
            let (got, all) = cut(&server, &root, choice, usize::MAX, 0);
            assert_eq!((&got.result, got.body.len()), (&Ok(()), whole.len()));
            assert!(all >= 6, "{all} records are too few to be all of them");
            for records in 0..all {
                for bytes in [0, 1, 5, 17] {
                    let (got, _) = cut(&server, &root, choice, records, bytes);
                    let place = format!("{choice:?}, {shape:?}: {records} of {all}, {bytes}");
                    assert_eq!(got.refused(), Some(TlsError::Truncated), "{place}: {got:?}");
                    assert!(whole.starts_with(&got.body), "{place}: other bytes");
                }
            }
        }
    }
}

#[test]
fn a_cut_in_the_handshake_is_the_handshakes_fault_and_one_behind_it_is_the_streams() {
    let (server, root) = answering(
        &Shape::tls_13(),
        Answer::until_close(b"x", Ending::Notified),
    );
    let (first, _) = cut(&server, &root, Choice::Epoll, 1, 0);
    let error = first.result.expect_err("cut");
    assert_eq!(error, Error::Connect(IoError::Tls(TlsError::Truncated)));
    assert_eq!(error.curl_code(), 35);
    let (_, all) = cut(&server, &root, Choice::Epoll, usize::MAX, 0);
    let (last, _) = cut(&server, &root, Choice::Epoll, all - 1, 0);
    assert_eq!(last.body, b"x");
    let error = last.result.expect_err("cut");
    assert_eq!(error, Error::Receive(IoError::Tls(TlsError::Truncated)));
    assert_eq!(error.curl_code(), 56);
}

#[test]
fn a_body_of_known_length_needs_no_word_for_its_end() {
    let whole = body(40_000);
    for choice in BOTH {
        let mut answer = Answer::ok(&whole);
        answer.ending = Ending::Cut;
        let (server, root) = answering(&Shape::default(), answer);
        let got = fetch(choice, &root, server.address());
        assert_eq!((&got.result, &got.body), (&Ok(()), &whole));
    }
}

#[test]
fn the_word_for_the_end_is_enough_without_the_end() {
    for choice in BOTH {
        let answer = Answer::until_close(b"all of it", Ending::NotifiedOnly);
        let (server, root) = answering(&Shape::default(), answer);
        let got = fetch(choice, &root, server.address());
        assert_eq!(
            (got.result, got.body.as_slice()),
            (Ok(()), &b"all of it"[..])
        );
    }
}

#[test]
fn the_peer_is_told_when_we_end_a_connection() {
    for choice in BOTH {
        let (server, root) = Server::good(HOST, &Shape::default());
        Client::run(choice, &trusting(&root), |client| {
            client.pin(HOST, server.address());
            assert_eq!(client.fetch(&url(server.address())).result, Ok(()));
            assert_eq!(server.notified(), 0, "it is kept");
            client.close_all();
            wait_until(|| server.notified() == 1);
        });
    }
}

fn wait_until(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "it never happened"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn sessions_go_on_after_their_connection_was_closed() {
    for choice in BOTH {
        for shape in [Shape::tls_12(), Shape::tls_13()] {
            let (server, root) = Server::good(HOST, &shape);
            Client::run(choice, &trusting(&root), |client| {
                client.pin(HOST, server.address());
                for round in 0..4 {
                    assert_eq!(client.fetch(&url(server.address())).body, b"hello");
                    client.close_all();
                    let stats = client.stats();
                    assert_eq!((stats.full, stats.resumed, stats.failed), (1, round, 0));
                }
            });
            assert_eq!(
                (server.connections(), server.resumed()),
                (4, 3),
                "{shape:?}"
            );
        }
    }
}

#[test]
fn different_settings_share_neither_connections_nor_tickets() {
    for shape in [Shape::tls_12(), Shape::tls_13()] {
        let (server, root) = Server::good(HOST, &shape);
        let url = url(server.address());
        let insecure = TlsConfig::new(TlsSettings {
            insecure: true,
            ..TlsSettings::default()
        });
        Client::run(Choice::Epoll, &insecure, |client| {
            client.pin(HOST, server.address());
            let trusting = client.register(&trusting(&root));
            assert_ne!(trusting, 0);
            // The ticket of the one that checks nothing must not spare the other its check.
            assert_eq!(client.fetch(&url).result, Ok(()));
            assert_eq!(client.fetch_all(&[(&url, trusting)])[0].result, Ok(()));
            assert_eq!(
                (server.connections(), server.resumed()),
                (2, 0),
                "{shape:?}"
            );
            client.close_all();
            let other = client.register(&self::trusting(&Authority::root("another root")));
            let refused = client.fetch_all(&[(&url, other)]).remove(0).refused();
            assert_eq!(refused, Some(TlsError::UnknownIssuer), "{shape:?}");
            assert_eq!(client.fetch_all(&[(&url, trusting)])[0].result, Ok(()));
            assert_eq!(client.stats().resumed, 1, "its own ticket is good");
        });
    }
}

#[test]
fn equal_settings_share_connections() {
    let (server, root) = Server::good(HOST, &Shape::default());
    let url = url(server.address());
    Client::run(Choice::Epoll, &trusting(&root), |client| {
        client.pin(HOST, server.address());
        let same = client.register(&trusting(&root));
        assert_eq!(same, 0);
        client.fetch(&url);
        client.fetch_all(&[(&url, same)]);
        assert_eq!((server.connections(), server.requests()), (1, 2));
        // A number that nobody registered is no way around the settings.
        let unknown = client.fetch_all(&[(&url, 17)]).remove(0);
        assert_eq!(unknown.refused(), Some(TlsError::Settings));
    });
}

#[test]
fn many_handshakes_at_once_all_end() {
    for choice in BOTH {
        let (server, root) = Server::good(HOST, &Shape::default());
        Client::run(choice, &trusting(&root), |client| {
            let hosts: Vec<_> = (0..32).map(|_| url(server.address())).collect();
            client.pin(HOST, server.address());
            let requests: Vec<_> = hosts.iter().map(|url| (url.as_str(), 0)).collect();
            for got in client.fetch_all(&requests) {
                assert_eq!(got.result, Ok(()));
            }
            assert_eq!(client.stats().full + client.stats().resumed, 32);
        });
    }
}

#[test]
fn only_so_many_steps_of_handshakes_are_made_between_two_waits() {
    const MANY: u32 = 2 * HANDSHAKE_STEPS + 5;
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let epoll = Epoll::new(&EpollOptions::default()).expect("descriptors");
    let mut platform = Tls::new(epoll, trusting(&Authority::root("the root")));
    let target = Target {
        scheme: Scheme::Https,
        host: HOST,
        settings: 0,
        address: listener.local_addr().expect("an address"),
    };
    let conns: Vec<_> = (0..MANY).map(|n| ConnId::new(n, NonZeroU32::MIN)).collect();
    let mut peers = Vec::new();
    for &conn in &conns {
        platform.open(conn, &target).expect("a connect");
        platform.socket(conn, Interest::WRITE);
        peers.push(listener.accept().expect("a client").0);
    }
    for turn in 1..=4 {
        let mut told = 0;
        let wait = Some(Duration::from_millis(100));
        platform
            .wait_for(None, wait, |_| told += 1)
            .expect("a wait");
        for &conn in &conns {
            assert_eq!(platform.opened(conn), Err(Stall::WouldBlock));
        }
        let greeted = peers.iter().filter(|peer| has_come(peer)).count();
        let most = usize::try_from(turn * HANDSHAKE_STEPS).expect("few");
        assert_eq!(greeted, most.min(conns.len()), "turn {turn}");
        // Those that had no turn are told at once, though their sockets have nothing new.
        assert_eq!(told > 0, turn < 4, "turn {turn}");
    }
}

/// Has anything come?
fn has_come(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a mode");
    matches!(stream.peek(&mut [0]), Ok(n) if n > 0)
}

/// A peer that does with each connection what the test says.
fn peer(
    act: impl Fn(TcpStream) -> io::Result<()> + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_nodelay(true).expect("an option");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("an option");
        // The client may end it at any time.
        let _ = act(stream);
    });
    (address, thread)
}

#[test]
fn a_handshake_that_never_ends_meets_the_connect_limit() {
    let silent = |mut stream: TcpStream| io::copy(&mut stream, &mut io::sink()).map(drop);
    // A record of a handshake message, a byte at a time.
    let dripping = |mut stream: TcpStream| {
        stream.write_all(&[0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc])?;
        loop {
            stream.write_all(&[3])?;
            thread::sleep(Duration::from_millis(1));
        }
    };
    let limit = Duration::from_millis(300);
    let root = Authority::root("the root");
    for choice in BOTH {
        for (address, thread) in [peer(silent), peer(dripping)] {
            let start = Instant::now();
            let got = Client::run(choice, &trusting(&root), |client| {
                client.options.connect = limit;
                client.pin(HOST, address);
                client.fetch(&url(address))
            });
            assert_eq!(
                got.result,
                Err(Error::Timeout(Timer::Connect)),
                "{choice:?}"
            );
            assert!((limit..limit * 10).contains(&start.elapsed()));
            thread.join().expect("a peer");
        }
    }
}

/// A connection of TLS 1.2 whose records the test writes itself.
struct Raw {
    stream: TcpStream,
    encrypter: Box<dyn MessageEncrypter>,
    sequence: u64,
}

impl Raw {
    /// Handshake, and the head of a request.
    fn accept(mut stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut piece = [0; 1024];
            let n = rustls::Stream::new(&mut tls, &mut stream).read(&mut piece)?;
            head.extend_from_slice(&piece[..n]);
        }
        let suite = tls.negotiated_cipher_suite().expect("a suite");
        let rustls::SupportedCipherSuite::Tls12(suite) = suite else {
            return Err(io::Error::other("not TLS 1.2"));
        };
        let secrets = tls.dangerous_extract_secrets().map_err(io::Error::other)?;
        let (sequence, ConnectionTrafficSecrets::Aes256Gcm { key, iv }) = secrets.tx else {
            return Err(io::Error::other("not AES-256-GCM"));
        };
        let (fixed, explicit) = iv.as_ref().split_at(4);
        Ok(Self {
            stream,
            encrypter: suite.aead_alg.encrypter(key, fixed, explicit),
            sequence,
        })
    }

    fn send(&mut self, typ: ContentType, payload: &[u8]) -> io::Result<()> {
        let message = OutboundPlainMessage {
            typ,
            version: ProtocolVersion::TLSv1_2,
            payload: payload.into(),
        };
        let record = self.encrypter.encrypt(message, self.sequence);
        self.sequence += 1;
        self.stream
            .write_all(&record.map_err(io::Error::other)?.encode())
    }
}

/// A client of a peer that asks so often to negotiate anew, in the middle of its response.
fn renegotiating(choice: Choice, times: usize) -> Got {
    let root = Authority::root("the root");
    let shape = Shape {
        extraction: true,
        ..Shape::tls_12()
    };
    let config = shape.config(&root.issue(&[HOST], |_| {}));
    let (address, thread) = peer(move |stream| {
        let mut raw = Raw::accept(stream, Arc::clone(&config))?;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc";
        raw.send(ContentType::ApplicationData, head)?;
        for _ in 0..times {
            raw.send(ContentType::Handshake, &[0, 0, 0, 0])?;
        }
        raw.send(ContentType::ApplicationData, b"def")?;
        io::copy(&mut raw.stream, &mut io::sink()).map(drop)
    });
    let got = fetch(choice, &root, address);
    thread.join().expect("a peer");
    got
}

#[test]
fn to_negotiate_anew_is_refused_and_the_response_goes_on() {
    for choice in BOTH {
        let got = renegotiating(choice, 1);
        assert_eq!((got.result, got.body.as_slice()), (Ok(()), &b"abcdef"[..]));
        let got = renegotiating(choice, 10_000);
        assert_eq!(got.refused(), Some(TlsError::Protocol), "{got:?}");
    }
}

#[test]
fn whatever_byte_is_changed_nothing_wrong_is_taken_for_right() {
    let whole = body(3000);
    let (server, root) = answering(
        &Shape::default(),
        Answer::until_close(&whole, Ending::Notified),
    );
    let to = server.address();
    for place in (0..6000).step_by(97) {
        let (address, thread) = peer(move |client| spoil(client, to, place));
        let got = fetch(Choice::Epoll, &root, address);
        assert!(got.result.is_err() || got.body == whole, "{place}: {got:?}");
        assert!(whole.starts_with(&got.body), "{place}: other bytes came");
        thread.join().expect("a peer");
    }
}

/// A proxy that changes one byte of what the server says.
fn spoil(mut client: TcpStream, to: SocketAddr, place: usize) -> io::Result<()> {
    let mut server = TcpStream::connect(to)?;
    let (mut from, mut into) = (client.try_clone()?, server.try_clone()?);
    let up = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut into);
        let _ = into.shutdown(std::net::Shutdown::Write);
    });
    let (mut piece, mut seen) = ([0; 1024], 0);
    loop {
        let n = server.read(&mut piece)?;
        if n == 0 {
            break;
        }
        if (seen..seen + n).contains(&place) {
            piece[place - seen] ^= 0x20;
        }
        seen += n;
        client.write_all(&piece[..n])?;
    }
    client.shutdown(std::net::Shutdown::Write)?;
    let _ = up.join();
    Ok(())
}
