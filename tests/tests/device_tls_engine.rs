//! The engine over the TLS of devices, on real sockets against rustls: many transfers over few secured
//! connections, and what a user is told when something is wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use muxfer_core::easy::{Fetch, Taken};
use muxfer_core::net::{IoError, TlsError};
use muxfer_core::{Config, Error, Multi, Resources};
use muxfer_embedded::tls::{
    CertificateDer, Context, Lines, MAX_RECORD, Pin, Settings, anchor_from_trusted_cert,
};
use muxfer_linux::{Clock, Epoll, EpollOptions, Loop};
use muxfer_tests::device_tls::client::Guessable;
use muxfer_tests::device_tls::pki::{Credentials, NOW, Plan, dns, ip};
use muxfer_tests::device_tls::server::config;
use rustls::version::TLS13;
use rustls::{ServerConfig, ServerConnection, Stream};

/// Secured connections that there is room for: fewer than transfers, and fewer than the engine may
/// open.
const LINES: usize = 3;

/// A server that answers `/BYTES` with so many bytes; `/cut` and `/end` with a body that the end of
/// the connection ends, without and with TLS's word for it.
struct Site {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
}

impl Site {
    fn start(credentials: &Credentials) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let config = Arc::new(config(credentials, &[&TLS13]));
        let connections = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::Relaxed);
                let config = Arc::clone(&config);
                // A client that refuses the certificate is no fault of the server.
                thread::spawn(move || drop(serve(stream, config)));
            }
        });
        Self {
            address,
            connections,
        }
    }
}

fn serve(mut socket: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut tls = ServerConnection::new(config).map_err(std::io::Error::other)?;
    loop {
        let path = {
            let mut reader = BufReader::with_capacity(1, Stream::new(&mut tls, &mut socket));
            read_head(&mut reader)?
        };
        let mut stream = Stream::new(&mut tls, &mut socket);
        if let Ok(n) = path.parse::<usize>() {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n")?;
            stream.write_all(&body(n))?;
            continue;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na part")?;
        if path == "end" {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut socket)?;
            }
        }
        return Ok(());
    }
}

/// The path of the next request, without its slash.
fn read_head(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut path = None;
    loop {
        let mut line = String::new();
        if reader.take(1000).read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if path.is_none() {
            let word = line.split(' ').nth(1).unwrap_or("/").to_owned();
            path = Some(word[1..].to_owned());
        }
        if line == "\r\n" {
            return Ok(path.unwrap_or_default());
        }
    }
}

fn body(n: usize) -> Vec<u8> {
    (0..n)
        .map(|i| u8::try_from(i % 251).expect("a byte"))
        .collect()
}

/// How one transfer ended, and what it received.
type Outcome = (String, Result<(), Error>, Vec<u8>);

