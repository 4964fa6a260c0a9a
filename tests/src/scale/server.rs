//! A small server for very many connections, in a process of its own: each connection needs a
//! descriptor there as well, and its memory must not be counted with the client's.
//!
//! It answers `/now` at once. Of `/hold` it sends the head at once and the body when it is told to
//! go on. A body names the connection and how often it was served, so that a client can tell that
//! each of its connections lives, and that it is the one which it was before.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::{
    AddressFamily, SocketAddrV4, SocketFlags, SocketType, bind, listen, socket_with, sockopt,
};

use crate::descriptors;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;
/// How many events are taken at once.
const EVENTS: usize = 256;

/// The address of loopback with this number. One address has ports for 28,000 connections at most,
/// and some of them may still be in use by an earlier run.
#[must_use]
pub fn address(nth: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, nth + 1)
}

/// The server, as its client sees it. It ends with it: at the latest when its standard input does.
#[derive(Debug)]
pub struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    port: u16,
}

impl Server {
    /// Starts it with `scale`, the program of this crate.
    ///
    /// # Errors
    /// It can't be started, or does not tell its port.
    pub fn start(scale: &Path, addresses: u8) -> io::Result<Self> {
        let mut child = Command::new(scale)
            .args(["serve", &addresses.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let mut server = Self {
            child,
            stdin,
            port: 0,
        };
        // A server that fails here is waited for when it is dropped.
        server.port = line
            .trim()
            .parse()
            .map_err(|_| io::Error::other("the server does not tell its port"))?;
        Ok(server)
    }

    /// Its port, the same at each address.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Lets it send the bodies that it holds.
    ///
    /// # Errors
    /// It has ended.
    pub fn go_on(&mut self) -> io::Result<()> {
        let gone = || io::Error::other("the server has ended");
        self.stdin.as_mut().ok_or_else(gone)?.write_all(b"g")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stdin = None;
        // It ends by itself now; what it says about that is of no use.
        let _ = self.child.wait();
    }
}

/// Serves until standard input ends. Tells its port on standard output.
///
/// # Errors
/// What the system says.
pub fn serve(addresses: u8) -> io::Result<()> {
    descriptors::allow_all()?;
    let mut crowd = Crowd::new(addresses)?;
    println!("{}", crowd.port);
    io::stdout().flush()?;
    let mut events = vec![
        Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0)
        };
        EVENTS
    ];
    loop {
        let count = match epoll::wait(&crowd.epoll, events.as_mut_slice(), None) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        for event in &events[..count] {
            let data = event.data;
            if !crowd.happens(usize::try_from(data.u64()).unwrap_or(0))? {
                return Ok(());
            }
        }
    }
}

/// All connections, by their descriptors, which mark their events as well.
struct Crowd {
    epoll: OwnedFd,
    port: u16,
    listeners: Vec<TcpListener>,
    clients: Vec<Option<Client>>,
    held: Vec<usize>,
    accepted: u32,
    text: String,
}

/// One connection.
struct Client {
    stream: TcpStream,
    number: u32,
    served: u32,
    head: Head,
}

/// How much of a request head has come.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    bytes: usize,
    /// How much of the empty line at its end.
    end: usize,
    hold: bool,
}

impl Crowd {
    fn new(addresses: u8) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        watch(&epoll, &io::stdin())?;
        let mut listeners = Vec::new();
        let mut port = 0;
        for nth in 0..addresses {
            let listener = listener(address(nth), port)?;
            port = listener.local_addr()?.port();
            watch(&epoll, &listener)?;
            listeners.push(listener);
        }
        Ok(Self {
            epoll,
            port,
            listeners,
            clients: Vec::new(),
            held: Vec::new(),
            accepted: 0,
            text: String::new(),
        })
    }

    /// Something is to be read. Answers whether to go on.
    fn happens(&mut self, fd: usize) -> io::Result<bool> {
        if matches!(self.clients.get(fd), Some(Some(_))) {
            self.read(fd);
        } else if fd == index(&io::stdin()) {
            // Each byte is a word to go on.
            if io::stdin().read(&mut [0; 16])? == 0 {
                return Ok(false);
            }
            for held in std::mem::take(&mut self.held) {
                self.send(held, false, true);
            }
        } else if let Some(nth) = self.listeners.iter().position(|l| index(l) == fd) {
            self.accept(nth)?;
        }
        Ok(true)
    }

    fn accept(&mut self, nth: usize) -> io::Result<()> {
        loop {
            let stream = match self.listeners[nth].accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            watch(&self.epoll, &stream)?;
            let fd = index(&stream);
            if fd >= self.clients.len() {
                self.clients.resize_with(fd + 1, || None);
            }
            self.clients[fd] = Some(Client {
                stream,
                number: self.accepted,
                served: 0,
                head: Head::default(),
            });
            self.accepted += 1;
        }
    }

    fn read(&mut self, fd: usize) {
        let mut bytes = [0; 4096];
        let Some(client) = &mut self.clients[fd] else {
            return;
        };
        let n = match client.stream.read(&mut bytes) {
            Ok(n) if n > 0 => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(_) | Err(_) => {
                self.clients[fd] = None;
                return;
            }
        };
        for byte in &bytes[..n] {
            let Some(client) = &mut self.clients[fd] else {
                return;
            };
            let Some(hold) = client.head.push(*byte) else {
                continue;
            };
            client.served += 1;
            self.send(fd, true, !hold);
            if hold {
                self.held.push(fd);
            }
        }
    }

    /// Sends a part of a response. It always fits into an empty buffer; a connection where it does
    /// not is closed, and its client sees that.
    fn send(&mut self, fd: usize, head: bool, body: bool) {
        let Some(Some(client)) = self.clients.get_mut(fd) else {
            return;
        };
        let text = &mut self.text;
        text.clear();
        if head {
            text.push_str(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\n",
            );
        }
        if body {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{:>10} {:>4}", client.number, client.served);
        }
        let sent = client.stream.write(text.as_bytes());
        if !matches!(sent, Ok(n) if n == text.len()) {
            self.clients[fd] = None;
        }
    }
}

impl Head {
    /// One more byte; at the end of a head, whether its body is to be held.
    fn push(&mut self, byte: u8) -> Option<bool> {
        const END: &[u8] = b"\r\n\r\n";
        self.hold |= self.bytes == "GET /".len() && byte == b'h';
        self.bytes += 1;
        self.end = if byte == END[self.end] {
            self.end + 1
        } else {
            usize::from(byte == END[0])
        };
        if self.end < END.len() {
            return None;
        }
        Some(std::mem::take(self).hold)
    }
}

fn listener(address: Ipv4Addr, port: u16) -> io::Result<TcpListener> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    bind(&fd, &SocketAddr::from(SocketAddrV4::new(address, port)))?;
    listen(&fd, BACKLOG)?;
    Ok(TcpListener::from(fd))
}

fn watch(epoll: &OwnedFd, source: &(impl AsFd + AsRawFd)) -> io::Result<()> {
    let data = EventData::new_u64(index(source) as u64);
    Ok(epoll::add(epoll, source, data, EventFlags::IN)?)
}

fn index(source: &impl AsRawFd) -> usize {
    usize::try_from(source.as_raw_fd()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_told_apart_wherever_they_are_cut() {
        let text = b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /now HTTP/1.1\r\n\r\r\n\r\n";
        let mut head = Head::default();
        let heads: Vec<bool> = text.iter().filter_map(|byte| head.push(*byte)).collect();
        assert_eq!(heads, [true, false]);
    }
}
