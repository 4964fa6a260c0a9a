//! The contract suite of platforms: the laws of `core/src/platform.rs`, as functions over any
//! platform that can be put on a bench.
//!
//! Each function wants a fresh [`Lab`] and panics where the platform breaks the law.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use muxfer_core::net::{Interest, IoError, Nb, Ready, Scheme, Stall};
use muxfer_core::platform::{Target, Transport, Watch};
use muxfer_core::{ConnId, Event};

/// How often the platform is given time for one thing before it counts as broken.
const PATIENCE: usize = 200;
/// More than any system takes before its peer reads.
const LARGE: usize = 24 * 1024 * 1024;
/// More than a platform should hold for one connection.
const BURST: usize = 2_000_000;

/// A platform, and the far ends of its connections.
pub trait Lab {
    /// What is tested.
    type Platform: Transport + Watch;
    /// What its peers speak.
    const SCHEME: Scheme = Scheme::Http;

    /// The platform.
    fn platform(&mut self) -> &mut Self::Platform;

    /// Where a peer listens.
    fn address(&self) -> SocketAddr;

    /// Makes sure that the far end of the connection that was opened last exists. The other
    /// `remote` methods are about this one; the far ends before it stay as they are.
    fn accept(&mut self);

    /// The far end sends, without waiting until anybody reads.
    fn remote_send(&mut self, bytes: &[u8]);

    /// What has come to the far end since the last call.
    fn remote_read(&mut self) -> Vec<u8>;

    /// The far end says that nothing more comes, after all that it has sent.
    fn remote_close(&mut self);

    /// The far end resets the connection.
    fn remote_reset(&mut self);

    /// Lets things happen until there is an event, for a bounded time, and returns the events.
    fn settle(&mut self) -> Vec<Event>;
}

/// A lab, and what its platform was told.
struct Bench<'a, L> {
    lab: &'a mut L,
    told: HashMap<ConnId, Interest>,
}

impl<'a, L: Lab> Bench<'a, L> {
    fn new(lab: &'a mut L) -> Self {
        let told = HashMap::new();
        Self { lab, told }
    }

    fn platform(&mut self) -> &mut L::Platform {
        self.lab.platform()
    }

    fn try_open(&mut self, conn: ConnId) -> Result<(), IoError> {
        let target = Target {
            scheme: L::SCHEME,
            host: "lab.example",
            settings: 0,
            address: self.lab.address(),
        };
        self.platform().open(conn, &target)
    }

    /// Opens a connection and waits until it stands (law 3 for `opened`). It is not watched then.
    fn open(&mut self, index: u32, generation: u32) -> ConnId {
        let conn = id(index, generation);
        self.try_open(conn).expect("a connect that starts");
        self.watch(conn, Interest::WRITE);
        self.lab.accept();
        for _ in 0..PATIENCE {
            match self.platform().opened(conn) {
                Ok(()) => {
                    self.watch(conn, Interest::NONE);
                    return conn;
                }
                Err(Stall::WouldBlock) => self.wait_for(conn, Ready::WRITE),
                Err(Stall::Failed(error)) => panic!("{conn} did not open: {error}"),
            }
        }
        panic!("{conn} was writable again and again, but never open")
    }

    /// Tells the watch, if it is a change (CONTRACT R21).
    fn watch(&mut self, conn: ConnId, want: Interest) {
        if self.told.insert(conn, want).unwrap_or_default() != want {
            self.platform().socket(conn, want);
        }
    }

    fn close(&mut self, conn: ConnId) {
        self.watch(conn, Interest::NONE);
        self.platform().close(conn);
    }

    /// What is ready of one connection after a while.
    fn ready(&mut self, conn: ConnId) -> Ready {
        let mut all = Ready::NONE;
        for event in self.lab.settle() {
            if let Event::Socket(of, ready) = event
                && of == conn
            {
                all |= ready;
            }
        }
        all
    }

    /// Waits for one of these bits of a connection that is watched, or for a failure of it.
    fn wait_for(&mut self, conn: ConnId, what: Ready) {
        let enough = what | Ready::ERROR;
        let came = (0..PATIENCE).any(|_| self.ready(conn).intersects(enough));
        assert!(came, "law 3: no event of {conn} followed");
    }

    /// Asserts that nothing at all is reported.
    fn assert_quiet(&mut self, why: &str) {
        let events = self.lab.settle();
        assert!(events.is_empty(), "{why}: {events:?}");
    }

