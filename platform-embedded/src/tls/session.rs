//! One TLS 1.3 connection as a machine over two buffers: records in, records out (RFC 8446).
//!
//! It knows one group, one suite and full handshakes. What is not expected in a state is an error:
//! there is no way to `Open` but past a certificate that was accepted, a signature by its key and
//! the server's `Finished`.

use muxfer_core::net::TlsError;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::alert;
use super::hello::{self, Offer, message};
use super::reader::Writer;
use super::record::{HEADER, Keys, MAX_RECORD, TRAILER, header, kind};
use super::schedule::{Block, Schedule, finished_by, is_finished_by};
use super::state::{Phase, Secrets, State};
use super::trust::{self, Settings};

/// A handshake message's type and length.
const MESSAGE_HEADER: usize = 4;
/// How often random bytes are drawn for a key. One draw of 2^32 is not a key of P-256.
const DRAWS: usize = 4;

/// One connection: its state and its buffers.
pub(super) struct Session<'l> {
    pub(super) state: &'l mut State,
    pub(super) rx: &'l mut [u8],
    pub(super) tx: &'l mut [u8],
}

/// What only the application knows.
pub(super) struct Known<'k> {
    pub(super) settings: &'k [Settings<'k>],
    pub(super) unix_time: Option<u64>,
}

