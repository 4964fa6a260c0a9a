//! The far ends of connections in a [`Lab`](crate::laws::Lab) of real sockets: a listener on loopback,
//! and sockets of the standard library.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A listener, and whatever has connected to it. All calls but [`accept`](Self::accept) are about the
/// connection that was accepted last.
#[derive(Debug)]
pub struct Remotes {
    listener: TcpListener,
    remotes: Vec<Remote>,
}

#[derive(Debug)]
struct Remote {
    stream: TcpStream,
    /// What the system has not taken yet.
    outbox: Vec<u8>,
    closing: bool,
}

impl Remote {
    /// Goes on with sending, and with the close that comes after it.
    fn pump(&mut self) {
        while !self.outbox.is_empty() {
            match self.stream.write(&self.outbox) {
                Ok(n) => drop(self.outbox.drain(..n)),
                // The next pump goes on, or the law finds bytes missing.
                Err(_) => return,
            }
        }
        if std::mem::take(&mut self.closing) {
            self.stream.shutdown(Shutdown::Write).expect("a shutdown");
        }
    }
}

impl Default for Remotes {
    fn default() -> Self {
        Self::new()
    }
}

impl Remotes {
    /// A listener on a free port.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
        listener.set_nonblocking(true).expect("a mode");
        Self {
            listener,
            remotes: Vec::new(),
        }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// The system does not say.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// Accepts a connection; `wait` gives whoever connects a while to do so.
    ///
    /// # Panics
    /// Nobody connects.
    pub fn accept(&mut self, mut wait: impl FnMut()) {
        let patience = Instant::now() + Duration::from_secs(5);
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    assert!(Instant::now() < patience, "nobody connected");
                    wait();
                }
                Err(error) => panic!("accept: {error}"),
            }
        };
        stream.set_nonblocking(true).expect("a mode");
        self.remotes.push(Remote {
            stream,
            outbox: Vec::new(),
            closing: false,
        });
    }

    fn last(&mut self) -> &mut Remote {
        self.remotes.last_mut().expect("a connection")
    }

    /// Sends, now or as soon as the system takes it.
    pub fn send(&mut self, bytes: &[u8]) {
        let remote = self.last();
        remote.outbox.extend_from_slice(bytes);
        remote.pump();
    }

    /// What has come.
    pub fn read(&mut self) -> Vec<u8> {
        let mut got = Vec::new();
        // It ends with `WouldBlock`; what came before is in `got`.
        let _ = self.last().stream.read_to_end(&mut got);
        got
    }

    /// Ends the stream behind what was sent.
    pub fn close(&mut self) {
        let remote = self.last();
        remote.closing = true;
        remote.pump();
    }

    /// Resets the connection.
    ///
    /// # Panics
    /// The system can't.
    pub fn reset(&mut self) {
        let remote = self.remotes.pop().expect("a connection");
        let linger = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&remote.stream, linger).expect("an option");
    }

    /// Goes on with all that was not sent yet.
    pub fn pump(&mut self) {
        self.remotes.iter_mut().for_each(Remote::pump);
    }
}
