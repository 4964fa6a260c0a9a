//! What `-v` prints, in curl's manner: `*` for what happens, `>` for what is sent, `<` for what
//! is received.

use muxfer_core::easy::{Status, Trace};

use crate::console;
use crate::url::without_userinfo;

/// The log of one transfer.
#[derive(Debug, Default)]
pub(crate) struct Verbose {
    /// A line of the request head that is not complete yet: heads are sent in pieces.
    sent: Vec<u8>,
}

impl Verbose {
    pub(crate) fn trace(&mut self, trace: &Trace<'_>) {
        if matches!(trace, Trace::Connected(_) | Trace::Reused(_)) {
            // What was begun over another connection is begun anew over this one.
            self.sent.clear();
        }
        let line = match trace {
            Trace::Connecting(address) => format!("* Trying {address}..."),
            Trace::ConnectFailed(address, why) => format!("* Connect to {address} failed: {why}"),
            Trace::Connected(address) => format!("* Connected to {address}"),
            Trace::Reused(address) => format!("* Re-using existing connection to {address}"),
            Trace::RequestHead(bytes) => return self.sent(bytes),
            Trace::Retry => "* Connection died, retrying the request over a fresh one".to_string(),
            Trace::Kept => "* Connection left intact".to_string(),
            Trace::Closed => "* Closing connection".to_string(),
            _ => return,
        };
        console::error_line(&line);
    }

    fn sent(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.sent.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&self.sent);
                console::error_line(&format!("> {}", redacted(line.trim_end())));
                self.sent.clear();
            }
        }
    }

    pub(crate) fn status(status: &Status<'_>) {
        let reason = String::from_utf8_lossy(status.reason);
        let line = format!("< HTTP/1.{} {} {reason}", status.minor, status.code);
        console::error_line(&line);
    }

    pub(crate) fn field(name: &str, value: &[u8]) {
        let mut line = format!("{name}: {}", String::from_utf8_lossy(value));
        if name.eq_ignore_ascii_case("location") {
            line = format!(
                "{name}: {}",
                without_userinfo(&String::from_utf8_lossy(value))
            );
        }
        console::error_line(&format!("< {}", redacted(&line)));
    }

    pub(crate) fn head() {
        console::error_line("<");
    }
}

/// Credentials are not for logs.
fn redacted(line: &str) -> String {
    const SECRET: [&str; 4] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
    ];
    match line.split_once(':') {
        Some((name, _))
            if SECRET
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret)) =>
        {
            format!("{name}: [left out]")
        }
        Some(_) | None => line.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_of_the_log() {
        assert_eq!(
            redacted("Authorization: Basic eA=="),
            "Authorization: [left out]"
        );
        assert_eq!(redacted("set-cookie: a=b"), "set-cookie: [left out]");
        assert_eq!(redacted("GET / HTTP/1.1"), "GET / HTTP/1.1");
        assert_eq!(redacted("Host: a:1"), "Host: a:1");
    }
}
