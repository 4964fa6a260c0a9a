//! A server and a client over plain blocking sockets, for the tests of the fault proxy.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use muxfer_tests::files::Content;

/// The length of each response head.
pub(crate) const HEAD_BYTES: usize = "HTTP/1.1 200 OK\r\nContent-Length: 0123456789\r\n\r\n".len();

/// Nobody waits longer for a byte.
const PATIENCE: Duration = Duration::from_secs(20);

/// The body of the response to the request of this number.
pub(crate) fn body(number: u64, bytes: usize) -> Vec<u8> {
    Content::new(number, bytes as u64).into_bytes()
}

/// Answers `/BYTES?n=NUMBER` with so many bytes that follow from the number. It closes nothing.
/// Its threads end with their connections, and the last with the process.
pub(crate) struct Server {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Server {
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let counter = Arc::clone(&counter);
                // A client that leaves in the midst is no fault of the server.
                thread::spawn(move || drop(serve(stream, &counter)));
            }
        });
        Ok(Self { address, sent })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many bytes of body were taken from it.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: TcpStream, sent: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut field = String::new();
        while reader.read_line(&mut field)? > 2 {
            field.clear();
        }
        let (method, target) = line.split_once(" /").unwrap_or_default();
        let target = target.split(' ').next().unwrap_or_default();
        let (bytes, number) = target.split_once("?n=").unwrap_or_default();
        let number = number.parse().map_err(io::Error::other)?;
        let bytes = bytes.parse().map_err(io::Error::other)?;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {bytes:010}\r\n\r\n"
        )?;
        if method != "HEAD" {
            for piece in body(number, bytes).chunks(64 * 1024) {
                stream.write_all(piece)?;
                sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        }
    }
}

/// Sends a request.
pub(crate) fn ask(
    stream: &mut TcpStream,
    method: &str,
    number: u64,
    bytes: usize,
) -> io::Result<()> {
    let request = format!("{method} /{bytes}?n={number} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes())
}

/// Receives so many bytes, or less if the stream ends before; how many there were.
pub(crate) fn receive(
    stream: &mut TcpStream,
    most: usize,
    into: &mut Vec<u8>,
) -> io::Result<usize> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.take(most as u64).read_to_end(into)
}

/// Sends a request and receives the body of its response.
pub(crate) fn get(stream: &mut TcpStream, number: u64, bytes: usize) -> io::Result<Vec<u8>> {
    ask(stream, "GET", number, bytes)?;
    let mut got = Vec::new();
    receive(stream, HEAD_BYTES + bytes, &mut got)?;
    Ok(got.split_off(HEAD_BYTES.min(got.len())))
}
