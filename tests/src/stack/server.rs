//! A scripted HTTP server and a DNS server on an interface of their own.

use std::net::Ipv4Addr;
use std::time::Duration;

use muxfer_core::time::Instant;
use muxfer_embedded::smoltcp::to_smoltcp;
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, State};
use smoltcp::socket::udp;

use super::host::{self, interface};
use super::wire::End;

/// Where it is.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const PORT: u16 = 80;
const DNS_PORT: u16 = 53;
/// Ends the names that nobody has.
pub const NOWHERE: &str = "nowhere";

/// What is answered to a request. The path names it: `/KIND/NUMBER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    /// `body`: so many bytes, with their length.
    Body(usize),
    /// `chunked`: so many bytes, in chunks.
    Chunked(usize),
    /// `close`: so many bytes, ended by the close.
    Close(usize),
    /// `head`: a body of 100 bytes behind a field with a value of so many bytes.
    Head(usize),
    /// `reset`: 5,000 bytes are promised, so many come, then a reset.
    Reset(usize),
    /// `truncate`: the same, but then a proper end.
    Truncate(usize),
    /// `stall`: the same, but then nothing.
    Stall(usize),
    /// `echo`: the request body comes back. The server is slow to read: so many bytes at a time.
    Echo(usize),
    /// `early`: an error before the request body is read, and then a close.
    Early,
}

/// The bytes that a body of this length has: no two lengths have the same.
#[must_use]
pub fn body(length: usize) -> Vec<u8> {
    let byte = |at: usize| u8::try_from((at * 7 + at / 251 + length) % 256).unwrap_or(0);
    (0..length).map(byte).collect()
}

/// The server.
pub struct Server {
    iface: Interface,
    device: End,
    set: SocketSet<'static>,
    /// In the order of the set. Those that listen are last: smoltcp gives a frame to the first socket
    /// that takes it, and a SYN that comes twice must not go to a second one.
    conns: Vec<Conn>,
    listeners: usize,
    ring: usize,
    dns: SocketHandle,
    /// It keeps its side of a connection open, whatever the peer does.
    pub never_closes: bool,
    resets: usize,
    names: usize,
}

struct Conn {
    handle: SocketHandle,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    then: Then,
    /// When it reads again.
    rests_until: Instant,
    /// After the last turn.
    before: State,
}

/// What comes behind the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Next,
    Close,
    Reset,
    Nothing,
}

impl Server {
    /// With so many sockets that listen at any time, and rings of so many bytes.
    #[must_use]
    pub fn new(mut device: End, sockets: usize, ring: usize) -> Self {
        let iface = interface(&mut device, ADDRESS, 7);
        let mut set = SocketSet::new(Vec::new());
        let packets = || {
            let metadata = vec![udp::PacketMetadata::EMPTY; 4];
            udp::PacketBuffer::new(metadata, vec![0; 1024])
        };
        let mut dns = udp::Socket::new(packets(), packets());
        dns.bind(DNS_PORT).expect("a port");
        Self {
            dns: set.add(dns),
            iface,
            device,
            set,
            conns: Vec::new(),
            listeners: sockets,
            ring,
            never_closes: false,
            resets: 0,
            names: 0,
        }
    }

    /// One turn.
    pub fn turn(&mut self, now: Instant) {
        let time = to_smoltcp(now);
        self.listen();
        self.iface.poll(time, &mut self.device, &mut self.set);
        for index in 0..self.conns.len() {
            self.serve(index, now);
        }
        self.serve_names();
        self.iface.poll(time, &mut self.device, &mut self.set);
    }

    /// Its interface.
    pub const fn iface(&mut self) -> &mut Interface {
        &mut self.iface
    }

    /// Closes all connections from its side.
    pub fn close_all(&mut self) {
        for conn in &self.conns {
            let socket = self.set.get_mut::<Socket<'_>>(conn.handle);
            if socket.state() == State::Established {
                socket.close();
            }
        }
    }

