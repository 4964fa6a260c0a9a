//! The verdict of httparse on the heads of a response.

use httparse::{EMPTY_HEADER, Status};

use crate::corpus::Response;

use super::verdict::{Message, Verdict, sorted};

/// Reads 1xx heads and the final one, with its default settings: no lenience is asked for.
pub(super) fn verdict(response: &Response) -> Verdict {
    let mut rest = response.bytes.as_slice();
    loop {
        let mut headers = [EMPTY_HEADER; 256];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(rest) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return Verdict::Short("partial".to_owned()),
            Err(error) => return Verdict::Refused(error.to_string()),
        };
        let code = head.code.unwrap_or(0);
        // What follows a 101 is not HTTP any more.
        if !(100..200).contains(&code) || code == 101 {
            let fields = head.headers.iter();
            let fields = fields.map(|field| (field.name.into(), field.value.to_vec()));
            return Verdict::Whole(Box::new(Message {
                code,
                reason: head.reason.map(|reason| reason.as_bytes().to_vec()),
                fields: sorted(fields),
                ..Message::default()
            }));
        }
        rest = &rest[length..];
    }
}
