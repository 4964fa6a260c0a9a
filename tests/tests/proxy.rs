//! The fault proxy between plain sockets.

mod plain;

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use muxfer_tests::descriptors;
use muxfer_tests::proxy::{Faults, Kind, Pass, Proxy, What};
use plain::{HEAD_BYTES, Server, ask, body, get, receive};

const SEED: u64 = 20_261_125;

fn proxy(server: &Server, percent: u64, kind: Kind) -> io::Result<Proxy> {
    let faults = Faults {
        seed: SEED,
        percent,
        kinds: vec![kind],
    };
    Proxy::start(server.address(), 1, faults)
}

/// Asks once over a new connection: what came before the end, and how it ended.
fn fetch(proxy: &Proxy, number: u64, bytes: usize) -> io::Result<(Vec<u8>, io::Result<usize>)> {
    proxy.expect(number);
    let mut stream = TcpStream::connect(proxy.addresses()[0])?;
    ask(&mut stream, "GET", number, bytes)?;
    let mut got = Vec::new();
    // The server closes no connection, so only a fault ends the stream before all has come.
    let outcome = receive(&mut stream, HEAD_BYTES + bytes, &mut got);
    Ok((got, outcome))
}

fn only_pass(proxy: &Proxy, number: u64) -> What {
    let passes = proxy.take(number).expect("it was expected");
    match passes[..] {
        [Pass { first: true, what }] => what,
        _ => panic!("seed {SEED}, request {number}: {passes:?}"),
    }
}

#[test]
fn without_faults_all_bytes_pass_over_a_kept_connection() -> io::Result<()> {
    let server = Server::start()?;
    let proxy = proxy(&server, 0, Kind::Reset)?;
    let mut stream = TcpStream::connect(proxy.addresses()[0])?;
    for number in 0..200 {
        proxy.expect(number);
        let bytes = usize::try_from(number).expect("small") * 500;
        assert_eq!(get(&mut stream, number, bytes)?, body(number, bytes));
        let passes = proxy.take(number).expect("it was expected");
        let (first, what) = (number == 0, What::Whole(None));
        assert_eq!(passes[..], [Pass { first, what }]);
    }
    let counts = proxy.stop()?;
    assert_eq!(
        (counts.accepted, counts.requests, counts.responses),
        (1, 200, 200)
    );
    assert_eq!((counts.injected, counts.lost), ([0; 4], 0));
    Ok(())
}

#[test]
fn a_head_request_has_no_body_and_the_next_response_is_not_mistaken_for_one() -> io::Result<()> {
    let server = Server::start()?;
    let proxy = proxy(&server, 0, Kind::Reset)?;
    let mut stream = TcpStream::connect(proxy.addresses()[0])?;
    ask(&mut stream, "HEAD", 1, 5_000)?;
    let mut got = Vec::new();
    receive(&mut stream, HEAD_BYTES, &mut got)?;
    assert_eq!(get(&mut stream, 2, 10)?, body(2, 10));
    assert_eq!(proxy.stop()?.responses, 2);
    Ok(())
}

#[test]
fn latency_and_slicing_lose_no_byte() -> io::Result<()> {
    const BYTES: usize = 20_000;
    let server = Server::start()?;
    for kind in [Kind::Latency, Kind::Slicing] {
        let proxy = proxy(&server, 100, kind)?;
        for number in 0..20 {
            let start = Instant::now();
            let (got, outcome) = fetch(&proxy, number, BYTES)?;
            assert_eq!(outcome?, HEAD_BYTES + BYTES);
            assert_eq!(got[HEAD_BYTES..], body(number, BYTES));
            assert_eq!(only_pass(&proxy, number), What::Whole(Some(kind)));
            assert!(kind != Kind::Latency || start.elapsed() >= Duration::from_millis(1));
        }
        let counts = proxy.stop()?;
        assert_eq!(counts.injected[kind as usize], 20);
        assert!(
            kind != Kind::Slicing || counts.bytes / counts.pieces <= 200,
            "{counts:?}"
        );
    }
    Ok(())
}