    /// Asks once for bytes; a copy of what was lent, with nothing consumed.
    fn look(&mut self, conn: ConnId, at_most: usize) -> Nb<Vec<u8>> {
        let lent = self.platform().fill(conn, at_most)?;
        assert!(lent.bytes.len() <= at_most, "more than {at_most} were lent");
        Ok(lent.bytes.to_vec())
    }

    /// What is lent as soon as something is, with nothing consumed. Watches for reading where it
    /// must wait.
    fn wait_and_look(&mut self, conn: ConnId, at_most: usize) -> Result<Vec<u8>, IoError> {
        for _ in 0..PATIENCE {
            match self.look(conn, at_most) {
                Ok(bytes) => return Ok(bytes),
                Err(Stall::Failed(error)) => return Err(error),
                Err(Stall::WouldBlock) => {}
            }
            self.watch(conn, Interest::READ);
            self.wait_for(conn, Ready::READ);
        }
        panic!("{conn} was readable again and again, but there was nothing to read")
    }

    /// Waits until at least `n` bytes have come in one piece, with nothing consumed.
    fn wait_for_bytes(&mut self, conn: ConnId, n: usize) -> Vec<u8> {
        let bytes = self.wait_and_look(conn, n).expect("a sound stream");
        assert_eq!(bytes.len(), n, "a small message came in pieces");
        bytes
    }

    /// Reads until `n` bytes have come or the stream ends, whichever is first.
    fn receive(&mut self, conn: ConnId, n: usize, at_most: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < n {
            let bytes = self.wait_and_look(conn, at_most).expect("a sound stream");
            if bytes.is_empty() {
                break;
            }
            self.platform().consume(conn, bytes.len());
            all.extend(bytes);
        }
        all
    }

    /// Sends the start of `bytes` in one commit; how much of it.
    fn try_send(&mut self, conn: ConnId, bytes: &[u8]) -> Nb<usize> {
        let room = self.platform().reserve(conn)?;
        assert!(!room.is_empty(), "reserve lent no room");
        let n = room.len().min(bytes.len());
        room[..n].copy_from_slice(&bytes[..n]);
        self.platform().commit(conn, n)?;
        Ok(n)
    }

    /// Sends until the platform takes no more; how much it took.
    fn stuff(&mut self, conn: ConnId, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.try_send(conn, &bytes[sent..]) {
                Ok(n) => sent += n,
                Err(Stall::WouldBlock) => break,
                Err(Stall::Failed(error)) => panic!("{conn} failed: {error}"),
            }
        }
        sent
    }

    /// The far end reads until it has `n` bytes.
    fn remote_receive(&mut self, n: usize) -> Vec<u8> {
        let mut got = self.lab.remote_read();
        for _ in 0..PATIENCE {
            if got.len() >= n {
                break;
            }
            self.lab.settle();
            got.extend(self.lab.remote_read());
        }
        got
    }

    /// Bytes go both ways.
    fn assert_alive(&mut self, conn: ConnId) {
        assert_eq!(self.try_send(conn, b"ping"), Ok(4));
        assert_eq!(self.remote_receive(4), b"ping");
        self.lab.remote_send(b"pong");
        assert_eq!(self.receive(conn, 4, 100), b"pong");
    }
}

/// Law 1: what was lent and not consumed is lent again, first and unchanged, whatever happens to
/// other connections in between.
pub fn law_1_unconsumed_bytes_are_lent_again(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let first = bench.open(0, 1);
    bench.lab.remote_send(b"abcdef");
    assert_eq!(bench.wait_for_bytes(first, 6), b"abcdef");
    bench.platform().consume(first, 0);
    assert_eq!(bench.look(first, 6), Ok(b"abcdef".to_vec()));
    bench.platform().consume(first, 2);

    let second = bench.open(1, 1);
    bench.lab.remote_send(b"123456");
    assert_eq!(bench.receive(second, 6, 4), b"123456");
    assert_eq!(bench.look(first, 100), Ok(b"cdef".to_vec()));
    bench.platform().consume(first, 1);
    bench.close(second);
    assert_eq!(bench.look(first, 100), Ok(b"def".to_vec()));
    bench.platform().consume(first, 3);
    assert_eq!(bench.look(first, 100), Err(Stall::WouldBlock));
    bench.close(first);
}

