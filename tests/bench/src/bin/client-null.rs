//! The floor: a client that makes the system calls of a transfer and nothing else.
//!
//! Edge-triggered epoll, a request that never changes, and of the response only `Content-Length` is
//! looked at. It knows no time, no redirect, no chunk and no error that it could go on after.

use std::error::Error;
use std::os::fd::OwnedFd;

use clap::Parser;
use muxfer_bench::job::{Job, Only};
use muxfer_bench::report::{Meter, resident_kib};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How many events one wait takes at most.
const EVENTS: usize = 1024;

fn main() -> Outcome<()> {
    let job = Only::parse().job;
    let mut client = Client::new(&job)?;
    client.stall()?;
    let stalled_kib = resident_kib()?;
    let request = request(&job.warm_path);
    for requests in job.warm_ups() {
        client.fetch(&request, job.warm_length, requests)?;
    }
    let request = self::request(&job.path);
    let meter = Meter::start(stalled_kib);
    // The queue of a client that does nothing: what each request is to be compared with.
    let queue = if job.queued {
        vec![job.length; usize::try_from(job.requests)?]
    } else {
        Vec::new()
    };
    client.fetch(&request, job.length, job.requests)?;
    if queue.iter().any(|&length| length != job.length) {
        return Err("the queue has changed".into());
    }
    println!("{}", meter.stop(job.requests)?);
    Ok(())
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

struct Client<'j> {
    job: &'j Job,
    epoll: OwnedFd,
    slots: Vec<Slot>,
    buffer: Vec<u8>,
    events: Vec<epoll::Event>,
}

#[derive(Default)]
struct Slot {
    fd: Option<OwnedFd>,
    /// The request has been sent.
    sent: bool,
    /// The length of the body once the head has come.
    length: Option<u64>,
    received: u64,
}

impl<'j> Client<'j> {
    fn new(job: &'j Job) -> Outcome<Self> {
        let none = epoll::Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        let slots = job.stalled + job.connections;
        Ok(Self {
            job,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            slots: std::iter::repeat_with(Slot::default).take(slots).collect(),
            buffer: vec![0; job.read],
            events: vec![none; EVENTS],
        })
    }

    /// The first slots are those of the stalled transfers.
    fn stall(&mut self) -> Outcome<()> {
        let request = request("/");
        for slot in 0..self.job.stalled {
            self.connect(slot, self.job.stall_address)?;
        }
        let mut left = self.job.stalled_bytes();
        while left > 0 {
            for at in 0..self.wait()? {
                let before = self.slots[self.slot(at)].received;
                if self.step(at, &request)? {
                    return Err("a stalled transfer ended".into());
                }
                left -= self.slots[self.slot(at)].received - before;
            }
        }
        Ok(())
    }

    /// So many requests, one at a time on each connection.
    fn fetch(&mut self, request: &[u8], length: u64, requests: u64) -> Outcome<()> {
        let (mut started, mut ended) = (0, 0);
        for slot in self.job.stalled..self.slots.len() {
            if started < requests {
                self.start(slot, request)?;
                started += 1;
            }
        }
        while ended < requests {
            for at in 0..self.wait()? {
                if !self.step(at, request)? {
                    continue;
                }
                let slot = self.slot(at);
                let received = self.slots[slot].received;
                if received != length {
                    return Err(format!("{received} bytes instead of {length}").into());
                }
                ended += 1;
                if self.job.fresh {
                    self.slots[slot].fd = None;
                }
                if started < requests {
                    self.start(slot, request)?;
                    started += 1;
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self) -> Outcome<usize> {
        Ok(epoll::wait(&self.epoll, &mut *self.events, None)?)
    }

    /// Whose the event is.
    fn slot(&self, at: usize) -> usize {
        usize::try_from(self.events[at].data.u64()).unwrap_or(usize::MAX)
    }

    fn start(&mut self, slot: usize, request: &[u8]) -> Outcome<()> {
        if self.slots[slot].fd.is_some() {
            self.slots[slot].send(request)
        } else {
            self.connect(slot, self.job.address)
        }
    }

    fn connect(&mut self, slot: usize, address: std::net::SocketAddr) -> Outcome<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        match connect(&fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(errno) => return Err(errno.into()),
        }
        let edges = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
        epoll::add(&self.epoll, &fd, EventData::new_u64(slot as u64), edges)?;
        self.slots[slot] = Slot {
            fd: Some(fd),
            ..Slot::default()
        };
        Ok(())
    }

    /// Does what the event allows; is the response complete?
    fn step(&mut self, at: usize, request: &[u8]) -> Outcome<bool> {
        let (index, flags) = (self.slot(at), self.events[at].flags);
        let slot = &mut self.slots[index];
        if slot.fd.is_none() {
            return Ok(false);
        }
        if !slot.sent && flags.contains(EventFlags::OUT) {
            slot.send(request)?;
        }
        if flags.contains(EventFlags::IN) {
            return slot.receive(&mut self.buffer);
        }
        Ok(false)
    }
}

impl Slot {
    fn send(&mut self, request: &[u8]) -> Outcome<()> {
        let fd = self.fd.as_ref().ok_or("not connected")?;
        if send(fd, request, SendFlags::NOSIGNAL)? != request.len() {
            return Err("a request was not taken whole".into());
        }
        (self.sent, self.length, self.received) = (true, None, 0);
        Ok(())
    }

    /// Reads until the response is complete or a read was short.
    fn receive(&mut self, buffer: &mut [u8]) -> Outcome<bool> {
        let fd = self.fd.as_ref().ok_or("not connected")?;
        loop {
            let count = match recv(fd, &mut *buffer, RecvFlags::empty()) {
                Ok((0, _)) if self.is_complete() => return Ok(false),
                Ok((0, _)) => return Err("the response was cut".into()),
                Ok((count, _)) => count,
                Err(Errno::AGAIN) => return Ok(false),
                Err(errno) => return Err(errno.into()),
            };
            let mut body = count;
            let length = if let Some(length) = self.length {
                length
            } else {
                let (head, length) = head(&buffer[..count]).ok_or("no head")?;
                self.length = Some(length);
                body -= head;
                length
            };
            self.received += body as u64;
            if self.received >= length {
                return Ok(true);
            }
            if count < buffer.len() {
                return Ok(false);
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.length == Some(self.received)
    }
}

/// Where the head ends, and the length of the body.
fn head(bytes: &[u8]) -> Option<(usize, u64)> {
    const NAME: &[u8] = b"\r\nContent-Length: ";
    let end = find(bytes, b"\r\n\r\n")?;
    let value = &bytes[find(&bytes[..end], NAME)? + NAME.len()..];
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |length, byte| length * 10 + u64::from(byte - b'0'));
    Some((end + 4, length))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
