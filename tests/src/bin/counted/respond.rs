//! The server of the loopback work: one thread, epoll, the same answer to every request.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;

use muxfer_tests::descriptors;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::exchange::{BENCHMARK_PATH, BODY_BYTES, HEAD, PLAIN_HEAD};

const INPUT: u64 = u64::MAX;
const LISTENER: u64 = u64::MAX - 1;

/// Serves until its input ends, so that it never outlives who started it.
pub(crate) fn run() -> io::Result<()> {
    descriptors::allow_all()?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // The backlog of the standard library is short for thousands who come at once.
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?.port());
    let fd = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&fd, io::stdin(), EventData::new_u64(INPUT), EventFlags::IN)?;
    epoll::add(&fd, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let body = [b'x'; BODY_BYTES];
    let answers = [[HEAD, &body].concat(), [PLAIN_HEAD, &body].concat()];
    let none = epoll::Event {
        flags: EventFlags::empty(),
        data: EventData::new_u64(0),
    };
    let mut events = vec![none; 1024];
    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    loop {
        let count = epoll::wait(&fd, &mut *events, None)?;
        for event in &events[..count] {
            match event.data.u64() {
                INPUT => return Ok(()),
                LISTENER => accept(&fd, &listener, &mut streams)?,
                index => {
                    let place = usize::try_from(index).ok().and_then(|n| streams.get_mut(n));
                    if let Some(place) = place {
                        serve(place, &answers);
                    }
                }
            }
        }
    }
}

fn accept(
    fd: impl AsFd,
    listener: &TcpListener,
    streams: &mut Vec<Option<TcpStream>>,
) -> io::Result<()> {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let data = EventData::new_u64(streams.len() as u64);
        epoll::add(&fd, &stream, data, EventFlags::IN)?;
        streams.push(Some(stream));
    }
    Ok(())
}

/// A request is small and comes in one piece; whatever else comes ends the connection.
fn serve(place: &mut Option<TcpStream>, [answer, plain]: &[Vec<u8>; 2]) {
    let Some(stream) = place else { return };
    let mut buffer = [0; 4096];
    let request = match stream.read(&mut buffer) {
        Ok(n) => &buffer[..n],
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
        Err(_) => &[],
    };
    let lines = request.iter().filter(|byte| **byte == b'\n').count();
    let is_benchmark = request
        .strip_prefix(b"GET ")
        .is_some_and(|rest| rest.starts_with(BENCHMARK_PATH.as_bytes()));
    // A plain one: the request line, Host, and the empty one.
    let answer = if lines > 3 || is_benchmark {
        answer
    } else {
        plain
    };
    if !request.ends_with(b"\r\n\r\n") || stream.write_all(answer).is_err() {
        *place = None;
    }
}
