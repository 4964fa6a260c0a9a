//! A peer that answers each request with half a body, and then with nothing.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

/// How many bytes of the body come: half of them.
pub(crate) const PART: u64 = 512;

/// The address of a thread that runs as long as the program does.
pub(crate) struct Stall {
    address: SocketAddr,
}

impl Stall {
    /// Starts the thread, on the core of this one.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // Thousands of clients come at once.
        rustix::net::listen(&listener, 4096)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut peer = Peer {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            listener,
            streams: HashMap::new(),
            answer: answer(),
        };
        peer.watch_listener()?;
        thread::spawn(move || {
            if let Err(error) = peer.run() {
                // The clients that wait for it would wait for ever.
                eprintln!("the peer that stalls has failed: {error}");
                std::process::exit(1);
            }
        });
        Ok(Self { address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn answer() -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 2 * PART);
    let body = std::iter::repeat_n(b'x', usize::try_from(PART).unwrap_or(0));
    head.into_bytes().into_iter().chain(body).collect()
}

struct Peer {
    epoll: OwnedFd,
    listener: TcpListener,
    /// By their descriptors.
    streams: HashMap<u64, TcpStream>,
    answer: Vec<u8>,
}

/// The mark of a descriptor's events.
fn mark(fd: &impl AsRawFd) -> u64 {
    u64::try_from(fd.as_raw_fd()).unwrap_or(u64::MAX)
}

impl Peer {
    fn watch_listener(&self) -> io::Result<()> {
        let data = EventData::new_u64(mark(&self.listener));
        Ok(epoll::add(
            &self.epoll,
            &self.listener,
            data,
            EventFlags::IN,
        )?)
    }

    fn run(&mut self) -> io::Result<()> {
        let none = epoll::Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        let mut events = vec![none; 1024];
        loop {
            let count = match epoll::wait(&self.epoll, &mut *events, None) {
                // A program that was stopped for a while goes on.
                Err(Errno::INTR) => continue,
                waited => waited?,
            };
            for event in &events[..count] {
                let whose = event.data.u64();
                if whose == mark(&self.listener) {
                    self.accept()?;
                } else {
                    self.serve(whose);
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            let whose = mark(&stream);
            epoll::add(
                &self.epoll,
                &stream,
                EventData::new_u64(whose),
                EventFlags::IN,
            )?;
            self.streams.insert(whose, stream);
        }
    }

    /// A request is small, and comes in one piece; a client that has ended is forgotten.
    fn serve(&mut self, whose: u64) {
        let Some(stream) = self.streams.get_mut(&whose) else {
            return;
        };
        let mut request = [0; 4096];
        let goes_on = match stream.read(&mut request) {
            Ok(0) => false,
            Ok(_) => stream.write_all(&self.answer).is_ok(),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        if !goes_on {
            self.streams.remove(&whose);
        }
    }
}