#[test]
fn a_truncated_response_ends_just_where_the_record_says() -> io::Result<()> {
    const BYTES: usize = 3_000;
    let server = Server::start()?;
    let proxy = proxy(&server, 100, Kind::Truncation)?;
    let mut whole = 0;
    for number in 0..100 {
        let (got, outcome) = fetch(&proxy, number, BYTES)?;
        let What::Cut { how, at, head } = only_pass(&proxy, number) else {
            panic!("seed {SEED}, request {number}");
        };
        assert_eq!((how, head), (Kind::Truncation, HEAD_BYTES as u64));
        assert_eq!((outcome?, got.len() as u64), (got.len(), at), "seed {SEED}");
        assert!(body(number, BYTES).starts_with(got.get(HEAD_BYTES..).unwrap_or(&[])));
        whole += usize::from(got.len() == HEAD_BYTES + BYTES);
    }
    assert_eq!(whole, 0, "seed {SEED}");
    assert_eq!(proxy.stop()?.injected, [0, 0, 0, 100]);
    Ok(())
}

#[test]
fn a_reset_comes_as_one_and_not_behind_its_place() -> io::Result<()> {
    const BYTES: usize = 3_000;
    let server = Server::start()?;
    let proxy = proxy(&server, 100, Kind::Reset)?;
    for number in 0..100 {
        let (got, outcome) = fetch(&proxy, number, BYTES)?;
        let What::Cut { how, at, .. } = only_pass(&proxy, number) else {
            panic!("seed {SEED}, request {number}");
        };
        assert_eq!(how, Kind::Reset);
        assert!(got.len() as u64 <= at, "seed {SEED}");
        let error = outcome.expect_err("a reset is an error");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "seed {SEED}");
    }
    assert_eq!(proxy.stop()?.injected, [0, 0, 100, 0]);
    Ok(())
}

#[test]
fn a_client_that_does_not_read_stops_the_server_and_loses_nothing() -> io::Result<()> {
    const BYTES: usize = 32 << 20;
    let server = Server::start()?;
    let proxy = proxy(&server, 0, Kind::Reset)?;
    let mut stream = TcpStream::connect(proxy.addresses()[0])?;
    ask(&mut stream, "GET", 1, BYTES)?;
    let passed = until_steady(|| proxy.counts().bytes);
    assert!(
        passed < BYTES as u64 / 2,
        "{passed} bytes went on to nobody"
    );
    // What lies in the proxy and in both connections: the server was held back, too.
    let sent = until_steady(|| server.sent());
    assert!(
        sent < BYTES as u64 / 2,
        "{sent} bytes were taken for nobody"
    );
    let mut got = Vec::new();
    receive(&mut stream, HEAD_BYTES + BYTES, &mut got)?;
    assert!(got[HEAD_BYTES..] == body(1, BYTES));
    Ok(())
}

/// A number above 0 that has not changed for a while.
fn until_steady(mut number: impl FnMut() -> u64) -> u64 {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let now = number();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if last > 0 && since.elapsed() > Duration::from_millis(200) {
            return last;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_thousand_connections_are_served_at_once_and_closed_with_their_clients() -> io::Result<()> {
    const CLIENTS: u64 = 1_000;
    descriptors::allow_all()?;
    let server = Server::start()?;
    let proxy = proxy(&server, 0, Kind::Reset)?;
    let address = proxy.addresses()[0];
    let connect = |_| TcpStream::connect(address);
    let mut streams = (0..CLIENTS).map(connect).collect::<io::Result<Vec<_>>>()?;
    for (number, stream) in (0..).zip(&mut streams) {
        ask(stream, "GET", number, 1_000)?;
    }
    for (number, stream) in (0..).zip(&mut streams) {
        let mut got = Vec::new();
        receive(stream, HEAD_BYTES + 1_000, &mut got)?;
        assert_eq!(got[HEAD_BYTES..], body(number, 1_000));
    }
    assert_eq!(proxy.counts().open, CLIENTS);
    drop(streams);
    let start = Instant::now();
    while proxy.counts().open > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{:?}",
            proxy.counts()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(proxy.stop()?.lost, 0);
    Ok(())
}

#[test]
fn what_it_does_not_understand_is_closed_and_counted() -> io::Result<()> {
    let server = Server::start()?;
    let proxy = proxy(&server, 0, Kind::Reset)?;
    let mut stream = TcpStream::connect(proxy.addresses()[0])?;
    stream.write_all(b"PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")?;
    // Unread bytes make it a reset, depending on how the system cuts them.
    let end = stream.read(&mut [0; 8]);
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    assert_eq!(proxy.stop()?.lost, 1);
    Ok(())
}
