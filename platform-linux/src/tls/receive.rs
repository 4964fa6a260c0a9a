//! From records to plaintext.

use muxfer_core::ConnId;
use muxfer_core::net::{IoError, Nb, Stall, TlsError};
use muxfer_core::platform::{Transport, Watch};

use super::buffers::{Buffers, MOST_PARTIAL};
use super::fault::Fault;
use super::session::{End, Session, look};
use super::{Tls, find, verify};

/// What the inner transport has given.
struct Came {
    /// Records in the shared buffer, those that were not complete before included.
    bytes: usize,
    /// More may have come.
    more: bool,
    /// Why nothing more comes, if so.
    end: Option<Result<(), IoError>>,
}

impl<P: Transport + Watch> Tls<P> {
    /// Takes what the inner transport has, and makes plaintext of it. There is none of this
    /// connection before.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has come. A failure is noted down as the end of the connection.
    pub(super) fn pull(&mut self, conn: ConnId, at_most: usize) -> Nb<()> {
        self.make_room(conn);
        let Self {
            inner,
            sessions,
            buffers,
            faults,
            ..
        } = self;
        let session = find(sessions, conn).ok_or(IoError::Closed)?;
        session.more = false;
        if session.partial.len() > MOST_PARTIAL {
            session.fail(IoError::Tls(TlsError::Protocol));
            return Ok(());
        }
        let came = receive(inner, session, buffers, at_most)?;
        session.more = came.more;
        if came.bytes > 0
            && let Some(fault) = decrypt(session, buffers, came.bytes)
        {
            faults.keep(&session.host, session.port, &fault);
        }
        match came.end {
            // Only the peer's own word is an end that can be trusted.
            Some(Ok(())) if session.is_up() => session.fail(IoError::Tls(TlsError::Truncated)),
            Some(Ok(())) if session.end == End::Open => self.inner_failed(conn, IoError::Closed),
            Some(Err(error)) => self.inner_failed(conn, error),
            Some(Ok(())) | None => {}
        }
        Ok(())
    }

    /// Makes the shared buffer for plaintext free: what another connection has there goes into a
    /// block.
    fn make_room(&mut self, conn: ConnId) {
        let Some(owner) = self.buffers.owner.filter(|&owner| owner != conn) else {
            return;
        };
        let mut block = self.buffers.block();
        let rest = self.buffers.plain_of(owner);
        if let Some(session) = find(&mut self.sessions, owner) {
            block.extend_from_slice(rest);
            self.buffers.held += rest.len();
            session.held = block;
            session.held_at = 0;
        }
        self.buffers.clear();
    }
}

/// Puts what has come behind what was kept, at the start of the shared buffer.
fn receive<T: Transport>(
    inner: &mut T,
    session: &mut Session,
    buffers: &mut Buffers,
    at_most: usize,
) -> Nb<Came> {
    let kept = session.partial.len();
    let most = kept + buffers.pull(at_most);
    let mut came = Came {
        bytes: kept,
        more: true,
        end: None,
    };
    while came.bytes < most && came.more {
        match inner.fill(session.id, most - came.bytes) {
            Ok(lent) if lent.bytes.is_empty() => {
                came.end = Some(Ok(()));
                came.more = false;
            }
            Ok(lent) => {
                let n = lent.bytes.len();
                buffers.cipher[came.bytes..came.bytes + n].copy_from_slice(lent.bytes);
                came.bytes += n;
                came.more = lent.more;
                inner.consume(session.id, n);
            }
            Err(Stall::WouldBlock) => came.more = false,
            Err(Stall::Failed(error)) => {
                came.end = Some(Err(error));
                came.more = false;
            }
        }
    }
    if came.bytes == kept {
        // Nothing new to look at.
        came.bytes = 0;
        return match came.end {
            Some(_) => Ok(came),
            None => Err(Stall::WouldBlock),
        };
    }
    buffers.cipher[..kept].copy_from_slice(&session.partial);
    buffers.take_back(&mut session.partial);
    Ok(came)
}

/// Decrypts the first `bytes` of the shared buffer. What is no complete record is kept.
fn decrypt(session: &mut Session, buffers: &mut Buffers, bytes: usize) -> Option<Fault> {
    let mut unsent = match session.has_unsent() {
        true => std::mem::take(&mut session.unsent),
        false => buffers.block(),
    };
    verify::take_question();
    let Buffers { cipher, plain, .. } = buffers;
    let records = &mut cipher[..bytes];
    let looked = look(session.tls()?, records, plain, &mut unsent);
    session.note_question();
    if looked.closed && session.end == End::Open {
        session.end = End::Ended;
    }
    let rest = looked.used.min(bytes)..bytes;
    if !rest.is_empty() && looked.result.is_ok() && session.end == End::Open {
        session.partial = buffers.block();
        session.partial.extend_from_slice(&buffers.cipher[rest]);
    }
    if !buffers.plain.is_empty() {
        buffers.owner = Some(session.id);
    }
    session.unsent = unsent;
    if !session.has_unsent() && looked.result.is_ok() {
        buffers.take_back(&mut session.unsent);
    }
    let error = looked.result.err()?;
    let rest = &mut buffers.cipher[looked.used.min(bytes)..bytes];
    Some(session.fail_by(&error, rest))
}
