//! The classes of disagreements. Each is a narrow question about the bytes and both verdicts; the
//! reasons are in `tests/differential/disagreements.md`.

use muxfer_core::Error;
use muxfer_core::error::ResponseError;

use crate::corpus::{Account, Outcome, Response};

use super::Reference::{self, H11, Httparse, Hyper};
use super::Verdict;
use super::shape::{Head, Shape, hex_digits};

/// All that is known of one comparison.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The response.
    pub response: &'a Response,
    /// What the engine was told of it.
    pub account: &'a Account,
    /// Who disagrees.
    pub reference: Reference,
    /// The engine's verdict.
    pub ours: &'a Verdict,
    /// The other's.
    pub theirs: &'a Verdict,
}

/// In what two verdicts can disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The engine has a whole message, the other an error.
    Accepts,
    /// The engine has an error, the other a whole message.
    Refuses,
    /// Both have a whole message, unlike in one of these parts.
    Differs(&'static [&'static str]),
}

/// One class.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// Its name in the list.
    pub name: &'static str,
    /// Who disagrees so.
    pub against: &'static [Reference],
    /// In what.
    pub what: What,
    applies: fn(&Facts<'_>, &Shape<'_>) -> bool,
}

/// The classes of a disagreement, one for each thing in which the verdicts are unlike; `None` if one
/// of those has no class.
#[must_use]
pub fn of(facts: &Facts<'_>) -> Option<Vec<&'static str>> {
    let shape = Shape::of(&facts.response.bytes);
    let find = |what: What| {
        let found = CLASSES.iter().find(|class| {
            class.against.contains(&facts.reference)
                && class.what.covers(what)
                && (class.applies)(facts, &shape)
        });
        found.map(|class| class.name)
    };
    match (facts.ours, facts.theirs) {
        (Verdict::Whole(ours), Verdict::Whole(theirs)) => {
            let parts = ours.differences(theirs);
            let classes = parts.into_iter().map(|part| match part {
                "body" => find(What::Differs(&["body"])),
                "end" => find(What::Differs(&["end"])),
                "fields" => find(What::Differs(&["fields"])),
                "kept" => find(What::Differs(&["kept"])),
                "reason" => find(What::Differs(&["reason"])),
                "trailers" => find(What::Differs(&["trailers"])),
                _ => None,
            });
            classes.collect()
        }
        (Verdict::Whole(_), _) => Some(vec![find(What::Accepts)?]),
        (_, _) => Some(vec![find(What::Refuses)?]),
    }
}

impl What {
    fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::Differs(parts), Self::Differs(of)) => of.iter().all(|part| parts.contains(part)),
            (one, other) => one == other,
        }
    }

    /// As the list says it.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Accepts => "we accept".to_owned(),
            Self::Refuses => "we refuse".to_owned(),
            Self::Differs(parts) => format!("unlike: {}", parts.join(", ")),
        }
    }
}

