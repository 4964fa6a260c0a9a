//! What the engine makes of each response of the corpus, written down: `tests/corpus/verdicts.txt`.
//!
//! A change of any verdict is a change of that file, to be seen and judged in its diff.

use std::fmt::Write;
use std::path::PathBuf;
use std::{fs, io};

use super::{Account, Outcome, Response, Seen, folder, load, whole};

const TITLE: &str = "\
# What muxfer_core::http::Exchange makes of each file of tests/corpus/responses.
# Written by `cargo xtask corpus`; a test compares. After the name: complete, at close (of the
# stream), refused or short, with the error; the statuses; how many fields, bytes of body and trailer
# fields, each with an FNV-1a digest of what they hold; how many bytes stand behind the message;
# whether the connection is kept.
";

/// The file.
#[must_use]
pub fn path() -> PathBuf {
    folder().join("verdicts.txt")
}

/// The text that the file should hold.
///
/// # Errors
/// The corpus can't be read.
pub fn text() -> io::Result<String> {
    let lines = load()?.iter().map(line).collect::<String>();
    Ok(format!("{TITLE}{lines}"))
}

/// Writes the file; answers the lines that are new or other than before.
///
/// # Errors
/// The corpus can't be read, or the file not written.
pub fn update() -> io::Result<Vec<String>> {
    let before = fs::read_to_string(path()).unwrap_or_default();
    let now = text()?;
    fs::write(path(), &now)?;
    let old: Vec<&str> = before.lines().collect();
    let new = now.lines().filter(|line| !old.contains(line));
    Ok(new.map(str::to_owned).collect())
}

/// The verdict on one response, as a line.
#[must_use]
pub fn line(response: &Response) -> String {
    let Account { seen, ending } = whole(response);
    let mut line = format!("{}: ", response.name);
    let ended = match ending.outcome {
        Outcome::Complete => "complete".to_owned(),
        Outcome::AtClose => "at close".to_owned(),
        Outcome::Refused(error) => format!("refused {error:?}"),
        Outcome::Short(error) => format!("short {error:?}"),
    };
    line.push_str(&ended);
    let (mut fields, mut trailers) = (Vec::new(), Vec::new());
    for event in &seen {
        match event {
            Seen::Status(code, minor, _) => {
                let _ = write!(line, "; 1.{minor} {code}");
            }
            Seen::Field(name, value) => fields.push((name, value)),
            Seen::Trailer(name, value) => trailers.push((name, value)),
            Seen::Head(..) | Seen::Body(_) => {}
        }
    }
    push_fields(&mut line, "fields", &fields);
    if let Some(body) = seen.iter().find_map(body) {
        let _ = write!(line, "; body {} {:016x}", body.len(), fnv(body));
    }
    push_fields(&mut line, "trailers", &trailers);
    if ending.outcome.is_whole() {
        let behind = response.bytes.len() - ending.consumed;
        let kept = if ending.persistent { "keep" } else { "close" };
        let _ = write!(line, "; behind {behind}; {kept}");
    }
    line.push('\n');
    line
}

fn push_fields(line: &mut String, what: &str, fields: &[(&String, &Vec<u8>)]) {
    if fields.is_empty() {
        return;
    }
    let lines = fields.iter().flat_map(|(name, value)| {
        let value = value.iter().copied().chain(*b"\n");
        name.bytes().chain(*b":").chain(value)
    });
    let digest = fnv(&lines.collect::<Vec<_>>());
    let _ = write!(line, "; {what} {} {digest:016x}", fields.len());
}

const fn body(event: &Seen) -> Option<&Vec<u8>> {
    match event {
        Seen::Body(body) => Some(body),
        Seen::Status(..) | Seen::Field(..) | Seen::Head(..) | Seen::Trailer(..) => None,
    }
}

/// FNV-1a in 64 bits: enough to tell bodies apart.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
