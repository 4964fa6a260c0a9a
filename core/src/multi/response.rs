//! What a transfer makes of its response: redirects, ranges, refusals; the rest goes to the easy
//! handle.

use crate::Error;
use crate::easy::{Easy, Flow, Follow, Head, Range, Redirects, Status, Taken};
use crate::error::ResponseError;
use crate::features::{RANGES, REDIRECTS};
use crate::http::{HeadEnd, Sink};
use crate::transfer::{Flag, Flags};
use crate::wire::{self, ContentRange, ContentRangeValue, Url, join};

/// Stands between the exchange and the easy handle.
pub(super) struct Response<'a, E> {
    easy: &'a mut E,
    flags: &'a mut Flags,
    redirects: &'a mut u16,
    scratch: &'a mut [u8],
    /// The status of the head that is being read.
    code: u16,
    drained: u64,
    drain_bytes: u64,
    abandoned: bool,
}

fn flow(flow: Flow) -> Result<(), Error> {
    match flow {
        Flow::Continue => Ok(()),
        Flow::Abort => Err(Error::Write),
    }
}

impl<'a, E: Easy> Response<'a, E> {
    pub(super) fn new(
        easy: &'a mut E,
        flags: &'a mut Flags,
        redirects: &'a mut u16,
        scratch: &'a mut [u8],
    ) -> Self {
        let (code, drained, drain_bytes) = (0, 0, u64::MAX);
        Self {
            easy,
            flags,
            redirects,
            scratch,
            code,
            drained,
            drain_bytes,
            abandoned: false,
        }
    }

    /// Goes on in a response that has come so far.
    pub(super) fn at(mut self, code: u16, body_bytes: u64, drain_bytes: u32) -> Self {
        self.code = code;
        self.drained = body_bytes;
        self.drain_bytes = drain_bytes.into();
        self
    }

    /// The rest of this response is not worth reading: the error that was returned is not one.
    pub(super) const fn abandoned(&self) -> bool {
        self.abandoned
    }

    fn abandon(&mut self) -> Error {
        self.abandoned = true;
        Error::Internal
    }

    /// A field of a response that may be a redirect or about a range.
    #[cold]
    fn meant_for_us(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        let redirected = REDIRECTS && matches!(self.code, 301 | 302 | 303 | 307 | 308);
        if redirected && name.eq_ignore_ascii_case("location") {
            return self.location(value);
        }
        if RANGES && matches!(self.code, 206 | 416) && name.eq_ignore_ascii_case("content-range") {
            return self.content_range(value);
        }
        Ok(())
    }

    /// RFC 9110 §15.4: asks the easy handle whether it follows.
    fn location(&mut self, value: &[u8]) -> Result<(), Error> {
        let Redirects::Follow(most) = self.easy.options().redirects else {
            return Ok(());
        };
        if self.flags.put(Flag::Located) {
            return Err(ResponseError::Location.into());
        }
        if most != u16::MAX && *self.redirects >= most {
            return Err(Error::TooManyRedirects);
        }
        let request = self.easy.request();
        let base = Url::parse(request.url)?;
        let length = join(&base, value, self.scratch)?;
        let text = self.scratch.get(..length).unwrap_or(&[]);
        let text = wire::text(text).ok_or(ResponseError::Location)?;
        let url = Url::parse(text).map_err(|_| ResponseError::Location)?;
        let foreign = !url.same_origin(&base);
        let rewrite = rewrites(self.code, request.method) && !self.easy.options().keep_post;
        match self.easy.on_redirect(text) {
            Follow::Stop => Ok(()),
            Follow::TooLong => Err(Error::BadUrl(crate::error::UrlError::TooLong)),
            Follow::Go => {
                *self.redirects += 1;
                // Once a secret was left behind it stays behind: who answers now may lead back.
                self.flags.set_if(Flag::Foreign, foreign);
                self.flags.set_if(Flag::Rewritten, rewrite);
                self.flags.set(Flag::Follow, true);
                self.flags.set(Flag::Discard, true);
                Ok(())
            }
        }
    }