/// All classes. The first that applies counts.
pub const CLASSES: &[Class] = &[
    Class {
        name: "over a limit",
        against: &[Httparse, Hyper, H11],
        what: What::Refuses,
        applies: |facts, _| matches!(error(facts), Some(Error::Limit(_))),
    },
    // Status lines.
    Class {
        name: "major version other than 1",
        against: &[H11],
        what: What::Refuses,
        applies: |facts, shape| {
            let other = |head: &Head<'_>| head.version().is_some_and(|(major, _)| major != 1);
            refused(facts, ResponseError::NotHttp) && shape.heads.iter().any(other)
        },
    },
    Class {
        name: "minor version above 1",
        against: &[Httparse, Hyper],
        what: What::Accepts,
        applies: |_, shape| {
            let above = |head: &Head<'_>| matches!(head.version(), Some((1, 2..)));
            shape.heads.iter().any(above)
        },
    },
    Class {
        name: "status below 100",
        against: &[Httparse],
        what: What::Refuses,
        applies: |facts, shape| {
            let below = |head: &Head<'_>| head.code().starts_with(b"0");
            refused(facts, ResponseError::Status) && shape.heads.iter().any(below)
        },
    },
    Class {
        name: "empty line before the status line",
        against: &[Httparse, Hyper],
        what: What::Refuses,
        applies: |facts, shape| {
            let empty = shape.heads.iter().any(|head| head.status_line.is_empty());
            refused(facts, ResponseError::NotHttp) && empty
        },
    },
    Class {
        name: "reason with obs-text",
        against: &[Httparse],
        what: What::Differs(&["reason"]),
        applies: |facts, shape| {
            let dropped = matches!(facts.theirs, Verdict::Whole(message)
                if message.reason.as_deref() == Some(b""));
            dropped && !shape.head().status_line.is_ascii()
        },
    },
    Class {
        name: "101 that nobody asked for",
        against: &[Hyper],
        what: What::Refuses,
        applies: |facts, _| {
            matches!(facts.theirs, Verdict::Whole(message) if message.code == 101)
                && matches!(error(facts), Some(Error::BadResponse(_)))
        },
    },
    // Fields.
    Class {
        name: "folded line",
        against: &[H11],
        what: What::Refuses,
        applies: |facts, _| refused(facts, ResponseError::Folded),
    },
    Class {
        name: "folded length",
        against: &[H11],
        what: What::Refuses,
        applies: |facts, shape| {
            let is_folded = |pair: &[&[u8]]| {
                pair[0].to_ascii_lowercase().starts_with(b"content-length:")
                    && matches!(pair[1], [b' ' | b'\t', ..])
            };
            let mut heads = shape.heads.iter();
            refused(facts, ResponseError::ContentLength)
                && heads.any(|head| head.field_lines.windows(2).any(is_folded))
        },
    },
    Class {
        name: "control character in a value or reason",
        against: &[H11],
        what: What::Refuses,
        applies: |facts, _| {
            let control = facts.response.bytes.iter().any(|byte| {
                byte.is_ascii_control() && !matches!(byte, b'\r' | b'\n' | b'\t' | b'\0')
            });
            refused(facts, ResponseError::FieldValue) && control
        },
    },
    Class {
        name: "framing fields rewritten",
        against: &[H11],
        what: What::Differs(&["fields", "trailers"]),
        applies: |facts, _| match (facts.ours, facts.theirs) {
            (Verdict::Whole(ours), Verdict::Whole(theirs)) => {
                let others = |fields: &[(Vec<u8>, Vec<u8>)]| -> Vec<_> {
                    let about_framing =
                        |name: &[u8]| matches!(name, b"content-length" | b"transfer-encoding");
                    let others = fields.iter().filter(|field| !about_framing(&field.0));
                    others.cloned().collect()
                };
                let trailers = [&ours.trailers, &theirs.trailers];
                let [one, other] = trailers.map(|fields| fields.as_deref().unwrap_or(&[]));
                others(&ours.fields) == others(&theirs.fields) && others(one) == others(other)
            }
            _ => false,
        },
    },
    // Lengths.
    Class {
        name: "bad length without a body",
        against: &[Hyper, H11],
        what: What::Refuses,
        applies: |facts, shape| {
            refused(facts, ResponseError::ContentLength)
                && shape.heads.iter().any(|head| {
                    let bodiless = head.is_informational() || is_bodiless(facts, head.code());
                    bodiless && head.has("content-length")
                })
        },
    },
    Class {
        name: "bad length beside a coding",
        against: &[Hyper, H11],
        what: What::Refuses,
        applies: |facts, shape| {
            refused(facts, ResponseError::ContentLength) && shape.head().has("transfer-encoding")
        },
    },
    Class {
        name: "equal lengths in different digits",
        against: &[H11],
        what: What::Accepts,
        applies: |_, shape| {
            shape.heads.iter().any(|head| {
                let texts = head.elements("content-length");
                let numbers: Vec<Option<u64>> = texts.iter().map(|t| t.parse().ok()).collect();
                let equal = numbers.windows(2).all(|pair| pair[0] == pair[1]);
                equal && texts.windows(2).any(|pair| pair[0] != pair[1])
            })
        },
    },
    // Codings.
    Class {
        name: "coding and length",
        against: &[Hyper, H11],
        what: What::Refuses,
        applies: |facts, shape| {
            let head = shape.head();
            let both = head.has("transfer-encoding") && head.has("content-length");
            refused(facts, ResponseError::ConflictingLengths) && both
        },
    },
    Class {
        name: "coding in HTTP/1.0",
        against: &[H11],
        what: What::Refuses,
        applies: |facts, shape| {
            let head = shape.head();
            let coded = head.has("transfer-encoding") && head.version() == Some((1, 0));
            refused(facts, ResponseError::ConflictingLengths) && coded
        },
    },
    Class {
        name: "chunked not last or not once",
        against: &[Hyper],
        what: What::Refuses,
        applies: |facts, shape| {
            let codings = codings(shape);
            let first = codings.iter().position(|coding| coding == "chunked");
            refused(facts, ResponseError::ConflictingLengths)
                && first.is_some_and(|at| at + 1 < codings.len())
        },
    },
    Class {
        name: "coding that can't be undone",
        against: &[Hyper],
        what: What::Refuses,
        applies: |facts, shape| {
            error(facts) == Some(Error::TransferCoding)
                && shape.head().has("transfer-encoding")
                && codings(shape) != ["chunked"]
        },
    },
    Class {
        name: "empty elements beside chunked: read to the close",
        against: &[Hyper],
        what: What::Differs(&["body", "trailers", "end", "kept"]),
        applies: padded_and_read_to_the_close,
    },
    Class {
        name: "empty elements beside chunked: broken chunks read to the close",
        against: &[Hyper],
        what: What::Refuses,
        applies: padded_and_read_to_the_close,
    },
    Class {
        name: "empty elements beside chunked",
        against: &[H11],
        what: What::Accepts,
        applies: |facts, shape| is_padded(shape) && says(facts, "Only Transfer-Encoding: chunked"),
    },
    Class {
        name: "unknown coding without a body",
        against: &[H11],
        what: What::Accepts,
        applies: |facts, shape| {
            let odd = shape.heads.iter().any(|head| {
                let bodiless = head.is_informational() || is_bodiless(facts, head.code());
                let codings = head.elements("transfer-encoding");
                bodiless && !codings.is_empty() && codings != ["chunked"]
            });
            odd && (says(facts, "Only Transfer-Encoding: chunked")
                || says(facts, "multiple Transfer-Encoding"))
        },
    },
    Class {
        name: "framing field in a trailer",
        against: &[H11],
        what: What::Accepts,
        applies: |facts, _| {
            let names = [&b"transfer-encoding"[..], b"content-length"];
            let named = matches!(facts.ours, Verdict::Whole(message)
                if message.trailers.iter().flatten().any(|field| names.contains(&&*field.0)));
            named && (says(facts, "Transfer-Encoding") || says(facts, "Content-Length"))
        },
    },
    // Chunks.
    Class {
        name: "white space before a chunk extension",
        against: &[H11],
        what: What::Accepts,
        applies: |facts, shape| {
            let spaced = |line: &&[u8]| {
                let behind = &line[hex_digits(line).len()..];
                matches!(behind, [b' ' | b'\t', ..]) && behind.trim_ascii_start().starts_with(b";")
            };
            says(facts, "illegal chunk header") && shape.size_lines().iter().any(spaced)
        },
    },
    Class {
        name: "chunk size of 21 to 32 digits",
        against: &[H11],
        what: What::Accepts,
        applies: |facts, shape| {
            let long = |line: &&[u8]| matches!(hex_digits(line).len(), 21..=32);
            says(facts, "illegal chunk header") && shape.size_lines().iter().any(long)
        },
    },
    Class {
        name: "chunk size of more than 32 digits",
        against: &[Hyper],
        what: What::Refuses,
        applies: |facts, shape| {
            let long = |line: &&[u8]| hex_digits(line).len() > 32;
            refused(facts, ResponseError::ChunkSize) && shape.size_lines().iter().any(long)
        },
    },
    Class {
        name: "white space behind a chunk size",
        against: &[Hyper, H11],
        what: What::Refuses,
        applies: |facts, shape| {
            let blank = |line: &&[u8]| {
                let behind = &line[hex_digits(line).len()..];
                !behind.is_empty() && behind.iter().all(|byte| matches!(byte, b' ' | b'\t'))
            };
            refused(facts, ResponseError::ChunkSize) && shape.size_lines().iter().any(blank)
        },
    },
    Class {
        name: "control character in a chunk extension",
        against: &[Hyper, H11],
        what: What::Refuses,
        applies: |facts, shape| {
            let control = |line: &&[u8]| {
                let control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
                line.contains(&b';') && line.iter().any(control)
            };
            refused(facts, ResponseError::ChunkSize) && shape.size_lines().iter().any(control)
        },
    },
    Class {
        name: "bare line feed in a trailer section",
        against: &[Hyper, H11],
        what: What::Refuses,
        applies: |facts, shape| {
            let last = shape.size_lines().pop().unwrap_or(&[]);
            let digits = hex_digits(last);
            let is_last = !digits.is_empty() && digits.iter().all(|digit| *digit == b'0');
            refused(facts, ResponseError::ChunkEnd) && is_last && has_bare_line_feed(shape.rest)
        },
    },
    // Persistence.
    Class {
        name: "coding that closes without a body",
        against: &[Hyper, H11],
        what: What::Differs(&["kept"]),
        applies: |facts, shape| {
            let suspect = shape.heads.iter().any(|head| {
                let old = head.version() == Some((1, 0));
                let empty = head.is_informational() || head.code() == b"204";
                let both = head.has("content-length") && is_bodiless(facts, head.code());
                head.has("transfer-encoding") && (old || empty || both)
            });
            suspect && kept(facts.theirs)
        },
    },
    Class {
        name: "close in a 1xx response",
        against: &[Hyper, H11],
        what: What::Differs(&["kept"]),
        applies: |facts, shape| {
            let close = shape.heads.iter().any(|head| {
                let closes = head.elements("connection").contains(&"close".to_owned());
                head.is_informational() && closes
            });
            close && kept(facts.theirs)
        },
    },
    Class {
        name: "connection options beside obs-text",
        against: &[Hyper],
        what: What::Differs(&["kept"]),
        applies: |_, shape| {
            let mut values = shape.head().values("connection").into_iter();
            values.any(|value| !value.is_ascii())
        },
    },
    Class {
        name: "keep-alive in HTTP/1.0",
        against: &[H11],
        what: What::Differs(&["kept"]),
        applies: |facts, shape| {
            let head = shape.head();
            let alive = head
                .elements("connection")
                .contains(&"keep-alive".to_owned());
            head.version() == Some((1, 0)) && alive && kept(facts.ours)
        },
    },
];

