//! As much of HTTP/1.1 as is needed to see where messages end. It is for peers that are known to
//! speak it plainly; what it does not understand is an error, so nothing is misjudged in silence.

/// A request without a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestHead {
    /// Its length in bytes.
    pub(super) length: usize,
    /// The number in its target; 0 if there is none.
    pub(super) number: u64,
    /// The response has no body.
    pub(super) to_head: bool,
}

/// Where a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The length of its head.
    pub(super) head: u64,
    /// The length of all of it.
    pub(super) total: u64,
}

/// A head that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unclear;

/// Reads a request head; `None` if it is not complete.
pub(super) fn request(bytes: &[u8]) -> Result<Option<RequestHead>, Unclear> {
    let Some((head, length)) = head(bytes)? else {
        return Ok(None);
    };
    let mut words = head.split(' ');
    let (method, target) = (words.next().ok_or(Unclear)?, words.next().ok_or(Unclear)?);
    let body = field(head, "content-length").is_some_and(|value| value != "0")
        || field(head, "transfer-encoding").is_some();
    if body {
        return Err(Unclear);
    }
    let number = target
        .split_once("?n=")
        .and_then(|(_, number)| number.parse().ok());
    Ok(Some(RequestHead {
        length,
        number: number.unwrap_or(0),
        to_head: method == "HEAD",
    }))
}

/// Reads a response head; `None` if it is not complete.
pub(super) fn response(bytes: &[u8], to_head: bool) -> Result<Option<Shape>, Unclear> {
    let Some((head, length)) = head(bytes)? else {
        return Ok(None);
    };
    let code: u16 = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or(Unclear)?;
    let body = match code {
        ..200 => return Err(Unclear),
        204 | 304 => 0,
        _ if to_head => 0,
        _ => field(head, "content-length")
            .and_then(|value| value.parse().ok())
            .ok_or(Unclear)?,
    };
    let head = length as u64;
    Ok(Some(Shape {
        head,
        total: head + body,
    }))
}

/// The text up to the empty line, and its length with that line.
fn head(bytes: &[u8]) -> Result<Option<(&str, usize)>, Unclear> {
    const END: &[u8] = b"\r\n\r\n";
    let end = bytes.windows(END.len()).position(|window| window == END);
    let Some(end) = end else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| Unclear)?;
    Ok(Some((text, end + END.len())))
}

/// The value of a field by its name in lower case.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_tell_their_number_and_whether_a_body_follows_the_response() {
        let get = b"GET /a?n=17 HTTP/1.1\r\nHost: x\r\n\r\nrest";
        let want = RequestHead {
            length: get.len() - 4,
            number: 17,
            to_head: false,
        };
        assert_eq!(request(get), Ok(Some(want)));
        assert_eq!(request(&get[..30]), Ok(None));
        let head = request(b"HEAD / HTTP/1.1\r\n\r\n").map(|head| head.map(|head| head.to_head));
        assert_eq!(head, Ok(Some(true)));
        assert_eq!(
            request(b"PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\n"),
            Err(Unclear)
        );
    }

    #[test]
    fn responses_end_where_their_length_says_or_are_refused() {
        let with = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\n\r\n";
        let head = with.len() as u64;
        let shape = |total| Ok(Some(Shape { head, total }));
        assert_eq!(response(with, false), shape(head + 5));
        assert_eq!(response(with, true), shape(head));
        assert_eq!(response(&with[..with.len() - 1], false), Ok(None));
        let without = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(response(without, false), Err(Unclear));
        assert!(matches!(
            response(b"HTTP/1.1 304 N\r\n\r\n", false),
            Ok(Some(_))
        ));
    }
}