/// Law 2 is the engine's to keep. The platform's half: calls that name other connections between
/// `reserve` and `commit` change nothing, and room that is never committed costs nothing.
pub fn law_2_other_connections_leave_the_room_alone(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let other = bench.open(0, 1);
    bench.lab.remote_send(b"123456");
    assert_eq!(bench.wait_for_bytes(other, 6), b"123456");
    let conn = bench.open(1, 1);
    for _ in 0..3 {
        let room = bench.platform().reserve(conn).expect("room");
        room[0] = b'x';
    }
    let room = bench.platform().reserve(conn).expect("room");
    room[..3].copy_from_slice(b"abc");
    assert_eq!(bench.look(other, 2), Ok(b"12".to_vec()));
    bench.platform().consume(other, 2);
    assert_eq!(bench.platform().opened(other), Ok(()));
    assert_eq!(bench.platform().flush(other), Ok(()));
    assert_eq!(bench.platform().commit(conn, 3), Ok(()));
    assert_eq!(bench.try_send(conn, b"def"), Ok(3));
    assert_eq!(bench.remote_receive(6), b"abcdef");
    assert_eq!(bench.look(other, 4), Ok(b"3456".to_vec()));
    bench.close(other);
    bench.close(conn);
}

/// Law 3: after `WouldBlock` an event follows once the call can go on, in each direction.
pub fn law_3_an_event_follows_would_block(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    bench.watch(conn, Interest::READ);
    for round in 0..3 {
        assert_eq!(bench.look(conn, 100), Err(Stall::WouldBlock));
        bench.assert_quiet("there is nothing to read");
        bench.lab.remote_send(b"news");
        bench.wait_for(conn, Ready::READ);
        assert_eq!(bench.receive(conn, 4, 100), b"news", "round {round}");
    }

    let bytes = pattern(LARGE);
    let sent = bench.stuff(conn, &bytes);
    assert!(sent < LARGE, "the lab's platform never says WouldBlock");
    bench.watch(conn, Interest::WRITE);
    let mut got = Vec::new();
    let writable = (0..PATIENCE).any(|_| {
        got.extend(bench.lab.remote_read());
        bench.ready(conn).contains(Ready::WRITE)
    });
    assert!(writable, "law 3: room came, but no event");
    flush_while_the_peer_reads(bench, conn, &mut got);
    got.extend(bench.remote_receive(sent - got.len()));
    assert_eq!(got.len(), sent);
    bench.assert_alive(conn);
    bench.close(conn);
}

/// Law 4: `close` is final. Nothing is reported of the id afterwards, though there was something
/// to report and the next connection has the same place and may have the same descriptor.
pub fn law_4_close_is_final(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let mut gone = Vec::new();
    for generation in 1..=4 {
        let conn = bench.open(0, generation);
        bench.watch(conn, Interest::BOTH);
        bench.lab.remote_send(b"something to report");
        let events = bench.lab.settle();
        for event in events {
            let Event::Socket(of, _) = event else {
                panic!("{event:?} from a socket")
            };
            assert!(!gone.contains(&of), "law 4: {of} is closed");
        }
        bench.wait_for(conn, Ready::READ);
        bench.close(conn);
        gone.push(conn);
    }
    bench.assert_quiet("law 4: all are closed");
}

/// Law 5: slices may be short, but their bytes are the stream's, in order.
pub fn law_5_short_slices_add_up(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    let bytes = pattern(300_000);
    bench.lab.remote_send(&bytes);
    let mut got = Vec::new();
    for at_most in [1, 2, 3, 7, 1000, 4096, 65_537].into_iter().cycle() {
        let rest = bytes.len() - got.len();
        if rest == 0 {
            break;
        }
        got.extend(bench.receive(conn, at_most.min(rest), at_most));
    }
    assert!(got == bytes, "the bytes were changed");
    bench.close(conn);
}

/// Law 6: what was committed is sent in order and not lost, and `reserve` lends nothing until the
/// system has taken all of it.
pub fn law_6_committed_bytes_are_not_lost(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    let bytes = pattern(LARGE);
    let (mut sent, mut got) = (0, Vec::new());
    for _ in 0..3 {
        sent += bench.stuff(conn, &bytes[sent..]);
        assert!(sent < LARGE, "the lab's platform never says WouldBlock");
        got.extend(bench.lab.remote_read());
        // The room is not used: `flush` names the connection before a commit could.
        if bench.platform().reserve(conn).is_ok() {
            let flushed = bench.platform().flush(conn);
            assert_eq!(flushed, Ok(()), "law 6: room while bytes wait");
        }
    }
    flush_while_the_peer_reads(bench, conn, &mut got);
    got.extend(bench.remote_receive(sent - got.len()));
    assert!(got == bytes[..sent], "law 6: the bytes were changed");
    bench.close(conn);
}

