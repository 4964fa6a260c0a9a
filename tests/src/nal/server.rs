//! A server on loopback, a thread for each connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Answers by path: `/body/N` with [`body`] of the number N; `/echo` with what was sent; `/stall` with a
/// part, and then nothing until the client closes; `/short` with a part, and then the end.
#[derive(Debug)]
pub struct Server {
    port: u16,
    accepted: Arc<AtomicUsize>,
}

/// A body whose length and bytes depend on the number.
#[must_use]
pub fn body(number: usize) -> Vec<u8> {
    let period = u8::try_from(200 + number % 50).expect("below 256");
    (0..period).cycle().take(number * 30_011).collect()
}

impl Server {
    /// A new one. Its threads end with the process.
    ///
    /// # Panics
    /// No port is free.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("bound").port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                // A client that goes away ends its thread; there is nobody to tell.
                thread::spawn(move || drop(serve(&stream)));
            }
        });
        Self { port, accepted }
    }

    /// The URL of a path, by a host name or an address.
    #[must_use]
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }

    /// How many connections have come.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some((path, sent)) = request(&mut reader)? {
        let number = path.strip_prefix("/body/").and_then(|n| n.parse().ok());
        let (body, part) = match (path.as_str(), number) {
            (_, Some(number)) => (body(number), None),
            ("/echo", None) => (sent, None),
            _ => (body(1), Some(1000)),
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )?;
        stream.write_all(&body[..part.unwrap_or(body.len())])?;
        if path == "/stall" {
            reader.read_to_end(&mut Vec::new())?;
        }
        if part.is_some() {
            break;
        }
    }
    Ok(())
}

/// The path and the body of the next request, if there is one.
fn request(reader: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((path, body)))
}
