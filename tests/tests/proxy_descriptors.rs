//! The fault proxy without descriptors: a test of its own, as the limit is that of the process.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use muxfer_tests::descriptors;
use muxfer_tests::files::Content;
use muxfer_tests::nginx::Nginx;
use muxfer_tests::proxy::{Faults, Proxy};

#[test]
fn a_proxy_without_descriptors_accepts_when_some_come_free_and_drops_nobody() -> io::Result<()> {
    const CLIENTS: u64 = 40;
    const BYTES: u64 = 1_000;
    // A process of its own, as it must not run out of them, too.
    let nginx = Nginx::start()?;
    Content::new(1, BYTES).write_to(&nginx.site().join("file"))?;
    let body = Content::new(1, BYTES).into_bytes();
    let proxy = Proxy::start(nginx.address(), 1, Faults::all(1, 0))?;
    // All connect to the backlog, but the proxy can't accept all.
    descriptors::allow(Some(descriptors::open()? as u64 + CLIENTS + 16))?;
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        // It may have taken what a client needs; then fewer are enough.
        let Ok(stream) = TcpStream::connect(proxy.addresses()[0]) else {
            break;
        };
        streams.push(stream);
    }
    assert!(streams.len() > 10, "{}", streams.len());
    for mut stream in streams {
        // Each leaves when it is served, and so makes room for the next in the backlog.
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut got = Vec::new();
        stream.read_to_end(&mut got)?;
        assert!(got.ends_with(&body), "{}", got.len());
    }
    let counts = proxy.stop()?;
    assert!(counts.starved > 0, "{counts:?}");
    assert_eq!(counts.lost, 0, "{counts:?}");
    Ok(())
}
