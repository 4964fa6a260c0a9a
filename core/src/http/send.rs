//! The sending side of an exchange: the request head, then the body, into lent room of any size.

use crate::Error;
use crate::easy::Given;
use crate::wire::{Digits, Render};

use super::request::Outgoing;

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// There is more to send.
    More,
    /// The head is sent; the body waits for `100 Continue` or for its time limit.
    AwaitContinue,
    /// The source has nothing for now.
    Paused,
    /// Everything is sent.
    Complete,
}

/// What one call of sending did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// How many bytes were written to the room.
    pub written: usize,
    /// What is next.
    pub sending: Sending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Await,
    Body,
    /// The end of a chunked body is in `carry`.
    End,
    Complete,
}

/// A chunk of one byte, or the last chunk, that did not fit into the room whole.
#[derive(Clone, Copy, Debug, Default)]
struct Carry {
    bytes: [u8; 6],
    start: u8,
    end: u8,
}

impl Carry {
    fn put(&mut self, bytes: &[u8]) {
        for (place, byte) in self.bytes.iter_mut().zip(bytes) {
            *place = *byte;
        }
        self.start = 0;
        self.end = u8::try_from(bytes.len().min(self.bytes.len())).unwrap_or(0);
    }

    fn drain(&mut self, out: &mut [u8]) -> usize {
        let held = self
            .bytes
            .get(self.start.into()..self.end.into())
            .unwrap_or(&[]);
        let n = held.len().min(out.len());
        for (place, byte) in out.iter_mut().zip(held) {
            *place = *byte;
        }
        self.start += u8::try_from(n).unwrap_or(0);
        n
    }

    const fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// The longest frame around a chunk of a window of up to 4 GiB: eight digits, two line ends.
const CHUNK_FRAME: usize = 12;
/// In windows smaller than this a chunk holds one byte and goes through the carry.
const SMALL_WINDOW: usize = 24;

/// The state of sending one request.
#[derive(Debug)]
pub(super) struct Sender {
    body_sent: u64,
    head_sent: u32,
    carry: Carry,
    stage: Stage,
    /// Stop after the head until told to go on.
    awaits: bool,
    stopped: bool,
    /// The head asks that the connection is closed afterwards.
    closes: bool,
}

impl Sender {
    pub(super) const fn new(awaits: bool) -> Self {
        Self {
            body_sent: 0,
            head_sent: 0,
            carry: Carry {
                bytes: [0; 6],
                start: 0,
                end: 0,
            },
            stage: Stage::Head,
            awaits,
            stopped: false,
            closes: false,
        }
    }

    pub(super) const fn body_sent(&self) -> u64 {
        self.body_sent
    }

    pub(super) const fn head_sent(&self) -> u32 {
        self.head_sent
    }

    pub(super) const fn in_head(&self) -> bool {
        matches!(self.stage, Stage::Head)
    }

    pub(super) const fn is_awaiting(&self) -> bool {
        matches!(self.stage, Stage::Await)
    }

    pub(super) const fn is_complete(&self) -> bool {
        matches!(self.stage, Stage::Complete)
    }

    pub(super) const fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(super) const fn asks_close(&self) -> bool {
        self.closes
    }

    pub(super) const fn stop(&mut self) {
        self.stopped = true;
    }

    /// The peer said `100 Continue`, or it took too long: the body goes.
    pub(super) fn go_on(&mut self) {
        self.awaits = false;
        if self.stage == Stage::Await {
            self.stage = Stage::Body;
        }
    }

    /// Renders as much of the head as fits, from where the last call stopped. Nothing of it is
    /// stored: it is rendered again and what was sent is skipped.
    pub(super) fn head(&mut self, outgoing: &Outgoing<'_>, out: &mut [u8]) -> Result<Sent, Error> {
        let skip = self.head_sent as usize;
        let mut render = Render::new(out, skip);
        self.closes = outgoing.render(&mut render);
        let (written, total) = (render.written(), render.total());
        // A request that changes while it is sent would be garbled.
        let sent = skip + written;
        if sent > total {
            return Err(Error::Internal);
        }
        self.head_sent = u32::try_from(sent).map_err(|_| Error::Internal)?;
        if sent < total {
            return Ok(Sent {
                written,
                sending: Sending::More,
            });
        }
        self.stage = match outgoing.body().length() {
            Some(0) => Stage::Complete,
            _ if self.awaits => Stage::Await,
            _ => Stage::Body,
        };
        let sending = match self.stage {
            Stage::Complete => Sending::Complete,
            Stage::Await => Sending::AwaitContinue,
            Stage::Head | Stage::Body | Stage::End => Sending::More,
        };
        Ok(Sent { written, sending })
    }

    /// Copies as much of a body in memory as fits.
    pub(super) fn bytes(&mut self, body: &[u8], out: &mut [u8]) -> Sent {
        let start = usize::try_from(self.body_sent).unwrap_or(usize::MAX);
        let rest = body.get(start..).unwrap_or(&[]);
        let n = rest.len().min(out.len());
        for (place, byte) in out.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.body_sent += n as u64;
        if n == rest.len() {
            self.stage = Stage::Complete;
            return Sent {
                written: n,
                sending: Sending::Complete,
            };
        }
        Sent {
            written: n,
            sending: Sending::More,
        }
    }

