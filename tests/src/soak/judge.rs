//! Was the outcome of a transfer the one that it must have had?

use muxfer_core::Error;
use muxfer_core::net::IoError;

use super::probe::{Got, Want};
use crate::proxy::{Kind, Pass, What};

/// How a transfer must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    Succeed,
    /// With this error, and this many bytes of body at most; exactly so many if `exact`.
    Fail {
        error: Error,
        bytes: u64,
        exact: bool,
    },
}

/// Judges a transfer that has ended, by each time that its request passed the proxy.
///
/// # Errors
/// What is not as it must be.
pub(super) fn judge(
    result: Result<(), Error>,
    passes: &[Pass],
    want: &Want<'_>,
    got: &Got,
) -> Result<(), String> {
    judge_unfinished(passes, got)?;
    let last = passes.last().ok_or("it never passed")?;
    match (must(last)?, result) {
        (Must::Succeed, Ok(())) if got.status != want.status => {
            Err(format!("status {} instead of {}", got.status, want.status))
        }
        (Must::Succeed, Ok(())) if got.bytes != want.body.len() => Err(format!(
            "a success with {} bytes of {}",
            got.bytes,
            want.body.len()
        )),
        (Must::Succeed, Ok(())) => Ok(()),
        (
            Must::Fail {
                error,
                bytes,
                exact,
            },
            Err(found),
        ) if error == found => {
            // Of an error page nothing is delivered.
            let bytes = bytes.min(want.body.len() as u64);
            match got.bytes as u64 {
                found if found == bytes || (!exact && found < bytes) => Ok(()),
                found => Err(format!("{found} bytes of body before the cut, of {bytes}")),
            }
        }
        (must, found) => Err(format!("{found:?}, but must {must:?}")),
    }
}

/// Judges what can be judged of a transfer that was removed before its end.
///
/// # Errors
/// What is not as it must be.
pub(super) fn judge_unfinished(passes: &[Pass], got: &Got) -> Result<(), String> {
    if let Some(wrong) = got.wrong {
        return Err(format!("wrong: {wrong:?}"));
    }
    let earlier = passes.split_last().map_or(&[][..], |(_, earlier)| earlier);
    match earlier.iter().find(|pass| !may_be_repeated(pass)) {
        Some(pass) => Err(format!("it was sent again after {pass:?}")),
        None => Ok(()),
    }
}

/// CONTRACT R88: only on a connection that served before, and before the first byte of response.
fn may_be_repeated(pass: &Pass) -> bool {
    !pass.first && matches!(pass.what, What::Cut { at: 0, .. })
}

/// What follows from the last time that the request passed.
fn must(last: &Pass) -> Result<Must, String> {
    let (how, at, head) = match last.what {
        What::Whole(_) => return Ok(Must::Succeed),
        What::Awaited => return Err("it ended though its response had not come".to_owned()),
        What::Lost => return Err("the proxy lost its server".to_owned()),
        What::Cut { .. } if may_be_repeated(last) => {
            return Err("it was not sent again".to_owned());
        }
        What::Cut { how, at, head } => (how, at, head),
    };
    let error = match (how, at) {
        (Kind::Truncation, 0) => Error::EmptyReply,
        (Kind::Truncation, at) if at < head => Error::Receive(IoError::Closed),
        (Kind::Truncation, _) => Error::PartialBody,
        (Kind::Reset | Kind::Latency | Kind::Slicing, _) => Error::Receive(IoError::Reset),
    };
    Ok(Must::Fail {
        error,
        bytes: at.saturating_sub(head),
        // A reset may throw away what was on its way.
        exact: how == Kind::Truncation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::probe::Wrong;

    const HEAD: u64 = 100;
    const WHOLE: Pass = Pass {
        first: false,
        what: What::Whole(None),
    };

    fn cut(first: bool, how: Kind, at: u64) -> Pass {
        let what = What::Cut {
            how,
            at,
            head: HEAD,
        };
        Pass { first, what }
    }

    /// Judges the answer to a request for 50 bytes, of which so many came.
    fn verdict(result: Result<(), Error>, passes: &[Pass], bytes: usize) -> Result<(), String> {
        let want = Want::of_body(&[0; 50]);
        let got = Got {
            status: 200,
            bytes,
            ..Got::default()
        };
        judge(result, passes, &want, &got)
    }

    #[test]
    fn an_untouched_response_must_succeed_whole() {
        assert_eq!(verdict(Ok(()), &[WHOLE], 50), Ok(()));
        assert!(verdict(Ok(()), &[WHOLE], 49).is_err());
        assert!(verdict(Err(Error::PartialBody), &[WHOLE], 49).is_err());
        assert!(verdict(Ok(()), &[], 50).is_err());
    }

    #[test]
    fn a_cut_response_must_fail_with_the_error_of_its_place() {
        let truncated = |at| [cut(false, Kind::Truncation, at)];
        let closed = Err(Error::Receive(IoError::Closed));
        assert_eq!(
            verdict(Err(Error::PartialBody), &truncated(HEAD + 10), 10),
            Ok(())
        );
        assert_eq!(
            verdict(Err(Error::PartialBody), &truncated(HEAD), 0),
            Ok(())
        );
        assert_eq!(verdict(closed, &truncated(HEAD - 1), 0), Ok(()));
        assert!(verdict(Ok(()), &truncated(HEAD + 10), 10).is_err());
        assert!(verdict(Ok(()), &truncated(HEAD + 10), 50).is_err());
        assert!(verdict(closed, &truncated(HEAD + 10), 10).is_err());
        assert!(verdict(Err(Error::PartialBody), &truncated(HEAD + 10), 9).is_err());
        let reset = Err(Error::Receive(IoError::Reset));
        assert_eq!(
            verdict(reset, &[cut(false, Kind::Reset, HEAD + 10)], 9),
            Ok(())
        );
        assert!(verdict(reset, &[cut(false, Kind::Reset, HEAD + 10)], 11).is_err());
        assert!(verdict(Ok(()), &[cut(true, Kind::Reset, 1)], 50).is_err());
    }

    #[test]
    fn only_what_had_no_answer_on_a_kept_connection_is_sent_again() {
        let (kept, fresh) = (cut(false, Kind::Reset, 0), cut(true, Kind::Truncation, 0));
        assert_eq!(verdict(Ok(()), &[kept, WHOLE], 50), Ok(()));
        assert_eq!(verdict(Err(Error::EmptyReply), &[kept, fresh], 0), Ok(()));
        assert!(verdict(Err(Error::Receive(IoError::Reset)), &[kept], 0).is_err());
        assert!(verdict(Ok(()), &[fresh, WHOLE], 50).is_err());
        assert!(verdict(Ok(()), &[cut(false, Kind::Reset, 1), WHOLE], 50).is_err());
        assert!(verdict(Ok(()), &[WHOLE, WHOLE], 50).is_err());
    }

    #[test]
    fn what_was_wrong_while_it_came_is_wrong_at_the_end_and_at_removal() {
        let got = Got {
            wrong: Some(Wrong::Body(3)),
            ..Got::default()
        };
        assert!(judge_unfinished(&[WHOLE], &got).is_err());
        assert!(judge_unfinished(&[cut(true, Kind::Reset, 0), WHOLE], &Got::default()).is_err());
        assert_eq!(judge_unfinished(&[WHOLE], &Got::default()), Ok(()));
    }
}