    fn content_range(&mut self, value: &[u8]) -> Result<(), Error> {
        let Some(range) = self.easy.request().range else {
            return Ok(());
        };
        match (ContentRange::parse(value)?, range, self.code) {
            (ContentRangeValue::Satisfied(got), Range::Resume { from, .. }, 206) => {
                self.flags.set(Flag::RangeRight, got.first == from);
            }
            (ContentRangeValue::Unsatisfied(length), Range::Resume { from, .. }, 416) => {
                self.flags.set(Flag::AlreadyComplete, length == from);
            }
            _ => {}
        }
        Ok(())
    }

    /// A download that is to be appended must start where the present bytes end (CONTRACT §9, 17).
    fn resumed(&mut self) -> Result<(), Error> {
        let range = if RANGES {
            self.easy.request().range
        } else {
            None
        };
        let Some(Range::Resume { from, .. }) = range else {
            return match (self.code, range) {
                (206, None) => Err(ResponseError::ContentRange.into()),
                _ => Ok(()),
            };
        };
        match self.code {
            206 if !self.flags.has(Flag::RangeRight) => Err(ResponseError::ContentRange.into()),
            200 if from > 0 && !self.easy.restart() => Err(Error::RangeIgnored),
            416 if self.flags.has(Flag::AlreadyComplete) => {
                self.flags.set(Flag::Discard, true);
                Ok(())
            }
            // No body, or one that starts over in a sink that is empty by now.
            200 | 204 | 206 | 304 => Ok(()),
            // An error page must not be appended to a file.
            _ if from > 0 => Err(Error::RangeIgnored),
            _ => Ok(()),
        }
    }
}

/// CONTRACT §9, 8: 301 and 302 turn a POST into a GET, 303 anything but GET and HEAD.
fn rewrites(code: u16, method: &str) -> bool {
    match code {
        301 | 302 => method == "POST",
        303 => !matches!(method, "GET" | "HEAD"),
        _ => false,
    }
}

impl<E: Easy> Sink for Response<'_, E> {
    fn on_status(&mut self, status: &Status<'_>) -> Result<(), Error> {
        self.code = status.code;
        self.flags.set(Flag::Located, false);
        self.flags.set(Flag::RangeRight, false);
        flow(self.easy.on_status(status))
    }

    #[inline]
    fn on_field(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        flow(self.easy.on_field(name, value))?;
        let is_ours = REDIRECTS || RANGES;
        if is_ours && matches!(self.code, 206 | 301 | 302 | 303 | 307 | 308 | 416) {
            return self.meant_for_us(name, value);
        }
        Ok(())
    }

    fn on_head(&mut self, end: &HeadEnd) -> Result<(), Error> {
        let head = Head {
            code: end.code,
            length: end.length,
            followed: self.flags.has(Flag::Follow),
        };
        flow(self.easy.on_head(&head))?;
        if end.code < 200 {
            return Ok(());
        }
        if end.code == 417 && self.flags.has(Flag::Expects) && !self.flags.has(Flag::NoExpect) {
            // RFC 9110 §10.1.1: the peer does not know Expect; ask again without.
            self.flags.set(Flag::AskAgain, true);
            self.flags.set(Flag::Discard, true);
        }
        if self.flags.has(Flag::Discard) {
            return match end.length {
                Some(length) if length > self.drain_bytes => Err(self.abandon()),
                Some(_) | None => Ok(()),
            };
        }
        if self.easy.options().fail_on_error
            && end.code >= 400
            && !self.flags.has(Flag::AlreadyComplete)
        {
            return Err(Error::HttpStatus(end.code));
        }
        self.resumed()?;
        match (self.easy.options().max_body, end.length) {
            (Some(most), Some(length)) if length > most => Err(Error::BodyTooLarge),
            _ => Ok(()),
        }
    }

    fn on_body(&mut self, bytes: &[u8]) -> Result<Taken, Error> {
        self.drained = self.drained.saturating_add(bytes.len() as u64);
        if self.flags.has(Flag::Discard) {
            if self.drained > self.drain_bytes {
                return Err(self.abandon());
            }
            return Ok(Taken::All);
        }
        if self
            .easy
            .options()
            .max_body
            .is_some_and(|most| self.drained > most)
        {
            return Err(Error::BodyTooLarge);
        }
        match self.easy.on_body(bytes) {
            Taken::Abort => Err(Error::Write),
            taken @ (Taken::All | Taken::Pause(_)) => Ok(taken),
        }
    }

    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        flow(self.easy.on_trailer(name, value))
    }
}