    /// Reads a body of known length straight into the room.
    pub(super) fn sized(
        &mut self,
        length: u64,
        out: &mut [u8],
        mut read: impl FnMut(&mut [u8]) -> Given,
    ) -> Result<Sent, Error> {
        let missing = length.saturating_sub(self.body_sent);
        let room = usize::try_from(missing).map_or(out.len(), |n| n.min(out.len()));
        let window = out.get_mut(..room).unwrap_or(&mut []);
        if window.is_empty() && missing > 0 {
            // The source was not asked, so it has not paused.
            return Ok(Sent {
                written: 0,
                sending: Sending::More,
            });
        }
        let given = if missing == 0 {
            Given::Bytes(0)
        } else {
            read(window)
        };
        match given {
            Given::Bytes(n) if n > room => Err(Error::Read),
            Given::Bytes(0) if missing > 0 => Ok(Sent {
                written: 0,
                sending: Sending::Paused,
            }),
            Given::Bytes(n) => {
                self.body_sent += n as u64;
                if self.body_sent == length {
                    self.stage = Stage::Complete;
                    return Ok(Sent {
                        written: n,
                        sending: Sending::Complete,
                    });
                }
                Ok(Sent {
                    written: n,
                    sending: Sending::More,
                })
            }
            Given::Pause => Ok(Sent {
                written: 0,
                sending: Sending::Paused,
            }),
            // A body that ends before its length would leave the peer waiting.
            Given::End | Given::Abort => Err(Error::Read),
        }
    }

    /// Reads a body of unknown length and sends it in chunks (RFC 9112 §7.1).
    pub(super) fn chunked(
        &mut self,
        out: &mut [u8],
        read: impl FnMut(&mut [u8]) -> Given,
    ) -> Result<Sent, Error> {
        let carried = self.carry.drain(out);
        let rest = out.get_mut(carried..).unwrap_or(&mut []);
        if !self.carry.is_empty() || rest.is_empty() {
            return Ok(Sent {
                written: carried,
                sending: Sending::More,
            });
        }
        if self.stage == Stage::End {
            self.stage = Stage::Complete;
            return Ok(Sent {
                written: carried,
                sending: Sending::Complete,
            });
        }
        let (written, sending) = if rest.len() < SMALL_WINDOW {
            self.one_byte(rest, read)?
        } else {
            self.chunk(rest, read)?
        };
        Ok(Sent {
            written: carried + written,
            sending,
        })
    }

    fn chunk(
        &mut self,
        out: &mut [u8],
        mut read: impl FnMut(&mut [u8]) -> Given,
    ) -> Result<(usize, Sending), Error> {
        let room = out.len().min(u32::MAX as usize) - CHUNK_FRAME;
        let widest = Digits::hex(room as u64).as_bytes().len() + 2;
        let window = out.get_mut(widest..widest + room).ok_or(Error::Internal)?;
        let n = match read(window) {
            Given::Bytes(n) if n > room => return Err(Error::Read),
            Given::Bytes(0) | Given::Pause => return Ok((0, Sending::Paused)),
            Given::Bytes(n) => n,
            Given::End => return self.last_chunk(out),
            Given::Abort => return Err(Error::Read),
        };
        let digits = Digits::hex(n as u64);
        let digits = digits.as_bytes();
        let start = digits.len() + 2;
        // A size with fewer digits than the window's: the data moves up to it.
        if start != widest {
            out.copy_within(widest..widest + n, start);
        }
        let mut place = 0;
        for piece in [digits, b"\r\n"] {
            if let Some(target) = out.get_mut(place..place + piece.len()) {
                target.copy_from_slice(piece);
            }
            place += piece.len();
        }
        let end = start + n;
        if let Some(target) = out.get_mut(end..end + 2) {
            target.copy_from_slice(b"\r\n");
        }
        self.body_sent += n as u64;
        Ok((end + 2, Sending::More))
    }

    fn one_byte(
        &mut self,
        out: &mut [u8],
        mut read: impl FnMut(&mut [u8]) -> Given,
    ) -> Result<(usize, Sending), Error> {
        let mut byte = [0];
        match read(&mut byte) {
            Given::Bytes(1) => {}
            Given::Bytes(0) | Given::Pause => return Ok((0, Sending::Paused)),
            Given::End => return self.last_chunk(out),
            Given::Bytes(_) | Given::Abort => return Err(Error::Read),
        }
        self.body_sent += 1;
        self.carry.put(&[b'1', b'\r', b'\n', byte[0], b'\r', b'\n']);
        Ok((self.carry.drain(out), Sending::More))
    }

    fn last_chunk(&mut self, out: &mut [u8]) -> Result<(usize, Sending), Error> {
        self.carry.put(b"0\r\n\r\n");
        let written = self.carry.drain(out);
        if self.carry.is_empty() {
            self.stage = Stage::Complete;
            return Ok((written, Sending::Complete));
        }
        self.stage = Stage::End;
        Ok((written, Sending::More))
    }
}