/// Law 7: calls that name an id that is not open answer `Closed` or do nothing, and an id is
/// opened once. Not for platforms that panic at such calls.
pub fn law_7_unknown_ids_are_closed(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let before = bench.open(0, 1);
    bench.close(before);
    let conn = bench.open(0, 2);
    bench.lab.remote_send(b"kept");
    assert_eq!(bench.wait_for_bytes(conn, 4), b"kept");
    let closed = Stall::Failed(IoError::Closed);
    for unknown in [before, id(0, 3), id(7, 1), id(u32::MAX, 1)] {
        let platform = bench.platform();
        assert_eq!(platform.opened(unknown), Err(closed));
        assert_eq!(platform.fill(unknown, 10), Err(closed));
        assert_eq!(
            platform.reserve(unknown).map(|room| room.len()),
            Err(closed)
        );
        assert_eq!(platform.commit(unknown, 1), Err(IoError::Closed));
        assert_eq!(platform.flush(unknown), Err(closed));
        platform.consume(unknown, 4);
        platform.socket(unknown, Interest::BOTH);
        platform.socket(unknown, Interest::NONE);
        platform.close(unknown);
    }
    assert!(bench.try_open(conn).is_err(), "law 7: {conn} is open");
    assert_eq!(bench.receive(conn, 4, 100), b"kept");
    bench.assert_alive(conn);
    bench.close(conn);
}

/// The end of the stream is told as often as is asked, and sending still works after it.
pub fn the_end_of_the_stream_is_sticky(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    bench.lab.remote_close();
    assert_eq!(bench.wait_and_look(conn, 100), Ok(Vec::new()));
    for _ in 0..3 {
        bench.platform().consume(conn, 0);
        assert_eq!(bench.look(conn, 100), Ok(Vec::new()));
    }
    assert_eq!(bench.try_send(conn, b"still here"), Ok(10));
    assert_eq!(bench.remote_receive(10), b"still here");
    assert_eq!(bench.look(conn, 1), Ok(Vec::new()));
    bench.close(conn);
}

/// Who takes a bounded number of bytes in each turn, and then lets others have theirs, gets all:
/// what has come meanwhile, and what comes when all of that is taken.
pub fn a_reader_with_a_budget_gets_all(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    let bytes = pattern(BURST);
    bench.watch(conn, Interest::READ);
    for budget in [
        BURST / 30,
        BURST / 7,
        BURST / 4,
        BURST * 2 / 5,
        BURST * 3 / 4,
    ] {
        bench.lab.remote_send(&bytes);
        let mut got = Vec::new();
        while got.len() < BURST {
            let before = got.len();
            read_some(bench, conn, budget, &mut got);
            if got.len() - before == budget {
                bench.lab.settle();
            } else if got.len() < BURST {
                bench.wait_for(conn, Ready::READ);
            }
        }
        assert!(got == bytes, "{budget} in a turn: the bytes were changed");
    }
    bench.close(conn);
}

/// Takes what is there, at most so many bytes.
fn read_some<L: Lab>(bench: &mut Bench<'_, L>, conn: ConnId, budget: usize, got: &mut Vec<u8>) {
    let mut left = budget;
    while left > 0 {
        match bench.look(conn, left) {
            Ok(lent) => {
                bench.platform().consume(conn, lent.len());
                left -= lent.len();
                got.extend(lent);
            }
            Err(Stall::WouldBlock) => return,
            Err(Stall::Failed(error)) => panic!("{conn} failed: {error}"),
        }
    }
}

/// What was sent before the end comes before the end.
pub fn data_comes_before_the_end(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    let bytes = pattern(100_000);
    bench.lab.remote_send(&bytes);
    bench.lab.remote_close();
    assert!(bench.receive(conn, usize::MAX, 5000) == bytes, "lost bytes");
    assert_eq!(bench.look(conn, 100), Ok(Vec::new()));
    bench.close(conn);
}

/// A reset is an event and an error, and never looks like a clean end afterwards.
pub fn a_reset_is_reported(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    bench.watch(conn, Interest::READ);
    bench.lab.remote_reset();
    bench.wait_for(conn, Ready::READ);
    assert_eq!(bench.look(conn, 100), Err(Stall::Failed(IoError::Reset)));
    for _ in 0..3 {
        let again = bench.look(conn, 100);
        assert!(matches!(again, Err(Stall::Failed(_))), "{again:?}");
    }
    bench.close(conn);
    bench.assert_quiet("it is closed");
}

