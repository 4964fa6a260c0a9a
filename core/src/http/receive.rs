//! The receiving side of an exchange: response heads, body, trailers.

use crate::Error;
use crate::easy::Taken;
use crate::error::{Limit, ResponseError};
use crate::features::SMALL;
use crate::store::{Block, Lines};
use crate::wire::{
    Chunk, Field, Line, Meaning, Status, check_line, clean_field, next_line, parse_field_line,
};

use super::connection::Connection;
use super::framing::{Coding, Framing, add_length, is_suspect, of_response};

/// Bounds on what a peer may send before and around a body. Each is an error of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all heads and trailers of one exchange, 1xx included ([`Limit::HeadBytes`]).
    pub head_bytes: u32,
    /// Fields of all heads and trailers of one exchange ([`Limit::HeadFields`]).
    pub head_fields: u16,
    /// 1xx responses before the final one ([`Limit::Informational`]).
    pub informational: u8,
    /// Bytes of all chunk extensions of one body ([`Limit::ChunkExtension`]).
    pub chunk_extension_bytes: u32,
}

impl Limits {
    /// What libcurl allows for heads (CONTRACT §9), and 32 1xx responses, and 16 KiB of extensions.
    pub const DEFAULT: Self = Self {
        head_bytes: 300 * 1024,
        head_fields: 5000,
        informational: 32,
        chunk_extension_bytes: 16 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The end of a response head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadEnd {
    /// The status code.
    pub code: u16,
    /// The length of the body if the head names it; 0 where there is no body.
    pub length: Option<u64>,
}

/// Who hears what an exchange receives. An error ends the exchange with it.
pub trait Sink {
    /// A status line.
    ///
    /// # Errors
    /// The sink's own.
    fn on_status(&mut self, status: &Status<'_>) -> Result<(), Error>;
    /// A header field.
    ///
    /// # Errors
    /// The sink's own.
    fn on_field(&mut self, name: &str, value: &[u8]) -> Result<(), Error>;
    /// The end of a head; below 200 another follows.
    ///
    /// # Errors
    /// The sink's own.
    fn on_head(&mut self, head: &HeadEnd) -> Result<(), Error>;
    /// A piece of the body, not empty. [`Taken::Abort`] is not answered: the error says why.
    ///
    /// # Errors
    /// The sink's own.
    fn on_body(&mut self, bytes: &[u8]) -> Result<Taken, Error>;
    /// A trailer field.
    ///
    /// # Errors
    /// The sink's own.
    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Result<(), Error>;
}

/// How far receiving has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes are used; more are needed.
    NeedMore,
    /// The sink did not take all: the rest must be offered again.
    Paused,
    /// No block of the line pool is free: the rest must be offered again when one is.
    NoBlock,
    /// The message is complete. Bytes that were not consumed do not belong to it.
    Complete,
}

/// The answer to bytes that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many were used.
    pub consumed: usize,
    /// What is next.
    pub progress: Progress,
}

const CR_LF: &[u8] = b"\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    StatusLine,
    Fields,
    Body,
    Trailers,
    Complete,
}

/// The state of receiving one response, 1xx responses before it included.
#[derive(Debug)]
pub(super) struct Receiver {
    framing: Framing,
    /// `Content-Length`, if `has_length`.
    length: u64,
    body_bytes: u64,
    block: Option<Block>,
    head_bytes: u32,
    head_fields: u16,
    code: u16,
    informational: u8,
    minor: u8,
    stage: Stage,
    coding: Coding,
    to_head: bool,
    has_length: bool,
    says: Connection,
    continued: bool,
}

impl Receiver {
    pub(super) const fn new(to_head: bool) -> Self {
        Self {
            framing: Framing::Empty,
            length: 0,
            body_bytes: 0,
            block: None,
            head_bytes: 0,
            head_fields: 0,
            code: 0,
            informational: 0,
            minor: 0,
            stage: Stage::StatusLine,
            coding: Coding::Absent,
            to_head,
            has_length: false,
            says: Connection::Nothing,
            continued: false,
        }
    }

    /// The code of the last status line; 0 before the first.
    pub(super) const fn code(&self) -> u16 {
        self.code
    }

    pub(super) const fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub(super) const fn head_bytes(&self) -> u32 {
        self.head_bytes
    }

