//! The platform that the engine sees: the one below, with `https` origins secured.

use heapless::String;
use muxfer_core::net::{Interest, IoError, Nb, Scheme, Stall, TlsError};
use muxfer_core::platform::{Lent, Platform, ResolveError, Resolved, Resolver};
use muxfer_core::platform::{Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, OriginId};
use rand_core::CryptoRng;

use super::line::Lines;
use super::session::{Known, Session};
use super::state::{Phase, State};

/// How many records that hold nothing for the engine one call takes.
const RECORDS: usize = 8;

/// A platform whose `https` origins are secured. [`Lines::over`](super::Lines::over) makes it.
///
/// One call moves a handshake by at most one message, so at most the signatures of one chain are
/// checked in it.
pub struct Secured<'t, T, const N: usize, const RX: usize, const TX: usize> {
    pub(super) lines: &'t mut Lines<N, RX, TX>,
    pub(super) inner: &'t mut T,
    pub(super) known: Known<'t>,
    pub(super) rng: &'t mut dyn CryptoRng,
}

fn failed(error: TlsError) -> Stall<IoError> {
    Stall::Failed(IoError::Tls(error))
}

impl<T: Transport + Watch, const N: usize, const RX: usize, const TX: usize> Transport
    for Secured<'_, T, N, RX, TX>
{
    fn supports(&self, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Http => self.inner.supports(scheme),
            Scheme::Https => self.inner.supports(Scheme::Http),
        }
    }

    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        if target.scheme == Scheme::Http {
            return self.inner.open(conn, target);
        }
        let index = usize::try_from(target.settings).unwrap_or(usize::MAX);
        if index >= self.known.settings.len() {
            return Err(IoError::Tls(TlsError::Settings));
        }
        let host = String::try_from(target.host);
        let host = host.map_err(|_| IoError::Tls(TlsError::HostName))?;
        let line = self.lines.vacant().ok_or(IoError::NoDescriptors)?;
        let plain = Target {
            scheme: Scheme::Http,
            ..*target
        };
        self.inner.open(conn, &plain)?;
        *line.state = State {
            conn: Some(conn),
            phase: Phase::Connecting,
            host,
            settings: target.settings,
            ..State::FREE
        };
        Ok(())
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        let Some(mut line) = self.lines.find(conn) else {
            return self.inner.opened(conn);
        };
        let result = line.handshake(self.inner, conn, &self.known, self.rng);
        line.settle(self.inner, conn);
        result
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let Some(mut line) = self.lines.find(conn) else {
            return self.inner.fill(conn, at_most);
        };
        let result = line.receive(self.inner, conn, &self.known);
        line.settle(self.inner, conn);
        result?;
        let (start, end) = line.state.plain;
        let bytes = line.rx.get(start.into()..end.into()).unwrap_or_default();
        let bytes = bytes.get(..at_most).unwrap_or(bytes);
        // Another record may have come.
        let more = !bytes.is_empty();
        Ok(Lent { bytes, more })
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        let Some(line) = self.lines.find(conn) else {
            return self.inner.consume(conn, n);
        };
        let (start, end) = &mut line.state.plain;
        let n = u16::try_from(n).unwrap_or(u16::MAX);
        debug_assert!(n <= *end - *start, "more than was lent");
        *start = start.saturating_add(n).min(*end);
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        let Some(mut line) = self.lines.find(conn) else {
            return self.inner.reserve(conn);
        };
        let ready = line.ready_to_send(self.inner, conn);
        line.settle(self.inner, conn);
        ready?;
        // Borrowed anew, as it is lent.
        let mut line = self.lines.find(conn).ok_or(IoError::Closed)?;
        let room = line.plain_room();
        let length = room.len();
        line.tx
            .get_mut(super::record::HEADER..super::record::HEADER + length)
            .ok_or(failed(TlsError::Protocol))
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        let Some(mut line) = self.lines.find(conn) else {
            return self.inner.commit(conn, n);
        };
        debug_assert!(!line.state.is_sending(), "nothing was reserved");
        if n == 0 {
            return Ok(());
        }
        let sealed = line.seal_plain(n).map_err(IoError::Tls);
        let sent = sealed.and_then(|()| line.pump(self.inner, conn));
        line.settle(self.inner, conn);
        sent
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        let Some(mut line) = self.lines.find(conn) else {
            return self.inner.flush(conn);
        };
        let sent = line.pump(self.inner, conn);
        line.settle(self.inner, conn);
        sent?;
        if line.state.is_sending() {
            return Err(Stall::WouldBlock);
        }
        self.inner.flush(conn)
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(mut line) = self.lines.find(conn) {
            // As far as it goes without waiting.
            line.say_end();
            let _ = line.pump(self.inner, conn);
            if !line.state.told.is_none() {
                self.inner.socket(conn, Interest::NONE);
            }
            *line.state = State::FREE;
        }
        self.inner.close(conn);
    }
}

