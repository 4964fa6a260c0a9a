//! URLs, from the command line and then from a list that is read as it comes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use muxfer_linux::Waker;

/// How many lines are read ahead. The reader waits while that many are not started.
const READ_AHEAD: usize = 1024;
/// The longest line.
const MAX_LINE: u64 = 8 * 1024;

/// What the list gives next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A URL.
    Url(String),
    /// A line that is none, and why.
    Bad(String),
    /// Nothing yet.
    NotYet,
    /// Nothing more.
    End,
}

/// The URLs of a run.
#[derive(Debug)]
pub(crate) struct Source {
    urls: std::vec::IntoIter<String>,
    lines: Option<Receiver<Result<String, String>>>,
    /// One that found no place, to be tried again.
    back: Option<String>,
}

impl Source {
    pub(crate) fn new(urls: Vec<String>, from: Option<&Path>, waker: &Waker) -> io::Result<Self> {
        let lines = from
            .map(|path| read_in_background(path, waker.clone()))
            .transpose()?;
        Ok(Self {
            urls: urls.into_iter(),
            lines,
            back: None,
        })
    }

    pub(crate) fn next(&mut self) -> Next {
        if let Some(url) = self.back.take().or_else(|| self.urls.next()) {
            return Next::Url(url);
        }
        match self.lines.as_ref().map(Receiver::try_recv) {
            Some(Ok(Ok(url))) => Next::Url(url),
            Some(Ok(Err(why))) => Next::Bad(why),
            Some(Err(TryRecvError::Empty)) => Next::NotYet,
            Some(Err(TryRecvError::Disconnected)) | None => Next::End,
        }
    }

    /// Gives one back that found no place.
    pub(crate) fn put_back(&mut self, url: String) {
        self.back = Some(url);
    }
}

type Lines = Receiver<Result<String, String>>;

/// A thread reads, since a FIFO or a terminal makes its reader wait.
fn read_in_background(path: &Path, waker: Waker) -> io::Result<Lines> {
    let (sender, lines) = sync_channel(READ_AHEAD);
    let reader: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let file = open(path)?;
        Box::new(file)
    };
    thread::Builder::new()
        .name("list".to_string())
        .spawn(move || {
            read(BufReader::new(reader), &sender, &waker);
            drop(sender);
            waker.wake();
        })?;
    Ok(lines)
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

fn read(mut input: impl BufRead, sender: &SyncSender<Result<String, String>>, waker: &Waker) {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let result = (&mut input).take(MAX_LINE).read_until(b'\n', &mut line);
        let failed = result.is_err();
        let item = match result {
            Ok(0) => return,
            Ok(_) => item(&mut input, &line, number),
            Err(error) => Some(Err(format!("the list can't be read: {error}"))),
        };
        if let Some(item) = item
            && sender.send(item).is_err()
        {
            return;
        }
        waker.wake();
        if failed {
            return;
        }
    }
}

/// A line as a URL. Empty lines and those that begin with `#` are none, and no error.
fn item(input: &mut impl BufRead, line: &[u8], number: u64) -> Option<Result<String, String>> {
    if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
        // What is left of the line would be taken for another.
        let _ = input.skip_until(b'\n');
        return Some(Err(format!(
            "line {number} is longer than {MAX_LINE} bytes"
        )));
    }
    match std::str::from_utf8(line).map(str::trim) {
        Ok("") => None,
        Ok(text) if text.starts_with('#') => None,
        Ok(text) => Some(Ok(text.to_string())),
        Err(_) => Some(Err(format!("line {number} is not UTF-8"))),
    }
}
