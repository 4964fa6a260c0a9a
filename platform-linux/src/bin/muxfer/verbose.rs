//! What `-v` prints, in curl's manner.

use muxfer_core::easy::{Status, Trace};

use crate::report::without_userinfo;

/// Prints what happened. `unprinted` holds the beginning of a request's line whose end is to come:
/// a part of a line does not show what it is.
pub(crate) fn trace(trace: &Trace<'_>, unprinted: &mut Vec<u8>) {
    match trace {
        Trace::Connecting(address) => eprintln!("* Connecting to {address}"),
        Trace::ConnectFailed(address, why) => eprintln!("* Connect to {address} failed: {why}"),
        Trace::Connected(address) => {
            unprinted.clear();
            eprintln!("* Connected to {address}");
        }
        Trace::Reused(address) => {
            unprinted.clear();
            eprintln!("* Re-using the connection to {address}");
        }
        Trace::RequestHead(bytes) => {
            unprinted.extend_from_slice(bytes);
            let end = unprinted.iter().rposition(|byte| *byte == b'\n');
            let lines: Vec<u8> = unprinted.drain(..end.map_or(0, |end| end + 1)).collect();
            for line in String::from_utf8_lossy(&lines).lines() {
                eprintln!("> {}", redacted(line));
            }
        }
        Trace::Retry => eprintln!("* The connection was dead: sending it again over a new one"),
        Trace::Kept => eprintln!("* The connection is left intact"),
        Trace::Closed => eprintln!("* The connection is closed"),
        _ => {}
    }
}

/// Credentials are not for logs.
fn redacted(line: &str) -> &str {
    let name = line.split(':').next().unwrap_or(line);
    let secret = ["Authorization", "Proxy-Authorization"];
    if secret.iter().any(|other| name.eq_ignore_ascii_case(other)) {
        "Authorization: [left out]"
    } else {
        line
    }
}

pub(crate) fn status(status: &Status<'_>) {
    let reason = String::from_utf8_lossy(status.reason);
    eprintln!("< HTTP/1.{} {} {reason}", status.minor, status.code);
}

pub(crate) fn field(name: &str, value: &[u8]) {
    let value = String::from_utf8_lossy(value);
    if name.eq_ignore_ascii_case("location") {
        eprintln!("< {name}: {}", without_userinfo(&value));
    } else {
        eprintln!("< {name}: {value}");
    }
}
