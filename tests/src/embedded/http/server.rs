//! The server.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::request::Request;
use super::site::{Act, Site};

/// How long a server waits for a peer before it gives it up: a bound for what hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs. Dropping it ends it.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    site: Site,
    stop: AtomicBool,
    sent: AtomicU64,
    requests: Mutex<Vec<Request>>,
    counts: Mutex<HashMap<String, u32>>,
}

impl Server {
    /// Starts it on a port of the loopback interface that the system chooses.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(site: Site) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            site,
            stop: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            requests: Mutex::default(),
            counts: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&listener, &served));
        Ok(Self {
            address,
            shared,
            thread: Some(thread),
        })
    }

    /// Where the guest of an emulator finds it.
    #[must_use]
    pub fn guest_url(&self, path: &str) -> String {
        format!("http://10.0.2.2:{}{path}", self.address.port())
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many bytes it has sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Acquire)
    }

    /// All requests that have come, with their bodies.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // The thread waits for a connection: this is one.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed, and the test misses its answers.
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        if let Ok(stream) = stream {
            let shared = Arc::clone(shared);
            // It ends when its peer does, at the latest when it has waited for too long. A peer that
            // breaks the connection is part of the game; the test sees what it got.
            thread::spawn(move || serve(&stream, &shared).is_ok());
        }
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut from = BufReader::new(stream);
    while let Some(mut request) = Request::read(&mut from)? {
        if request.field("expect").is_some() {
            send(stream, shared, b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.read_body(&mut from)?;
        request.nth = shared.count(&request.target);
        let acts = (shared.site)(&request);
        shared
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        for act in acts {
            match act {
                Act::Send(bytes) => send(stream, shared, &bytes)?,
                Act::Wait(time) => thread::sleep(time),
                Act::Close => return Ok(()),
                Act::Reset => return Ok(set_socket_linger(stream, Some(Duration::ZERO))?),
                Act::Stay => {
                    from.read_to_end(&mut Vec::new())?;
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Sends in pieces, so that what was sent can be watched.
fn send(mut stream: &TcpStream, shared: &Shared, bytes: &[u8]) -> io::Result<()> {
    for piece in bytes.chunks(4096) {
        stream.write_all(piece)?;
        shared.sent.fetch_add(piece.len() as u64, Ordering::AcqRel);
    }
    Ok(())
}

impl Shared {
    fn count(&self, target: &str) -> u32 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(target.to_owned()).or_default();
        *count += 1;
        *count
    }
}