/// Small numbers: no buffer is longer than a record.
fn small(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// The hash of all messages so far.
fn hash(transcript: Option<&Sha256>) -> Result<Block, TlsError> {
    let transcript = transcript.ok_or(TlsError::Protocol)?;
    Ok(transcript.clone().finalize().into())
}

impl Session<'_> {
    /// Begins the handshake: puts a `ClientHello` into the send buffer.
    pub(super) fn start(&mut self, rng: &mut dyn CryptoRng) -> Result<(), TlsError> {
        let mut random = [0; 32];
        rng.fill_bytes(&mut random);
        let secret = draw_key(rng).ok_or(TlsError::Settings)?;
        let point = secret.public_key().to_sec1_point(false);
        let share = point.as_bytes().try_into();
        let host = self.state.host.as_str();
        let is_name = host.parse::<core::net::IpAddr>().is_err();
        let offer = Offer {
            random: &random,
            share: share.map_err(|_| TlsError::Protocol)?,
            name: is_name.then_some(host.trim_end_matches('.')),
            limit: self.offered_limit(),
        };
        let room = self.tx.get_mut(HEADER..).ok_or(TlsError::Settings)?;
        let length = hello::write_client_hello(room, &offer).ok_or(TlsError::Settings)?;
        let mut transcript = Sha256::new();
        transcript.update(&room[..length]);
        let [high, low] = small(length).to_be_bytes();
        self.tx[..HEADER].copy_from_slice(&[kind::HANDSHAKE, 3, 1, high, low]);
        self.state.out = (0, small(HEADER + length));
        self.state.secrets.transcript = Some(transcript);
        self.state.secrets.exchange = Some(secret);
        self.state.phase = Phase::ServerHello;
        Ok(())
    }

    /// The limit to offer: with less room than for the longest record.
    fn offered_limit(&self) -> Option<u16> {
        // Padding and tag may take 256 bytes.
        let most = self.rx.len().saturating_sub(HEADER + 256);
        (self.rx.len() < MAX_RECORD).then_some(small(most))
    }

    /// How many bytes are missing from the record that comes next.
    pub(super) fn missing(&self) -> Result<usize, TlsError> {
        let start = usize::from(self.state.messages);
        let have = usize::from(self.state.record);
        let record = self.rx.get(start..).ok_or(TlsError::Protocol)?;
        let Some(head) = record.first_chunk().filter(|_| have >= HEADER) else {
            let room = record.len() >= HEADER;
            return room
                .then_some(HEADER - have.min(HEADER))
                .ok_or(TlsError::Protocol);
        };
        let (_, length) = header(*head)?;
        if HEADER + length > record.len() {
            // Longer than there is room for: the peer did not heed the limit.
            return Err(TlsError::Protocol);
        }
        Ok(HEADER + length - have)
    }

    /// Where the missing bytes go.
    pub(super) fn room(&mut self, n: usize) -> &mut [u8] {
        let at = usize::from(self.state.messages) + usize::from(self.state.record);
        self.rx.get_mut(at..at + n).unwrap_or_default()
    }

    /// A record is whole: opens it.
    pub(super) fn take_record(&mut self) -> Result<(), TlsError> {
        let start = usize::from(self.state.messages);
        let length = usize::from(core::mem::take(&mut self.state.record));
        let record = self.rx.get_mut(start..start + length);
        let record = record.ok_or(TlsError::Protocol)?;
        let outer = record.first().copied().unwrap_or_default();
        let handshaking = !matches!(self.state.phase, Phase::Open | Phase::Ended);
        let (inner, n) = match (outer, self.state.secrets.read.as_mut()) {
            // §5: to be dropped, wherever it stands in a handshake.
            (kind::CHANGE_CIPHER_SPEC, _) if handshaking && record[HEADER..] == [1] => {
                return Ok(());
            }
            (kind::ALERT | kind::HANDSHAKE, None) => (outer, length - HEADER),
            (kind::APPLICATION, Some(keys)) => keys.open(record)?,
            // Once there are keys, nothing that is not sealed counts.
            _ => return Err(TlsError::Protocol),
        };
        match inner {
            kind::HANDSHAKE if n > 0 && self.state.phase != Phase::Ended => {
                let content = start + HEADER;
                self.rx.copy_within(content..content + n, start);
                self.state.messages = small(start + n);
                Ok(())
            }
            // §5.1: nothing may come between the pieces of a message.
            _ if start > 0 => Err(TlsError::Protocol),
            kind::APPLICATION if self.state.phase == Phase::Open => {
                self.state.plain = (small(HEADER), small(HEADER + n));
                Ok(())
            }
            kind::ALERT => match alert::read(&self.rx[HEADER..HEADER + n])? {
                alert::Heard::End if self.state.phase == Phase::Open => {
                    self.state.phase = Phase::Ended;
                    Ok(())
                }
                alert::Heard::End => Err(TlsError::Truncated),
                alert::Heard::Nothing => Ok(()),
                alert::Heard::Refused(code) => Err(TlsError::Alert(code)),
            },
            _ => Err(TlsError::Protocol),
        }
    }

    /// Does the work of one handshake message, if a whole one has come.
    pub(super) fn take_message(&mut self, known: &Known<'_>) -> Result<bool, TlsError> {
        let messages = usize::from(self.state.messages);
        let Some([kind, a, b, c]) = self.rx.first_chunk().filter(|_| messages >= MESSAGE_HEADER)
        else {
            return Ok(false);
        };
        let kind = *kind;
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let end = MESSAGE_HEADER + length;
        if end + HEADER > self.rx.len() {
            // It will never be whole.
            return Err(TlsError::Protocol);
        }
        if end > messages {
            return Ok(false);
        }
        // §5.1: where keys change, a record ends.
        let last = matches!(
            kind,
            message::SERVER_HELLO | message::FINISHED | message::KEY_UPDATE
        );
        if last && end < messages {
            return Err(TlsError::Protocol);
        }
        self.handle(kind, end, known)?;
        self.rx.copy_within(end..messages, 0);
        self.state.messages = small(messages - end);
        Ok(true)
    }

    /// The table of states: who takes which message.
    fn handle(&mut self, kind: u8, end: usize, known: &Known<'_>) -> Result<(), TlsError> {
        match (self.state.phase, kind) {
            (Phase::ServerHello, message::SERVER_HELLO) => self.server_hello(end),
            (Phase::Extensions, message::ENCRYPTED_EXTENSIONS) => self.extensions(end),
            (Phase::Certificate, message::CERTIFICATE_REQUEST) if !self.state.asked => {
                self.certificate_request(end)
            }
            (Phase::Certificate, message::CERTIFICATE) => self.certificate(end, known),
            (Phase::CertificateVerify, message::CERTIFICATE_VERIFY) => self.certificate_verify(end),
            (Phase::Finished, message::FINISHED) => self.finished(end),
            // §4.6.1: nothing is resumed, so tickets are dropped.
            (Phase::Open, message::NEW_SESSION_TICKET) => Ok(()),
            (Phase::Open, message::KEY_UPDATE) => self.key_update(end),
            _ => Err(TlsError::Protocol),
        }
    }

    /// Adds the message that ends at `end` to the transcript.
    fn record_message(&mut self, end: usize) -> Result<(), TlsError> {
        let transcript = self.state.secrets.transcript.as_mut();
        transcript
            .ok_or(TlsError::Protocol)?
            .update(&self.rx[..end]);
        Ok(())
    }

    fn server_hello(&mut self, end: usize) -> Result<(), TlsError> {
        let share = hello::read_server_hello(&self.rx[MESSAGE_HEADER..end])?;
        self.record_message(end)?;
        let secrets = &mut self.state.secrets;
        // It checks that the point is one of the curve.
        let theirs = PublicKey::from_sec1_bytes(&share).map_err(|_| TlsError::Protocol)?;
        let ours = secrets.exchange.take().ok_or(TlsError::Protocol)?;
        let shared = ours.diffie_hellman(&theirs);
        let mut bytes: Block = (*shared.raw_secret_bytes()).into();
        let schedule = Schedule::new(&bytes, &hash(secrets.transcript.as_ref())?);
        bytes.zeroize();
        secrets.read = Some(Keys::new(schedule.server));
        secrets.write = Some(Keys::new(schedule.client));
        secrets.schedule = Some(schedule);
        self.state.phase = Phase::Extensions;
        Ok(())
    }

    fn extensions(&mut self, end: usize) -> Result<(), TlsError> {
        let offered = self.offered_limit();
        if let Some(most) = hello::read_extensions(&self.rx[MESSAGE_HEADER..end], offered)? {
            self.state.send_limit = small(most);
        }
        self.record_message(end)?;
        self.state.phase = Phase::Certificate;
        Ok(())
    }

    /// We have no certificate; the server may go on without.
    fn certificate_request(&mut self, end: usize) -> Result<(), TlsError> {
        // §4.3.2: the context is empty in a handshake.
        if self.rx[MESSAGE_HEADER..end].first() != Some(&0) {
            return Err(TlsError::Protocol);
        }
        self.record_message(end)?;
        self.state.asked = true;
        Ok(())
    }

    fn certificate(&mut self, end: usize, known: &Known<'_>) -> Result<(), TlsError> {
        let index = usize::try_from(self.state.settings).unwrap_or(usize::MAX);
        let settings = known.settings.get(index).ok_or(TlsError::Settings)?;
        let body = &self.rx[MESSAGE_HEADER..end];
        let key = trust::check(body, &self.state.host, known.unix_time, settings)?;
        self.record_message(end)?;
        self.state.secrets.server = Some(key);
        self.state.phase = Phase::CertificateVerify;
        Ok(())
    }

    fn certificate_verify(&mut self, end: usize) -> Result<(), TlsError> {
        let transcript = hash(self.state.secrets.transcript.as_ref())?;
        let key = self.state.secrets.server.take().ok_or(TlsError::Protocol)?;
        key.verify(&self.rx[MESSAGE_HEADER..end], &transcript)?;
        self.record_message(end)?;
        self.state.phase = Phase::Finished;
        Ok(())
    }

    fn finished(&mut self, end: usize) -> Result<(), TlsError> {
        let schedule = self.state.secrets.schedule.take();
        let schedule = schedule.ok_or(TlsError::Protocol)?;
        let transcript = hash(self.state.secrets.transcript.as_ref())?;
        let data = &self.rx[MESSAGE_HEADER..end];
        if !is_finished_by(&schedule.server, &transcript, data) {
            return Err(TlsError::BadSignature);
        }
        self.record_message(end)?;
        let (client, server) = schedule.application(&hash(self.state.secrets.transcript.as_ref())?);
        if self.state.asked {
            // §4.4.2: an empty list, for the empty context of the request.
            self.send_message(&[message::CERTIFICATE, 0, 0, 4, 0, 0, 0, 0])?;
        }
        let transcript = hash(self.state.secrets.transcript.as_ref())?;
        let mut ours = [message::FINISHED, 0, 0, 32].into_iter();
        let sum = finished_by(&schedule.client, &transcript);
        let all: [u8; 36] =
            core::array::from_fn(|i| ours.next().unwrap_or_else(|| sum[i - MESSAGE_HEADER]));
        self.send_message(&all)?;
        let secrets = &mut self.state.secrets;
        secrets.read = Some(Keys::new(server));
        secrets.write = Some(Keys::new(client));
        secrets.transcript = None;
        self.state.phase = Phase::Open;
        Ok(())
    }

    /// A message of the handshake of ours: into the transcript, and out.
    fn send_message(&mut self, message: &[u8]) -> Result<(), TlsError> {
        if let Some(transcript) = &mut self.state.secrets.transcript {
            transcript.update(message);
        }
        self.send(kind::HANDSHAKE, message)
    }

    fn key_update(&mut self, end: usize) -> Result<(), TlsError> {
        let wants_ours = match self.rx[MESSAGE_HEADER..end] {
            [0] => false,
            [1] => true,
            _ => return Err(TlsError::Protocol),
        };
        let keys = self.state.secrets.read.as_mut();
        keys.ok_or(TlsError::Protocol)?.update();
        self.state.owes_update |= wants_ours;
        Ok(())
    }

    /// Sends new keys if the server has asked for them, and if there is room.
    pub(super) fn answer_update(&mut self) -> Result<(), TlsError> {
        if self.state.owes_update && !self.state.is_sending() {
            self.state.owes_update = false;
            self.send(kind::HANDSHAKE, &[message::KEY_UPDATE, 0, 0, 1, 0])?;
            let keys = self.state.secrets.write.as_mut();
            keys.ok_or(TlsError::Protocol)?.update();
        }
        Ok(())
    }

    /// Seals a short content behind what waits already.
    fn send(&mut self, kind: u8, content: &[u8]) -> Result<(), TlsError> {
        let start = if self.state.is_sending() {
            usize::from(self.state.out.1)
        } else {
            self.state.out = (0, 0);
            0
        };
        let room = self.tx.get_mut(start..).ok_or(TlsError::Protocol)?;
        let mut out = Writer::new(room.get_mut(HEADER..).ok_or(TlsError::Protocol)?);
        out.put(content);
        let n = out.finish().ok_or(TlsError::Protocol)?;
        let keys = self.state.secrets.write.as_mut();
        let length = keys.ok_or(TlsError::Protocol)?.seal(room, n, kind)?;
        self.state.out.1 = small(start + length);
        Ok(())
    }

    /// Where the plaintext of the next record goes.
    pub(super) fn plain_room(&mut self) -> &mut [u8] {
        let most = self.tx.len().saturating_sub(HEADER + TRAILER);
        let limit = match self.state.send_limit {
            0 => 16384,
            limit => limit.into(),
        };
        let most = most.min(limit);
        self.tx.get_mut(HEADER..HEADER + most).unwrap_or_default()
    }

    /// Seals what was written there.
    pub(super) fn seal_plain(&mut self, n: usize) -> Result<(), TlsError> {
        let keys = self.state.secrets.write.as_mut();
        let keys = keys.ok_or(TlsError::Protocol)?;
        let length = keys.seal(self.tx, n, kind::APPLICATION)?;
        self.state.out = (0, small(length));
        Ok(())
    }

    /// Nothing goes any more; the peer is told why, if there is room to say so.
    pub(super) fn fail(&mut self, error: TlsError) {
        if let Some(code) = alert::code(error) {
            let _ = self.send_alert([alert::FATAL, code]);
        }
        self.wipe();
        self.state.phase = Phase::Failed;
        self.state.failure = error;
    }

    /// Says that nothing more comes from us.
    pub(super) fn say_end(&mut self) {
        if matches!(self.state.phase, Phase::Open | Phase::Ended) {
            let _ = self.send_alert([alert::WARNING, alert::CLOSE_NOTIFY]);
        }
        self.wipe();
    }

    fn send_alert(&mut self, alert: [u8; 2]) -> Result<(), TlsError> {
        if self.state.secrets.write.is_some() {
            return self.send(kind::ALERT, &alert);
        }
        if !self.state.is_sending()
            && let Some(room) = self.tx.first_chunk_mut()
        {
            let [level, code] = alert;
            *room = [kind::ALERT, 3, 3, 0, 2, level, code];
            self.state.out = (0, small(room.len()));
        }
        Ok(())
    }

    /// Forgets all secrets, and what was received.
    fn wipe(&mut self) {
        self.state.secrets = Secrets::NONE;
        self.state.plain = (0, 0);
        self.state.messages = 0;
        self.state.record = 0;
        self.rx.zeroize();
    }
}

/// A key for the exchange.
fn draw_key(rng: &mut dyn CryptoRng) -> Option<SecretKey> {
    let mut bytes = [0; 32];
    let key = (0..DRAWS).find_map(|_| {
        rng.fill_bytes(&mut bytes);
        SecretKey::from_slice(&bytes).ok()
    });
    bytes.zeroize();
    key
}
