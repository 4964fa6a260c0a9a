//! Response heads, whole and cut.

use muxfer_core::Error;
use muxfer_core::http::{Limits, Progress};
use muxfer_core::net::IoError;

use super::input::{Input, pieces};
use super::listener::{Heard, Outcome, receive};
use super::reference::{self, Cut, Reply, Rules, Verdict};

/// The longest response that is also fed byte by byte.
const SHORT: usize = 400;

/// A case is 4 bytes, then a response. The first byte chooses the request's method and the limits,
/// the others where the response is cut.
///
/// What must hold: the events and the outcome are those of the `reference` and the same however
/// the response is cut; no field holds a control character; no limit is exceeded; `httparse` finds
/// the same in every head that is accepted.
pub fn head(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choice = input.byte();
    let sizes: [u8; 3] = input.bytes();
    let response = input.rest();
    let rules = rules(choice);
    let whole = run(&[response], &rules);
    let expected = reference::response(response, &rules);
    compare_with_reference(&whole, &expected);
    check_limits(&whole, response, &rules);
    compare_with_httparse(&whole, response);
    assert_eq!(
        run(&pieces(response, &sizes), &rules),
        whole,
        "cut {sizes:?}"
    );
    if response.len() <= SHORT {
        assert_eq!(run(&pieces(response, &[0]), &rules), whole, "byte by byte");
    }
}

/// The first bit is the method, the others choose limits: few, so that a short case can meet them.
fn rules(choice: u8) -> Rules {
    let pick = |shift: u8, values: [u32; 4]| values[usize::from(choice >> shift & 3)];
    Rules {
        to_head: choice & 1 != 0,
        limits: Limits {
            head_bytes: pick(1, [2_000, 1_000, 200, 40]),
            head_fields: u16::try_from(pick(3, [100, 10, 3, 1])).expect("small"),
            informational: u8::try_from(pick(5, [20, 2, 1, 0])).expect("small"),
            chunk_extension_bytes: pick(3, [1_000, 10, 3, 0]),
        },
        line: if choice & 0x80 == 0 { 500 } else { 64 },
    }
}

fn run(pieces: &[&[u8]], rules: &Rules) -> Outcome {
    receive(pieces, rules.to_head, &rules.limits, rules.line)
}

/// The outcome is that of the reference, and the end of the stream means what the rest of the
/// message says that it means.
pub(super) fn compare_with_reference(whole: &Outcome, expected: &Reply) {
    assert_eq!(whole.heard, expected.heard);
    assert_eq!(whole.keeps, expected.keeps, "used again");
    let end = match expected.verdict {
        Verdict::Wrong => {
            assert!(whole.result.is_err(), "accepted: {:?}", whole.result);
            return;
        }
        Verdict::Complete(n) => {
            assert_eq!(whole.result, Ok((Progress::Complete, n)));
            Ok(())
        }
        Verdict::Cut(cut) => {
            let progress = whole.result.map(|(progress, _)| progress);
            assert_eq!(progress, Ok(Progress::NeedMore));
            match cut {
                Cut::UntilClose => Ok(()),
                Cut::BeforeHead => Err(Error::EmptyReply),
                Cut::InHead => Err(Error::Receive(IoError::Closed)),
                Cut::InBody => Err(Error::PartialBody),
            }
        }
    };
    assert_eq!(whole.end, Some(end), "at the end of the stream");
}

/// What was accepted is within the limits.
fn check_limits(whole: &Outcome, response: &[u8], rules: &Rules) {
    let count = |is: fn(&Heard) -> bool| whole.heard.iter().filter(|heard| is(heard)).count();
    let fields = count(|heard| matches!(heard, Heard::Field(..) | Heard::Trailer(..)));
    let heads = count(|heard| matches!(heard, Heard::Head(head) if head.code < 200));
    assert!(fields <= rules.limits.head_fields.into());
    assert!(heads <= rules.limits.informational.into());
    let of_head = whole.heard.iter().map(|heard| match heard {
        Heard::Status { reason, .. } => "HTTP/1.1 200".len() + reason.len(),
        Heard::Field(name, value) | Heard::Trailer(name, value) => name.len() + value.len(),
        Heard::Head(_) | Heard::Body(_) => 0,
    });
    let head: usize = of_head.sum();
    assert!(head <= rules.limits.head_bytes as usize);
    if let Ok((_, consumed)) = whole.result {
        assert!(head <= consumed && consumed <= response.len());
    }
}

/// What is accepted as a head, `httparse` accepts with the same status and fields. It differs where
/// that is right:
/// - it takes HTTP/1.0 and HTTP/1.1 only, we also later versions of HTTP/1 (RFC 9110 §2.5);
/// - it drops a reason that is not ASCII.
fn compare_with_httparse(whole: &Outcome, response: &[u8]) {
    let heads = whole
        .heard
        .split_inclusive(|heard| matches!(heard, Heard::Head(_)));
    let mut rest = response;
    for head in heads {
        if !matches!(head.last(), Some(Heard::Head(_))) {
            return;
        }
        if rest.get(7).is_some_and(|minor| *minor > b'1') {
            return;
        }
        let mut fields = [httparse::EMPTY_HEADER; 101];
        let mut other = httparse::Response::new(&mut fields);
        let parsed = other.parse(rest);
        let Ok(httparse::Status::Complete(length)) = parsed else {
            panic!(
                "httparse says {parsed:?} to {:?}",
                rest.escape_ascii().to_string()
            );
        };
        rest = &rest[length..];
        compare_head(head, &other);
    }
}

fn compare_head(head: &[Heard], other: &httparse::Response<'_, '_>) {
    let mut fields = other.headers.iter();
    for heard in head {
        match heard {
            Heard::Status {
                code,
                minor,
                reason,
            } => {
                assert_eq!(other.code, Some(*code));
                assert_eq!(other.version, Some(*minor));
                if reason.is_ascii() {
                    assert_eq!(other.reason.map(str::as_bytes), Some(&reason[..]));
                }
            }
            Heard::Field(name, value) => {
                let field = fields.next().expect("a field that httparse lacks");
                assert_eq!((field.name, field.value), (&name[..], &value[..]));
            }
            Heard::Head(_) => assert_eq!(fields.next(), None, "a field that we lack"),
            Heard::Body(_) | Heard::Trailer(..) => panic!("{heard:?} in a head"),
        }
    }
}
