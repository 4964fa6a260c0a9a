//! What the head of an answer says of the image.

use core::time::Duration;

use heapless::String;
use muxfer_core::wire::{ContentRange, ContentRangeValue};

use super::record::TAG;
use crate::retry::retry_after;

/// A strong entity tag with its quotes; empty if there is none that can be kept.
pub(super) type Tag = String<TAG>;

/// What the head of an answer says of the image; anew for each head.
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) tag: Tag,
    /// The part that the body is, of a 206.
    pub(super) part: Option<ContentRange>,
    /// It has a content coding.
    pub(super) is_encoded: bool,
    /// When the server wants to be asked again.
    pub(super) retry_after: Option<Duration>,
    tags: u8,
}

impl Answer {
    pub(super) const fn new() -> Self {
        Self {
            code: 0,
            tag: Tag::new(),
            part: None,
            is_encoded: false,
            retry_after: None,
            tags: 0,
        }
    }

    pub(super) fn begin(&mut self, code: u16) {
        *self = Self::new();
        self.code = code;
    }

    pub(super) fn field(&mut self, name: &str, value: &[u8]) {
        match name.len() {
            4 if name.eq_ignore_ascii_case("etag") => self.entity_tag(value),
            11 if name.eq_ignore_ascii_case("retry-after") => {
                self.retry_after = retry_after(value);
            }
            13 if name.eq_ignore_ascii_case("content-range") => {
                // The engine judges where it starts and whether it is well-formed.
                self.part = match ContentRange::parse(value) {
                    Ok(ContentRangeValue::Satisfied(part)) => Some(part),
                    Ok(ContentRangeValue::Unsatisfied(_)) | Err(_) => None,
                };
            }
            16 if name.eq_ignore_ascii_case("content-encoding") => {
                self.is_encoded |= !value.eq_ignore_ascii_case(b"identity");
            }
            _ => {}
        }
    }

    /// Of two tags neither can be trusted.
    fn entity_tag(&mut self, value: &[u8]) {
        self.tags = self.tags.saturating_add(1);
        self.tag = match strong(value) {
            Some(tag) if self.tags == 1 => Tag::try_from(tag).unwrap_or_default(),
            Some(_) | None => Tag::new(),
        };
    }
}

/// The tag, if it is strong (RFC 9110 §8.8.3) and plain ASCII. A weak one says only that a copy is as
/// good: bytes of two such copies must not be mixed (§13.1.5). A date is no substitute: it is strong
/// only for who knows the server's clock (§8.8.2.2).
fn strong(value: &[u8]) -> Option<&str> {
    let [b'"', inner @ .., b'"'] = value else {
        return None;
    };
    let is_plain = inner
        .iter()
        .all(|byte| byte.is_ascii_graphic() && *byte != b'"');
    if is_plain {
        core::str::from_utf8(value).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag_of(values: &[&str]) -> Tag {
        let mut answer = Answer::new();
        for value in values {
            answer.field("ETag", value.as_bytes());
        }
        answer.tag
    }

    #[test]
    fn only_one_strong_short_tag_is_kept() {
        assert_eq!(tag_of(&["\"v1\""]), "\"v1\"");
        assert_eq!(tag_of(&["\"\""]), "\"\"");
        let longest = core::str::from_utf8(&[b'"'; 2]).expect("text");
        assert_eq!(tag_of(&[longest]), longest);
        for weak in [
            "",
            "W/\"v1\"",
            "w/\"v1\"",
            "v1",
            "\"",
            "\"a\"b\"",
            "\"a b\"",
            "\"\u{e4}\"",
        ] {
            assert_eq!(tag_of(&[weak]), "", "{weak}");
        }
        let mut long = [b'x'; TAG + 1];
        (long[0], long[TAG]) = (b'"', b'"');
        assert_eq!(tag_of(&[core::str::from_utf8(&long).expect("text")]), "");
        assert_eq!(tag_of(&["\"v1\"", "\"v1\""]), "");
        assert_eq!(tag_of(&["W/\"v1\"", "\"v1\""]), "");
    }

    #[test]
    fn each_head_stands_for_itself() {
        let mut answer = Answer::new();
        answer.begin(206);
        answer.field("etag", b"\"a\"");
        answer.field("CONTENT-RANGE", b"bytes 1-2/3");
        answer.field("Content-Encoding", b"gzip");
        answer.field("Retry-After", b"5");
        assert!(answer.is_encoded && answer.part.is_some());
        assert_eq!(answer.retry_after, Some(Duration::from_secs(5)));
        answer.begin(200);
        assert!(!answer.is_encoded && answer.part.is_none() && answer.tag.is_empty());
        assert_eq!(answer.retry_after, None);
        answer.field("Content-Encoding", b"Identity");
        assert!(!answer.is_encoded);
    }
}