/// What was ready of a connection is never reported of the next one in its place.
pub fn a_stale_event_never_names_a_successor(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let first = bench.open(0, 1);
    bench.watch(first, Interest::READ);
    bench.lab.remote_send(b"for the first");
    bench.wait_for(first, Ready::READ);
    bench.close(first);

    let second = bench.open(0, 2);
    bench.watch(second, Interest::READ);
    bench.assert_quiet("nothing was sent to the second");
    assert_eq!(bench.look(second, 100), Err(Stall::WouldBlock));
    bench.lab.remote_send(b"for the second");
    assert_eq!(bench.receive(second, 14, 100), b"for the second");
    bench.close(second);
}

/// `Interest::NONE` means no events at all, not even of a hang-up, until it is watched again.
pub fn interest_none_silences(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    bench.lab.remote_send(b"one");
    bench.assert_quiet("it was not watched for reading");
    bench.watch(conn, Interest::READ);
    bench.wait_for(conn, Ready::READ);
    bench.watch(conn, Interest::NONE);
    bench.assert_quiet("it is no longer watched");
    bench.watch(conn, Interest::READ);
    bench.wait_for(conn, Ready::READ);
    assert_eq!(bench.receive(conn, 3, 100), b"one");
    bench.watch(conn, Interest::NONE);
    bench.lab.remote_reset();
    bench.assert_quiet("a hang-up is not watched either");
    bench.close(conn);
}

/// `fill` lends no more than was asked for, and `more` says truly that there is more.
pub fn fill_honours_at_most(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    let bytes = pattern(1000);
    bench.lab.remote_send(&bytes);
    // All of it is with the platform before less is asked for.
    assert_eq!(bench.wait_for_bytes(conn, 1000), bytes);
    for at_most in [1, 7, 3] {
        let lent = bench.platform().fill(conn, at_most).expect("bytes");
        assert!(!lent.bytes.is_empty() && lent.bytes.len() <= at_most);
        assert_eq!(lent.bytes, &bytes[..lent.bytes.len()]);
        assert!(
            lent.more,
            "the rest was sent before, and no event need follow"
        );
    }
    assert_eq!(bench.receive(conn, 1000, 13), bytes);
    bench.close(conn);
}

/// `commit` takes all of the room at once, though the peer does not read, and `flush` says when
/// the system has it.
pub fn a_large_write_is_taken_whole(lab: &mut impl Lab) {
    let bench = &mut Bench::new(lab);
    let conn = bench.open(0, 1);
    assert_eq!(bench.platform().flush(conn), Ok(()), "nothing waits");
    let bytes = pattern(LARGE);
    let (mut sent, mut got) = (0, Vec::new());
    // Whole rooms until there is none: the last one has not gone to the system whole.
    while let Ok(room) = bench.platform().reserve(conn) {
        let n = room.len();
        assert!(
            sent + n <= LARGE,
            "the lab's platform never says WouldBlock"
        );
        room.copy_from_slice(&bytes[sent..sent + n]);
        assert_eq!(bench.platform().commit(conn, n), Ok(()));
        sent += n;
    }
    flush_while_the_peer_reads(bench, conn, &mut got);
    got.extend(bench.remote_receive(sent - got.len()));
    assert!(got == bytes[..sent], "not all of it came");
    bench.close(conn);
}

/// Waits by write events until nothing that was committed waits.
fn flush_while_the_peer_reads<L: Lab>(bench: &mut Bench<'_, L>, conn: ConnId, got: &mut Vec<u8>) {
    bench.watch(conn, Interest::WRITE);
    for _ in 0..PATIENCE {
        match bench.platform().flush(conn) {
            Ok(()) => {
                bench.watch(conn, Interest::NONE);
                return;
            }
            Err(Stall::Failed(error)) => panic!("{conn} failed: {error}"),
            Err(Stall::WouldBlock) => {}
        }
        let writable = (0..PATIENCE).any(|_| {
            got.extend(bench.lab.remote_read());
            bench.ready(conn).contains(Ready::WRITE)
        });
        assert!(writable, "law 3: no write event of {conn}");
    }
    panic!("{conn} was never flushed")
}

fn id(index: u32, generation: u32) -> ConnId {
    ConnId::new(index, NonZeroU32::new(generation).expect("not zero"))
}

/// Bytes whose order shows: the period is no power of two.
fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}
