//! A verdict on a response, in a form that all can be brought to.

use std::fmt;

use muxfer_core::Error;
use muxfer_core::error::ResponseError;

use crate::corpus::{Account, Outcome, Seen};

/// Fields: names in lower case, sorted by name; those of one name in their order.
pub(super) type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What a response says. What a judge does not tell is `None`, and is not compared.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// The status code.
    pub code: u16,
    /// The reason phrase.
    pub reason: Option<Vec<u8>>,
    /// The fields of the final head.
    pub fields: Fields,
    /// The body.
    pub body: Option<Vec<u8>>,
    /// The trailer fields.
    pub trailers: Option<Fields>,
    /// How many bytes belong to it.
    pub end: Option<usize>,
    /// Is the connection kept?
    pub kept: Option<bool>,
}

/// What somebody makes of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message is whole.
    Whole(Box<Message>),
    /// It is refused, with the reason.
    Refused(String),
    /// It was accepted as far as it goes, but its end is missing.
    Short(String),
    /// A head that is refused for what it says about the body, not for its form: so far it was
    /// this, and others may go on.
    HeadSoFar(Box<Message>),
}

impl Verdict {
    /// The engine's.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        match account.ending.outcome {
            Outcome::Complete | Outcome::AtClose => {
                let mut message = message(account);
                message.end = Some(account.ending.consumed);
                message.kept = Some(account.ending.persistent);
                Self::Whole(Box::new(message))
            }
            Outcome::Refused(error) => Self::Refused(format!("{error:?}")),
            Outcome::Short(error) => Self::Short(format!("{error:?}")),
        }
    }

    /// The engine's on the heads alone.
    #[must_use]
    pub fn of_head(account: &Account) -> Self {
        let mut message = message(account);
        (message.body, message.trailers) = (None, None);
        let over = |seen: &Seen| matches!(seen, Seen::Head(200.., _));
        if account.seen.iter().any(over) {
            return Self::Whole(Box::new(message));
        }
        if let Outcome::Refused(
            Error::TransferCoding
            | Error::BadResponse(
                ResponseError::ContentLength
                | ResponseError::ConflictingLengths
                | ResponseError::Upgrade,
            ),
        ) = account.ending.outcome
        {
            return Self::HeadSoFar(Box::new(message));
        }
        Self::of(account)
    }

    /// Is the message whole?
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// Is it the same verdict? All that is not whole is the same: for the user both are an error.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.differences(other).is_empty(),
            // What follows a 1xx head was not looked at.
            (Self::HeadSoFar(one), Self::Whole(other)) => one.code < 200 || one.is_part_of(other),
            (Self::HeadSoFar(_), _) => true,
            (one, other) => one.is_whole() == other.is_whole(),
        }
    }
}

impl Message {
    /// What is not the same in both, by name.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        fn unlike<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.zip(other).is_some_and(|(one, other)| one != other)
        }
        let all = [
            ("code", self.code != other.code),
            (
                "reason",
                unlike(self.reason.as_ref(), other.reason.as_ref()),
            ),
            ("fields", self.fields != other.fields),
            ("body", unlike(self.body.as_ref(), other.body.as_ref())),
            (
                "trailers",
                unlike(self.trailers.as_ref(), other.trailers.as_ref()),
            ),
            ("end", unlike(self.end.as_ref(), other.end.as_ref())),
            ("kept", unlike(self.kept.as_ref(), other.kept.as_ref())),
        ];
        let unlike = all.into_iter().filter(|(_, unlike)| *unlike);
        unlike.map(|(name, _)| name).collect()
    }

    /// Does the other hold all the fields of this one?
    fn is_part_of(&self, other: &Self) -> bool {
        self.code == other.code && self.fields.iter().all(|field| other.fields.contains(field))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let fields = |fields: &Fields| {
            let shown = fields
                .iter()
                .map(|(n, v)| format!("{}: {}", text(n), text(v)));
            shown.collect::<Vec<_>>()
        };
        f.debug_struct("Message")
            .field("code", &self.code)
            .field("reason", &self.reason.as_deref().map(text))
            .field("fields", &fields(&self.fields))
            .field("body", &self.body.as_deref().map(text))
            .field("trailers", &self.trailers.as_ref().map(fields))
            .field("end", &self.end)
            .field("kept", &self.kept)
            .finish()
    }
}

/// Brings fields to the form in which they are compared.
pub(super) fn sorted(fields: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Fields {
    let lower = |(name, value): (Vec<u8>, _)| (name.to_ascii_lowercase(), value);
    let mut fields: Fields = fields.into_iter().map(lower).collect();
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    fields
}

/// The final head, as far as it came, with the body and the trailers.
fn message(account: &Account) -> Message {
    let mut message = Message::default();
    let (mut body, mut fields, mut trailers) = (Vec::new(), Vec::new(), Vec::new());
    for seen in &account.seen {
        match seen {
            Seen::Status(code, _, reason) => {
                message.code = *code;
                message.reason = Some(reason.clone());
                fields.clear();
            }
            Seen::Field(name, value) => fields.push((name.clone().into_bytes(), value.clone())),
            Seen::Body(bytes) => body.clone_from(bytes),
            Seen::Trailer(name, value) => trailers.push((name.clone().into_bytes(), value.clone())),
            Seen::Head(..) => {}
        }
    }
    message.fields = sorted(fields);
    message.body = Some(body);
    message.trailers = Some(sorted(trailers));
    message
}
