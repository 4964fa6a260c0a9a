//! The client of the device over a stream in memory, as an engine would drive it.

use std::num::NonZeroU32;

use muxfer_core::net::{Interest, IoError, Nb, Ready, Scheme, Stall, TlsError};
use muxfer_core::platform::{Target, Transport, Watch};
use muxfer_core::{ConnId, Event};
use muxfer_embedded::tls::{Context, Lines, MAX_RECORD, Secured, Settings};
use rand_core::{TryCryptoRng, TryRng};

use super::pki::NOW;
use super::wire::Wire;

/// Turns of a loop after which nothing more is expected.
const PATIENCE: usize = 20_000;

/// Numbers that anybody can guess, so that a test runs the same each time.
pub struct Guessable(pub u64);

impl TryRng for Guessable {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let number = self.try_next_u64()?;
        Ok(u32::try_from(number >> 32).expect("32 bits"))
    }

    /// SplitMix64.
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(z ^ (z >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Guessable {}

/// A client with room of `RX` and `TX` bytes, and its stream.
pub struct Client<'s, const RX: usize = MAX_RECORD, const TX: usize = 2048> {
    /// The room.
    pub lines: Box<Lines<1, RX, TX>>,
    /// The stream below.
    pub wire: Wire,
    /// Whom it trusts.
    pub settings: &'s [Settings<'s>],
    /// Its clock.
    pub unix_time: Option<u64>,
    /// Its source of secrets.
    pub rng: Guessable,
    conn: ConnId,
    told: Interest,
}

impl<'s, const RX: usize, const TX: usize> Client<'s, RX, TX> {
    /// A client that has begun to connect to `host`.
    #[must_use]
    pub fn new(settings: &'s [Settings<'s>], host: &str) -> Self {
        let mut client = Self {
            lines: Box::new(Lines::new()),
            wire: Wire::default(),
            settings,
            unix_time: Some(NOW),
            rng: Guessable(1),
            conn: ConnId::new(0, NonZeroU32::MIN),
            told: Interest::NONE,
        };
        client.open(host, 0).expect("room for one");
        client
    }

    /// Opens the connection.
    ///
    /// # Errors
    /// What the transport says.
    pub fn open(&mut self, host: &str, settings: u32) -> Result<(), IoError> {
        let target = Target {
            scheme: Scheme::Https,
            host,
            settings,
            address: ([127, 0, 0, 1], 443).into(),
        };
        let conn = self.conn;
        self.platform().open(conn, &target)
    }

    /// What an engine would be given.
    pub fn platform(&mut self) -> Secured<'_, Wire, 1, RX, TX> {
        let context = Context {
            settings: self.settings,
            unix_time: self.unix_time,
            rng: &mut self.rng,
        };
        self.lines.over(&mut self.wire, context)
    }

    /// Watches, as an engine does: told only when it changes.
    pub fn watch(&mut self, want: Interest) {
        if want != self.told {
            self.told = want;
            let conn = self.conn;
            self.platform().socket(conn, want);
        }
    }

    /// Would an event wake the engine now? This is law 3: whoever stalls must be woken.
    #[must_use]
    pub fn is_woken(&self) -> bool {
        let below = Event::Socket(self.conn, Ready::ALL);
        (self.wire.is_ready() && self.lines.heard(below).is_some()) || self.lines.is_due()
    }

    /// Repeats `call` until it does not stall; `peer` moves the other end. `None`: it stalls for good.
    fn wait<R>(
        &mut self,
        want: Interest,
        mut peer: impl FnMut(&mut Wire),
        mut call: impl FnMut(&mut Self) -> Nb<R>,
    ) -> Option<Result<R, IoError>> {
        for _ in 0..PATIENCE {
            match call(self) {
                Ok(done) => return Some(Ok(done)),
                Err(Stall::Failed(error)) => return Some(Err(error)),
                Err(Stall::WouldBlock) => {}
            }
            self.watch(want);
            while !self.is_woken() {
                peer(&mut self.wire);
                if self.wire.is_ready() {
                    // A turn of the loop, though the engine may be told nothing.
                    self.platform();
                } else if !self.is_woken() {
                    return None;
                }
            }
        }
        panic!("it was woken again and again for nothing")
    }

    /// The handshake, to its end. `None`: it waits for something that the peer does not send.
    pub fn handshake(&mut self, peer: impl FnMut(&mut Wire)) -> Option<Result<(), IoError>> {
        let conn = self.conn;
        self.wait(Interest::WRITE, peer, |client| {
            client.platform().opened(conn)
        })
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// What the transport says.
    pub fn send(
        &mut self,
        mut bytes: &[u8],
        mut peer: impl FnMut(&mut Wire),
    ) -> Result<(), IoError> {
        let conn = self.conn;
        while !bytes.is_empty() {
            let sent = self.wait(Interest::WRITE, &mut peer, |client| {
                let mut platform = client.platform();
                let room = platform.reserve(conn)?;
                let n = room.len().min(bytes.len());
                room[..n].copy_from_slice(&bytes[..n]);
                platform.commit(conn, n)?;
                Ok(n)
            });
            bytes = &bytes[sent.expect("room comes back")?..];
        }
        let flushed = self.wait(Interest::WRITE, &mut peer, |client| {
            client.platform().flush(conn)
        });
        flushed.expect("it goes out")
    }

    /// Receives a piece of at most `at_most` bytes; empty at the end, `None` if nothing comes.
    pub fn receive(
        &mut self,
        at_most: usize,
        peer: impl FnMut(&mut Wire),
    ) -> Option<Result<Vec<u8>, IoError>> {
        let conn = self.conn;
        self.wait(Interest::READ, peer, |client| {
            let mut platform = client.platform();
            let bytes = platform.fill(conn, at_most)?.bytes.to_vec();
            platform.consume(conn, bytes.len());
            Ok(bytes)
        })
    }

    /// Closes it.
    pub fn close(&mut self) {
        self.watch(Interest::NONE);
        let conn = self.conn;
        self.platform().close(conn);
    }
}

/// Why it failed, if TLS is the reason.
///
/// # Panics
/// If it is not.
#[must_use]
pub fn reason(result: Option<Result<(), IoError>>) -> Option<TlsError> {
    match result {
        Some(Ok(())) => None,
        Some(Err(IoError::Tls(error))) => Some(error),
        other => panic!("neither open nor refused: {other:?}"),
    }
}