    /// The length of the body, once the head has named it.
    pub(super) fn body_length(&self) -> Option<u64> {
        match (self.stage, self.framing) {
            (Stage::StatusLine | Stage::Fields, _) => None,
            (_, Framing::Empty) => Some(0),
            (_, Framing::Sized(_)) => Some(self.length),
            (_, Framing::Chunked(_) | Framing::UntilClose) => None,
        }
    }

    /// Has a single byte of response come?
    pub(super) const fn started(&self) -> bool {
        self.head_bytes > 0 || self.block.is_some()
    }

    /// Is the final head complete?
    pub(super) const fn head_complete(&self) -> bool {
        matches!(self.stage, Stage::Body | Stage::Trailers | Stage::Complete)
    }

    pub(super) const fn is_complete(&self) -> bool {
        matches!(self.stage, Stage::Complete)
    }

    /// Has `100 Continue` come?
    pub(super) const fn continued(&self) -> bool {
        self.continued
    }

    /// May the connection serve another request (RFC 9112 §9.3)?
    pub(super) const fn persistent(&self) -> bool {
        let wanted = match self.says {
            Connection::Nothing => self.minor >= 1,
            Connection::KeepAlive => true,
            Connection::Close => false,
        };
        self.is_complete() && wanted && !matches!(self.framing, Framing::UntilClose)
    }

    /// Gives back what it holds of the line pool.
    pub(super) fn release(&mut self, lines: &mut Lines<'_>) {
        if let Some(block) = self.block.take() {
            lines.release(block);
        }
    }