    /// How many connections have not ended on its side.
    #[must_use]
    pub fn connections(&self) -> usize {
        let sockets = self.conns.iter().map(|conn| self.set.get(conn.handle));
        let is_active = |socket: &&Socket<'_>| socket.is_active();
        sockets.filter(is_active).count()
    }

    /// How many connections its peer has reset.
    #[must_use]
    pub const fn resets(&self) -> usize {
        self.resets
    }

    /// How many names it was asked for.
    #[must_use]
    pub const fn names(&self) -> usize {
        self.names
    }

    /// When the next turn must come.
    pub fn wake_at(&mut self, now: Instant) -> Option<Instant> {
        let polled = self.iface.poll_at(to_smoltcp(now), &self.set);
        let polled = polled.map(|at| {
            let micros = u64::try_from(at.total_micros()).unwrap_or(0);
            Instant::from_micros(micros)
        });
        let resting = self.conns.iter().map(|conn| conn.rests_until);
        resting.filter(|at| *at > now).chain(polled).min()
    }

    /// Adds sockets until enough listen.
    fn listen(&mut self) {
        let sockets = self.conns.iter().map(|conn| self.set.get(conn.handle));
        let listening = sockets.filter(|socket: &&Socket<'_>| socket.is_listening());
        for _ in listening.count()..self.listeners {
            let mut socket = host::socket(self.ring);
            socket.set_nagle_enabled(false);
            // As `PROBE` of the platform.
            socket.set_keep_alive(Some(smoltcp::time::Duration::from_secs(5)));
            socket.listen(PORT).expect("a port");
            self.conns.push(Conn {
                handle: self.set.add(socket),
                inbox: Vec::new(),
                outbox: Vec::new(),
                then: Then::Next,
                rests_until: Instant::ZERO,
                before: State::Closed,
            });
        }
    }

    fn serve(&mut self, index: usize, now: Instant) {
        let conn = &mut self.conns[index];
        let socket = self.set.get_mut::<Socket<'_>>(conn.handle);
        // It ends otherwise if the server has closed it, too.
        let open = matches!(conn.before, State::Established | State::CloseWait);
        let closed = socket.state() == State::Closed;
        self.resets += usize::from(open && closed && conn.then != Then::Reset);
        conn.read(socket, now);
        conn.write(socket);
        let peer_ended = socket.state() == State::CloseWait;
        if peer_ended && conn.outbox.is_empty() && !self.never_closes {
            socket.close();
        }
        conn.before = socket.state();
    }

    fn serve_names(&mut self) {
        let socket = self.set.get_mut::<udp::Socket<'_>>(self.dns);
        while let Ok((query, peer)) = socket.recv() {
            let reply = name_reply(query);
            self.names += 1;
            // A reply without room is lost, as others are.
            let _ = socket.send_slice(&reply, peer.endpoint);
        }
    }
}

impl Conn {
    /// Takes what came, and answers it.
    fn read(&mut self, socket: &mut Socket<'_>, now: Instant) {
        let slow = matches!(self.script(), Some((Script::Echo(_), _)));
        if slow && self.rests_until > now {
            return;
        }
        let most = match self.script() {
            Some((Script::Echo(step), _)) => step,
            Some((Script::Early, _)) => 0,
            Some(_) | None => usize::MAX,
        };
        if most > 0 && socket.can_recv() {
            let taken = socket.recv(|bytes| {
                let n = bytes.len().min(most);
                (n, bytes[..n].to_vec())
            });
            self.inbox.extend(taken.expect("bytes"));
            if slow {
                self.rests_until = now + Duration::from_millis(2);
            }
        }
        while self.then == Then::Next && self.answer() {}
    }