/// Fetches all paths of the site at once.
fn fetch(site: &Site, settings: &[Settings<'_>], paths: &[String]) -> Vec<Outcome> {
    type Sink = Box<dyn FnMut(&[u8]) -> Taken>;
    type Easy = Fetch<String, Sink>;
    let mut memory: Box<Resources<Easy, 16, 8, 4, 128, 4, 1024>> = Box::new(Resources::new());
    let mut multi = Multi::new(memory.storage(), Config::DEFAULT).expect("enough memory");
    let mut epoll = Epoll::new(&EpollOptions::default()).expect("epoll");
    let mut lines: Box<Lines<LINES, MAX_RECORD, 2048>> = Box::new(Lines::new());
    let mut rng = Guessable(3);
    let received: Vec<_> = paths
        .iter()
        .map(|_| Arc::new(std::sync::Mutex::new(Vec::new())))
        .collect();
    let mut handles = Vec::new();
    for (path, into) in paths.iter().zip(&received) {
        let into = Arc::clone(into);
        let sink: Sink = Box::new(move |bytes| {
            into.lock().expect("no panic").extend_from_slice(bytes);
            Taken::All
        });
        let url = format!("https://{}/{path}", site.address);
        let easy = Fetch::get(&url, sink).expect("a URL");
        let context = Context {
            settings,
            unix_time: Some(NOW),
            rng: &mut rng,
        };
        let mut platform = lines.over(&mut epoll, context);
        let added = multi.add(Clock.now(), &mut platform, easy);
        handles.push(added.map_err(|error| error.why).expect("room for all"));
    }
    let mut outcomes = Vec::new();
    while outcomes.len() < paths.len() {
        let deadline = multi.timeout().map(|deadline| deadline.at);
        let at_most = if lines.is_due() {
            Duration::ZERO
        } else {
            Duration::from_secs(20)
        };
        epoll
            .wait_for(deadline, Some(at_most), |event| {
                if let Some(event) = lines.heard(event) {
                    multi.mark(event);
                }
            })
            .expect("a wait");
        lines.due(|event| multi.mark(event));
        let context = Context {
            settings,
            unix_time: Some(NOW),
            rng: &mut rng,
        };
        let mut platform = lines.over(&mut epoll, context);
        multi.run(Clock.now(), &mut platform);
        while let Some(message) = multi.info_read() {
            let nth = handles.iter().position(|handle| *handle == message.handle);
            let nth = nth.expect("one of ours");
            let bytes = received[nth].lock().expect("no panic").clone();
            outcomes.push((paths[nth].clone(), message.result, bytes));
            multi.remove(Clock.now(), &mut platform, message.handle);
        }
    }
    outcomes
}

fn credentials() -> Credentials {
    Plan::new(vec![ip("127.0.0.1"), dns("localhost")]).sign()
}

/// Calls with settings that trust the root of these.
fn trusting<R>(credentials: &Credentials, call: impl FnOnce(Settings<'_>) -> R) -> R {
    let root = CertificateDer::from(credentials.root.as_slice());
    let roots = [anchor_from_trusted_cert(&root).expect("a root")];
    call(Settings::roots(&roots))
}

#[test]
fn many_transfers_share_few_secured_connections() {
    let credentials = credentials();
    let site = Site::start(&credentials);
    let sizes = [
        0, 1, 1000, 16_384, 16_385, 100_000, 300_000, 5, 20_000, 70_000, 2, 3,
    ];
    let paths: Vec<String> = sizes.iter().map(usize::to_string).collect();
    let outcomes = trusting(&credentials, |settings| fetch(&site, &[settings], &paths));
    for (path, result, bytes) in outcomes {
        assert_eq!(result, Ok(()), "{path}");
        assert!(bytes == body(path.parse().expect("a number")), "{path}");
    }
    let opened = site.connections.load(Ordering::Relaxed);
    assert!(opened <= 3, "{opened} connections for {LINES} places");
}

#[test]
fn a_body_that_was_cut_off_is_not_called_whole() {
    let credentials = credentials();
    let site = Site::start(&credentials);
    let paths = ["cut".to_owned(), "end".to_owned()];
    let outcomes = trusting(&credentials, |settings| fetch(&site, &[settings], &paths));
    for (path, result, bytes) in outcomes {
        assert_eq!(bytes, b"a part", "{path}");
        assert_eq!(result.is_ok(), path == "end", "{path}: {result:?}");
    }
}

#[test]
fn a_certificate_that_is_refused_is_the_error_of_the_transfer() {
    let site = Site::start(&credentials());
    let one = ["1".to_owned()];
    let other = credentials();
    let outcomes = trusting(&other, |settings| fetch(&site, &[settings], &one));
    let why = Error::Connect(IoError::Tls(TlsError::BadSignature));
    assert_eq!(outcomes[0].1, Err(why));
    assert_eq!(why.curl_code(), 60);
    assert_eq!(
        site.connections.load(Ordering::Relaxed),
        1,
        "it was tried again"
    );
    let pins: [Pin; 1] = [[7; 32]];
    let outcomes = fetch(&site, &[Settings::pins(&pins)], &one);
    let why = Error::Connect(IoError::Tls(TlsError::PinMismatch));
    assert_eq!(outcomes[0].1, Err(why));
    assert_eq!(why.curl_code(), 90);
    let outcomes = fetch(&site, &[Settings::default()], &one);
    let why = Error::Connect(IoError::Tls(TlsError::UnknownIssuer));
    assert_eq!(outcomes[0].1, Err(why));
}