/// Why the engine refuses it.
const fn error(facts: &Facts<'_>) -> Option<Error> {
    match facts.account.ending.outcome {
        Outcome::Refused(error) => Some(error),
        Outcome::Complete | Outcome::AtClose | Outcome::Short(_) => None,
    }
}

fn refused(facts: &Facts<'_>, why: ResponseError) -> bool {
    error(facts) == Some(Error::BadResponse(why))
}

/// Does the other refuse it with these words?
fn says(facts: &Facts<'_>, words: &str) -> bool {
    matches!(facts.theirs, Verdict::Refused(why) if why.contains(words))
}

fn kept(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Whole(message) if message.kept == Some(true))
}

/// Has a final response with this code no body (RFC 9112 §6.3, rule 1)?
fn is_bodiless(facts: &Facts<'_>, code: &[u8]) -> bool {
    facts.response.to_head || matches!(code, b"204" | b"304")
}

/// The transfer codings of the final head; empty elements are left out.
fn codings(shape: &Shape<'_>) -> Vec<String> {
    let mut codings = shape.head().elements("transfer-encoding");
    codings.retain(|coding| !coding.is_empty());
    codings
}

/// Is `chunked` the only coding, with empty elements beside it?
fn is_padded(shape: &Shape<'_>) -> bool {
    codings(shape) == ["chunked"] && shape.head().elements("transfer-encoding").len() > 1
}

fn padded_and_read_to_the_close(facts: &Facts<'_>, shape: &Shape<'_>) -> bool {
    let all = matches!(facts.theirs, Verdict::Whole(message)
        if message.body.as_deref() == Some(shape.rest));
    is_padded(shape) && all
}

fn has_bare_line_feed(bytes: &[u8]) -> bool {
    let mut before = 0;
    bytes.iter().any(|byte| {
        let bare = *byte == b'\n' && before != b'\r';
        before = *byte;
        bare
    })
}