    pub(super) fn receive<S: Sink>(
        &mut self,
        input: &[u8],
        lines: &mut Lines<'_>,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<Received, Error> {
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or(&[]);
            let step = match self.stage {
                Stage::Complete => {
                    return Ok(Received {
                        consumed,
                        progress: Progress::Complete,
                    });
                }
                Stage::Body => self.body(rest, limits, sink)?,
                Stage::StatusLine | Stage::Fields | Stage::Trailers
                    if !SMALL && self.block.is_none() =>
                {
                    let used = self.whole_lines(rest, lines.block_bytes(), limits, sink)?;
                    consumed += used;
                    if !self.in_lines() {
                        continue;
                    }
                    let rest = rest.get(used..).unwrap_or(&[]);
                    if rest.is_empty() {
                        let progress = Progress::NeedMore;
                        return Ok(Received { consumed, progress });
                    }
                    self.cut_line(rest, lines, limits, sink)?
                }
                Stage::StatusLine | Stage::Fields | Stage::Trailers => {
                    let whole = next_line(rest).filter(|_| SMALL && self.block.is_none());
                    if let Some(line) = whole {
                        self.lent_line(&line, lines.block_bytes(), limits, sink)?;
                        consumed += line.length;
                        continue;
                    }
                    self.cut_line(rest, lines, limits, sink)?
                }
            };
            consumed += step.consumed;
            if step.progress != Progress::Complete {
                return Ok(Received {
                    consumed,
                    progress: step.progress,
                });
            }
        }
    }

    /// The stream has ended. Is that a proper end of the response?
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match (self.stage, self.framing) {
            (Stage::Complete, _) => Ok(()),
            (Stage::Body, Framing::UntilClose) => {
                self.stage = Stage::Complete;
                Ok(())
            }
            (Stage::Body | Stage::Trailers, _) => Err(Error::PartialBody),
            (Stage::StatusLine, _) if self.block.is_none() => Err(Error::EmptyReply),
            (Stage::StatusLine | Stage::Fields, _) => {
                Err(Error::Receive(crate::net::IoError::Closed))
            }
        }
    }

    const fn in_lines(&self) -> bool {
        matches!(
            self.stage,
            Stage::StatusLine | Stage::Fields | Stage::Trailers
        )
    }

    /// Uses up all lines that lie whole in the lent slice, which is the common case. Answers how
    /// many bytes that were.
    fn whole_lines<S: Sink>(
        &mut self,
        input: &[u8],
        longest: usize,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<usize, Error> {
        let mut used = 0;
        while self.in_lines()
            && let Some(line) = next_line(input.get(used..).unwrap_or(&[]))
        {
            self.lent_line(&line, longest, limits, sink)?;
            used += line.length;
            if !SMALL && self.stage == Stage::Fields {
                used +=
                    self.plain_fields(input.get(used..).unwrap_or(&[]), longest, limits, sink)?;
            }
        }
        Ok(used)
    }

    /// Uses up a line that lies whole in the lent slice; it may be no longer than one that is cut.
    #[inline]
    fn lent_line<S: Sink>(
        &mut self,
        line: &Line<'_>,
        longest: usize,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<(), Error> {
        if line.length > longest {
            return Err(Limit::Line.into());
        }
        self.whole_line(line, limits, sink)
    }

    /// Uses up fields and the end of the head, up to a line that is cut or not known to be clean: the
    /// inner loop of reading a head. Answers how many bytes that were.
    fn plain_fields<S: Sink>(
        &mut self,
        input: &[u8],
        longest: usize,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<usize, Error> {
        let mut rest = input;
        while let Some((field, behind)) = clean_field(rest) {
            let length = rest.len() - behind.len();
            if length > longest {
                return Err(Limit::Line.into());
            }
            self.count_bytes(length, limits)?;
            rest = behind;
            let Some(field) = field? else {
                self.head_end(limits, sink)?;
                break;
            };
            self.field(&field, limits, sink)?;
        }
        Ok(input.len() - rest.len())
    }

    #[inline]
    fn count_bytes(&mut self, line: usize, limits: &Limits) -> Result<(), Limit> {
        let total = (self.head_bytes as usize).saturating_add(line);
        if total > limits.head_bytes as usize {
            return Err(Limit::HeadBytes);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "not above a limit of 32 bits"
        )]
        let total = total as u32;
        self.head_bytes = total;
        Ok(())
    }

    /// Uses up a piece of a line that begins or ends in another slice. `Progress::Complete` here
    /// means that it is whole now.
    #[cold]
    fn cut_line<S: Sink>(
        &mut self,
        input: &[u8],
        lines: &mut Lines<'_>,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<Received, Error> {
        let found = next_line(input);
        let consumed = found.map_or(input.len(), |line| line.length);
        if input.is_empty() {
            return Ok(Received {
                consumed: 0,
                progress: Progress::NeedMore,
            });
        }
        let Some(mut block) = self.block.take().or_else(|| lines.acquire()) else {
            return Ok(Received {
                consumed: 0,
                progress: Progress::NoBlock,
            });
        };
        let piece = input.get(..consumed).unwrap_or(input);
        if !lines.append(&mut block, piece) {
            lines.release(block);
            return Err(Limit::Line.into());
        }
        if found.is_none() {
            self.block = Some(block);
            return Ok(Received {
                consumed,
                progress: Progress::NeedMore,
            });
        }
        let whole = lines.bytes(&block);
        let line = next_line(whole).ok_or(Error::Internal);
        let result = line.and_then(|line| self.whole_line(&line, limits, sink));
        lines.release(block);
        result?;
        Ok(Received {
            consumed,
            progress: Progress::Complete,
        })
    }

    fn whole_line<S: Sink>(
        &mut self,
        line: &Line<'_>,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<(), Error> {
        self.count_bytes(line.length, limits)?;
        if SMALL || !line.is_clean {
            check_line(line.bytes)?;
        }
        match self.stage {
            Stage::StatusLine => self.status_line(line, sink),
            Stage::Fields if line.bytes.is_empty() => self.head_end(limits, sink),
            Stage::Fields => self.field(&parse_field_line(line)?, limits, sink),
            // Not lenient as in a head: it belongs to the chunked coding, whose end is no field line
            // (RFC 9112 §7.1), and strict readers see the end of the message elsewhere.
            Stage::Trailers if line.length < line.bytes.len() + CR_LF.len() => {
                Err(ResponseError::ChunkEnd.into())
            }
            Stage::Trailers if line.bytes.is_empty() => {
                self.stage = Stage::Complete;
                Ok(())
            }
            Stage::Trailers => {
                let field = parse_field_line(line)?;
                self.count_field(limits)?;
                sink.on_trailer(field.name, field.value)
            }
            Stage::Body | Stage::Complete => Err(Error::Internal),
        }
    }

    fn count_field(&mut self, limits: &Limits) -> Result<(), Limit> {
        self.head_fields = self.head_fields.saturating_add(1);
        if self.head_fields > limits.head_fields {
            Err(Limit::HeadFields)
        } else {
            Ok(())
        }
    }

    fn status_line<S: Sink>(&mut self, line: &Line<'_>, sink: &mut S) -> Result<(), Error> {
        let status = Status::parse_line(line)?;
        self.code = status.code;
        self.minor = status.minor;
        self.stage = Stage::Fields;
        self.coding = Coding::Absent;
        self.has_length = false;
        // `close` in a 1xx response holds for what follows it, too (RFC 9112 §9.6).
        if self.says != Connection::Close {
            self.says = Connection::Nothing;
        }
        sink.on_status(&status)
    }

    #[inline(always)]
    fn field<S: Sink>(
        &mut self,
        field: &Field<'_>,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<(), Error> {
        self.count_field(limits)?;
        match field.meaning {
            Meaning::Other => {}
            Meaning::Length => {
                let known = self.has_length.then_some(self.length);
                self.length = add_length(known, field.value)?;
                self.has_length = true;
            }
            Meaning::Coding => self.coding = self.coding.add(field.value)?,
            Meaning::Connection => self.says = self.says.and(field.value),
        }
        sink.on_field(field.name, field.value)
    }

    fn head_end<S: Sink>(&mut self, limits: &Limits, sink: &mut S) -> Result<(), Error> {
        let length = self.has_length.then_some(self.length);
        self.framing = of_response(self.to_head, self.code, self.minor, self.coding, length)?;
        if is_suspect(self.code, self.minor, self.coding, length) {
            self.says = Connection::Close;
        }
        if self.code < 200 {
            self.informational = self.informational.saturating_add(1);
            if self.code == 101 {
                return Err(ResponseError::Upgrade.into());
            }
            if self.informational > limits.informational {
                return Err(Limit::Informational.into());
            }
            self.continued |= self.code == 100;
            self.stage = Stage::StatusLine;
        } else {
            self.stage = match self.framing {
                Framing::Empty | Framing::Sized(0) => Stage::Complete,
                Framing::Sized(_) | Framing::Chunked(_) | Framing::UntilClose => Stage::Body,
            };
        }
        sink.on_head(&HeadEnd {
            code: self.code,
            length: self.body_length(),
        })
    }

    /// Uses up a piece of body. `Progress::Complete` here means that there is something further.
    fn body<S: Sink>(
        &mut self,
        input: &[u8],
        limits: &Limits,
        sink: &mut S,
    ) -> Result<Received, Error> {
        let (framed, data) = match &mut self.framing {
            Framing::Empty => (0, 0),
            Framing::Sized(missing) => (
                0,
                usize::try_from(*missing).map_or(input.len(), |n| n.min(input.len())),
            ),
            Framing::UntilClose => (0, input.len()),
            Framing::Chunked(chunks) => {
                match chunks.decode(input, limits.chunk_extension_bytes)? {
                    (framed, Chunk::Need) => (framed, 0),
                    (framed, Chunk::Data(n)) => (framed, n),
                    (framed, Chunk::Last) => {
                        self.stage = Stage::Trailers;
                        return Ok(Received {
                            consumed: framed,
                            progress: Progress::Complete,
                        });
                    }
                }
            }
        };
        let bytes = input
            .get(framed..)
            .and_then(|rest| rest.get(..data))
            .unwrap_or(&[]);
        if bytes.is_empty() {
            return Ok(Received {
                consumed: framed,
                progress: Progress::NeedMore,
            });
        }
        let (taken, paused) = match sink.on_body(bytes)? {
            Taken::All => (bytes.len(), false),
            Taken::Pause(taken) => (taken.min(bytes.len()), true),
            Taken::Abort => return Err(Error::Write),
        };
        self.body_taken(taken);
        // A sink that paused with the last byte is not asked again: there is nothing left for it.
        let over = self.stage == Stage::Complete;
        let progress = if paused && !over {
            Progress::Paused
        } else {
            Progress::Complete
        };
        Ok(Received {
            consumed: framed + taken,
            progress,
        })
    }

    fn body_taken(&mut self, taken: usize) {
        self.body_bytes = self.body_bytes.saturating_add(taken as u64);
        match &mut self.framing {
            Framing::Sized(missing) => {
                *missing = missing.saturating_sub(taken as u64);
                if *missing == 0 {
                    self.stage = Stage::Complete;
                }
            }
            Framing::Chunked(chunks) => chunks.taken(taken),
            Framing::Empty | Framing::UntilClose => {}
        }
    }
}