    /// What the head in the inbox asks for, and how long the head is.
    fn script(&self) -> Option<(Script, usize)> {
        let end = self.inbox.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&self.inbox[..end]).expect("a head in ASCII");
        let path = head.split(' ').nth(1).expect("a path");
        let (kind, number) = path[1..].split_once('/').expect("a kind and a number");
        let number = number.parse().expect("a number");
        let script = match kind {
            "body" => Script::Body(number),
            "chunked" => Script::Chunked(number),
            "close" => Script::Close(number),
            "head" => Script::Head(number),
            "reset" => Script::Reset(number),
            "truncate" => Script::Truncate(number),
            "stall" => Script::Stall(number),
            "echo" => Script::Echo(number),
            "early" => Script::Early,
            _ => panic!("no script {path}"),
        };
        Some((script, end))
    }

    /// Answers one request, if it is there as far as its script reads it.
    fn answer(&mut self) -> bool {
        let Some((script, end)) = self.script() else {
            return false;
        };
        let mut used = end;
        let (answer, then) = match script {
            Script::Body(length) => (whole(length), Then::Next),
            Script::Chunked(length) => (chunked(length), Then::Next),
            Script::Close(length) => {
                let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
                ([head, &*body(length)].concat(), Then::Close)
            }
            Script::Head(length) => {
                let line = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n", "v".repeat(length));
                let rest = whole(100).split_off("HTTP/1.1 200 OK\r\n".len());
                ([line.into_bytes(), rest].concat(), Then::Next)
            }
            Script::Reset(length) => (part(length), Then::Reset),
            Script::Truncate(length) => (part(length), Then::Close),
            Script::Stall(length) => (part(length), Then::Nothing),
            Script::Early => {
                let head =
                    b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                (head.to_vec(), Then::Close)
            }
            Script::Echo(_) => {
                let Some(length) = echoed(&self.inbox[..end], &self.inbox[end..]) else {
                    return false;
                };
                used += length;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                (
                    [head.as_bytes(), &self.inbox[end..used]].concat(),
                    Then::Next,
                )
            }
        };
        self.inbox.drain(..used);
        self.outbox.extend(answer);
        self.then = then;
        true
    }

    fn write(&mut self, socket: &mut Socket<'_>) {
        if !self.outbox.is_empty() && socket.can_send() {
            let sent = socket.send_slice(&self.outbox).expect("an open socket");
            self.outbox.drain(..sent);
        }
        if !self.outbox.is_empty() {
            return;
        }
        match self.then {
            Then::Close => socket.close(),
            // What was sent comes before the reset: the peer has it.
            Then::Reset if socket.send_queue() == 0 => socket.abort(),
            Then::Reset | Then::Next | Then::Nothing => {}
        }
    }
}

fn whole(length: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), &body(length)].concat()
}

fn chunked(length: usize) -> Vec<u8> {
    let mut all = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body(length).chunks(97) {
        all.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        all.extend(chunk);
        all.extend(b"\r\n");
    }
    all.extend(b"0\r\n\r\n");
    all
}

/// 5,000 bytes are promised, so many come.
fn part(length: usize) -> Vec<u8> {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
    [head, &body(5000)[..length]].concat()
}

/// The length of the request body, if it is there whole.
fn echoed(head: &[u8], rest: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).expect("a head in ASCII");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |length| length.parse().expect("a length"));
    (rest.len() >= length).then_some(length)
}

/// Every name is at this server's address, but for those of [`NOWHERE`].
fn name_reply(query: &[u8]) -> Vec<u8> {
    let mut reply = query.to_vec();
    let nowhere = query
        .windows(NOWHERE.len())
        .any(|w| w == NOWHERE.as_bytes());
    // QR, RD and RA; the code of an error is NXDomain.
    (reply[2], reply[3]) = (0x81, if nowhere { 0x83 } else { 0x80 });
    let is_ipv4 = query.ends_with(&[0, 1, 0, 1]);
    if is_ipv4 && !nowhere {
        reply[7] = 1;
        // The name of the question, A, IN, 60 s, 4 bytes.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(ADDRESS.octets());
    }
    reply
}