impl<T: Transport + Watch, const N: usize, const RX: usize, const TX: usize> Watch
    for Secured<'_, T, N, RX, TX>
{
    fn socket(&mut self, conn: ConnId, want: Interest) {
        let Some(mut line) = self.lines.find(conn) else {
            return self.inner.socket(conn, want);
        };
        line.state.want = want;
        line.settle(self.inner, conn);
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.inner.timer(at);
    }
}

impl<T: Platform, const N: usize, const RX: usize, const TX: usize> Resolver
    for Secured<'_, T, N, RX, TX>
{
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        self.inner.resolve(query, host, port)
    }

    fn cancel(&mut self, query: OriginId) {
        self.inner.cancel(query);
    }
}

impl Session<'_> {
    /// Goes on with sending, whether or not the engine waits for that.
    pub(super) fn tend<T: Transport + Watch>(&mut self, inner: &mut T) {
        if let Some(conn) = self.state.conn
            && self.state.is_sending()
        {
            // The next call that the engine makes will fail, too, and tell it why.
            let _ = self.pump(inner, conn);
            self.settle(inner, conn);
        }
    }

    /// Moves the handshake on by one message.
    fn handshake<T: Transport>(
        &mut self,
        inner: &mut T,
        conn: ConnId,
        known: &Known<'_>,
        rng: &mut dyn CryptoRng,
    ) -> Nb<()> {
        self.state.due = false;
        // What is still to be said comes first: nobody answers half of it.
        self.pump(inner, conn)?;
        match self.state.phase {
            Phase::Open | Phase::Ended => return Ok(()),
            Phase::Failed => return Err(failed(self.state.failure)),
            Phase::Free => return Err(Stall::Failed(IoError::Closed)),
            Phase::Connecting => {
                inner.opened(conn)?;
                let started = self.start(rng);
                self.or_fail(started, inner, conn)?;
            }
            Phase::ServerHello
            | Phase::Extensions
            | Phase::Certificate
            | Phase::CertificateVerify
            | Phase::Finished => self.step(inner, conn, known)?,
        }
        self.pump(inner, conn)?;
        if self.state.phase == Phase::Open {
            self.state.due = false;
            return Ok(());
        }
        Err(Stall::WouldBlock)
    }

    /// Takes one message, or one record if there is no whole message.
    fn step<T: Transport>(&mut self, inner: &mut T, conn: ConnId, known: &Known<'_>) -> Nb<()> {
        let message = self.take_message(known);
        if self.or_fail(message, inner, conn)? {
            self.state.due = true;
            return Ok(());
        }
        self.pull(inner, conn)?;
        let record = self.take_record();
        self.or_fail(record, inner, conn)?;
        self.state.due = true;
        Ok(())
    }

    /// Receives until there is plaintext or the end.
    fn receive<T: Transport>(&mut self, inner: &mut T, conn: ConnId, known: &Known<'_>) -> Nb<()> {
        self.state.due = false;
        for _ in 0..RECORDS {
            match self.state.phase {
                _ if self.state.has_plain() => return Ok(()),
                Phase::Ended => return Ok(()),
                Phase::Failed => return Err(failed(self.state.failure)),
                Phase::Open => {}
                Phase::Free
                | Phase::Connecting
                | Phase::ServerHello
                | Phase::Extensions
                | Phase::Certificate
                | Phase::CertificateVerify
                | Phase::Finished => return Err(Stall::WouldBlock),
            }
            self.step(inner, conn, known)?;
            let answered = self.answer_update();
            self.or_fail(answered, inner, conn)?;
            self.pump(inner, conn)?;
            self.state.due = false;
        }
        if self.state.has_plain() || self.state.phase == Phase::Ended {
            return Ok(());
        }
        self.state.due = true;
        Err(Stall::WouldBlock)
    }

    /// Receives the rest of a record.
    fn pull<T: Transport>(&mut self, inner: &mut T, conn: ConnId) -> Nb<()> {
        loop {
            let missing = self.missing();
            let missing = self.or_fail(missing, inner, conn)?;
            if missing == 0 {
                return Ok(());
            }
            let lent = inner.fill(conn, missing)?;
            let n = lent.bytes.len().min(missing);
            if n == 0 {
                // RFC 8446 §6.1: an end that was not announced may be an attacker's.
                let cut = Err(TlsError::Truncated);
                return self.or_fail(cut, inner, conn);
            }
            self.room(n).copy_from_slice(&lent.bytes[..n]);
            inner.consume(conn, n);
            self.state.record += u16::try_from(n).unwrap_or(u16::MAX);
        }
    }

    /// Is there room for plaintext?
    fn ready_to_send<T: Transport>(&mut self, inner: &mut T, conn: ConnId) -> Nb<()> {
        match self.state.phase {
            Phase::Open | Phase::Ended => {}
            Phase::Failed => return Err(failed(self.state.failure)),
            Phase::Free
            | Phase::Connecting
            | Phase::ServerHello
            | Phase::Extensions
            | Phase::Certificate
            | Phase::CertificateVerify
            | Phase::Finished => return Err(Stall::WouldBlock),
        }
        self.pump(inner, conn)?;
        let answered = self.answer_update();
        self.or_fail(answered, inner, conn)?;
        self.pump(inner, conn)?;
        if self.state.is_sending() {
            return Err(Stall::WouldBlock);
        }
        Ok(())
    }

    /// Hands what is sealed to the transport below, as far as it takes it.
    fn pump<T: Transport>(&mut self, inner: &mut T, conn: ConnId) -> Result<(), IoError> {
        while self.state.is_sending() {
            let (start, end) = self.state.out;
            let waiting = self.tx.get(start.into()..end.into()).unwrap_or_default();
            let room = match inner.reserve(conn) {
                Ok(room) => room,
                Err(Stall::WouldBlock) => return Ok(()),
                Err(Stall::Failed(error)) => return Err(error),
            };
            let n = room.len().min(waiting.len());
            room[..n].copy_from_slice(&waiting[..n]);
            inner.commit(conn, n)?;
            self.state.out.0 += u16::try_from(n).unwrap_or(u16::MAX);
        }
        Ok(())
    }

    /// An error of ours ends the connection, and the peer is told.
    fn or_fail<R, T: Transport>(
        &mut self,
        result: Result<R, TlsError>,
        inner: &mut T,
        conn: ConnId,
    ) -> Nb<R> {
        result.map_err(|error| {
            self.fail(error);
            let _ = self.pump(inner, conn);
            failed(error)
        })
    }

    /// Tells the transport below what to watch, if that has changed.
    fn settle<T: Watch>(&mut self, inner: &mut T, conn: ConnId) {
        let mut want = match self.state.phase {
            _ if self.state.want.is_none() => Interest::NONE,
            Phase::ServerHello
            | Phase::Extensions
            | Phase::Certificate
            | Phase::CertificateVerify
            | Phase::Finished => Interest::READ,
            Phase::Free | Phase::Connecting | Phase::Open | Phase::Ended | Phase::Failed => {
                self.state.want
            }
        };
        if self.state.is_sending() && !want.is_none() {
            want |= Interest::WRITE;
        }
        if want != self.state.told {
            self.state.told = want;
            inner.socket(conn, want);
        }
    }
}
