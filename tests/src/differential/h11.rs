//! The verdict of h11 on a whole response: a Python process that answers line by line.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::corpus::Response;
use crate::source;

use super::verdict::{Fields, Message, Verdict, sorted};

/// What to tell someone who has no h11.
pub const MISSING: &str = "h11 is missing; run: apt-get install python3-h11 (as root)";

/// Debian's packages for Python are seen by Debian's Python.
const PYTHON: &str = "/usr/bin/python3";

/// Is it there?
#[must_use]
pub fn is_there() -> bool {
    let mut python = Command::new(PYTHON);
    python.args(["-c", "import h11"]).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// A running h11. Dropping it ends it.
#[derive(Debug)]
pub(super) struct H11 {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl H11 {
    /// Starts it.
    pub(super) fn start() -> io::Result<Self> {
        if !is_there() {
            return Err(io::Error::other(MISSING));
        }
        let mut child = Command::new(PYTHON)
            .arg(source::root().join("tests/differential/h11_verdicts.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let ask = child.stdin.take();
        let answers = child.stdout.take();
        let answers = answers.ok_or_else(|| io::Error::other("no pipe"))?;
        Ok(Self {
            child,
            ask,
            answers: BufReader::new(answers),
        })
    }

    pub(super) fn verdict(&mut self, response: &Response) -> io::Result<Verdict> {
        let method = if response.to_head { "HEAD" } else { "GET" };
        let data: String = response.bytes.iter().map(|b| format!("{b:02x}")).collect();
        if let Some(ask) = &mut self.ask {
            ask.write_all(format!("{method} {data}\n").as_bytes())?;
        }
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        read(line.trim_end()).ok_or_else(|| {
            let name = &response.name;
            io::Error::other(format!("h11 answers {line:?} about {name}"))
        })
    }
}

impl Drop for H11 {
    fn drop(&mut self) {
        // It ends with its input.
        self.ask = None;
        let _ = self.child.wait();
    }
}

/// Reads a line as `h11_verdicts.py` describes it.
fn read(line: &str) -> Option<Verdict> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["refused", why] => Some(Verdict::Refused(text(why)?)),
        ["short", why] => Some(Verdict::Short(text(why)?)),
        ["whole", code, reason, end, kept, body, fields, trailers] => {
            Some(Verdict::Whole(Box::new(Message {
                code: code.parse().ok()?,
                reason: Some(bytes(reason)?),
                fields: pairs(fields)?,
                body: Some(bytes(body)?),
                trailers: Some(pairs(trailers)?),
                end: Some(end.parse().ok()?),
                kept: Some(*kept == "1"),
            })))
        }
        _ => None,
    }
}

fn pairs(word: &str) -> Option<Fields> {
    if word == "-" {
        return Some(Vec::new());
    }
    let pairs = word.split(',').map(|pair| {
        let (name, value) = pair.split_once(':')?;
        Some((bytes(name)?, bytes(value)?))
    });
    Some(sorted(pairs.collect::<Option<Vec<_>>>()?))
}

fn text(word: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&bytes(word)?).into_owned())
}

fn bytes(word: &str) -> Option<Vec<u8>> {
    if word == "-" {
        return Some(Vec::new());
    }
    let places = (0..word.len()).step_by(2);
    let bytes = places.map(|at| u8::from_str_radix(word.get(at..at + 2)?, 16).ok());
    bytes.collect()
}
