//! URLs, from the command line and then from a list that is read as it comes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use muxfer_linux::Waker;

use crate::args::is_dash;
use crate::failure::Failure;

/// How many lines the reader hands over at once at most. It never waits for more of them while it has
/// one: each handing over costs system calls in both threads, but a line that has come must be started.
const BATCH: usize = 256;
/// How many batches are read ahead. The reader waits while that many are not started.
const READ_AHEAD: usize = 4;
/// The longest line, its line end included.
const MAX_LINE: u64 = 8 * 1024;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The nth URL of the command line.
    Argument(usize, String),
    /// A line of the list.
    Line(String),
    /// A line that is none, or a list that can't be read any further.
    Bad(Failure),
    /// Nothing yet.
    NotYet,
    /// Nothing more.
    End,
}

type Item = Result<String, Failure>;

/// The URLs of a run.
#[derive(Debug)]
pub(crate) struct Source {
    urls: std::iter::Enumerate<std::vec::IntoIter<String>>,
    lines: Option<Receiver<Vec<Item>>>,
    batch: std::vec::IntoIter<Item>,
    listeners: Arc<Listeners>,
}

/// The loops that wait for lines.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    wakers: Mutex<Vec<Waker>>,
    /// One of them has asked in vain since the last time that all were woken.
    waiting: AtomicBool,
}

impl Listeners {
    pub(crate) fn add(&self, waker: Waker) {
        let wakers = self.wakers.lock();
        wakers.unwrap_or_else(PoisonError::into_inner).push(waker);
    }

    /// Wakes them all.
    pub(crate) fn wake(&self) {
        let wakers = self.wakers.lock();
        for waker in wakers.unwrap_or_else(PoisonError::into_inner).iter() {
            waker.wake();
        }
    }

    /// Wakes them if one has asked in vain: a line for loops that have enough to do is no news.
    fn wake_waiting(&self) {
        if self.waiting.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }
}

impl Source {
    /// The listeners are woken when there are lines after there were none.
    ///
    /// # Errors
    /// The list can't be opened.
    pub(crate) fn new(
        urls: Vec<String>,
        from: Option<&Path>,
        listeners: &Arc<Listeners>,
    ) -> Result<Self, Failure> {
        let lines = from.map(|path| {
            read_in_background(path, Arc::clone(listeners))
                .map_err(|error| Failure::reading(path, &error))
        });
        Ok(Self {
            urls: urls.into_iter().enumerate(),
            lines: lines.transpose()?,
            batch: Vec::new().into_iter(),
            listeners: Arc::clone(listeners),
        })
    }

    pub(crate) fn next(&mut self) -> Next {
        if let Some((nth, url)) = self.urls.next() {
            return Next::Argument(nth, url);
        }
        loop {
            match self.batch.next() {
                Some(Ok(line)) => return Next::Line(line),
                Some(Err(failure)) => return Next::Bad(failure),
                None => {}
            }
            match self.lines.as_ref().map(|lines| self.ask(lines)) {
                Some(Ok(batch)) => self.batch = batch.into_iter(),
                Some(Err(TryRecvError::Empty)) => return Next::NotYet,
                Some(Err(TryRecvError::Disconnected)) | None => return Next::End,
            }
        }
    }

    fn ask(&self, lines: &Receiver<Vec<Item>>) -> Result<Vec<Item>, TryRecvError> {
        let mut batch = lines.try_recv();
        if batch == Err(TryRecvError::Empty) {
            self.listeners.waiting.store(true, Ordering::SeqCst);
            // Lines that came before the reader could see this.
            batch = lines.try_recv();
        }
        batch
    }
}

/// A thread reads, since a FIFO or a terminal makes its reader wait. Opening a FIFO waits, too,
/// for its writer; so that is the thread's part as well.
fn read_in_background(path: &Path, listeners: Arc<Listeners>) -> io::Result<Receiver<Vec<Item>>> {
    let (sender, lines) = sync_channel(READ_AHEAD);
    let path = path.to_path_buf();
    let waits = !is_dash(&path) && !std::fs::metadata(&path)?.is_file();
    let file = match waits || is_dash(&path) {
        true => None,
        false => Some(File::open(&path)?),
    };
    thread::Builder::new()
        .name("list".to_string())
        .spawn(move || {
            let unreadable = |error: io::Error| Failure::reading(&path, &error);
            let end = match file {
                Some(file) => read(BufReader::new(file), &sender, &listeners),
                None if waits => File::open(&path)
                    .and_then(|file| read(BufReader::new(file), &sender, &listeners)),
                None => read(BufReader::new(io::stdin()), &sender, &listeners),
            };
            if let Err(error) = end {
                // If nobody listens any more, nobody waits for it.
                let _ = sender.send(vec![Err(unreadable(error))]);
            }
            drop(sender);
            listeners.wake();
        })?;
    Ok(lines)
}

/// Sends all lines until the end, or until nobody listens.
fn read<R: Read>(
    mut input: BufReader<R>,
    sender: &SyncSender<Vec<Item>>,
    listeners: &Listeners,
) -> io::Result<()> {
    let (mut line, mut batch) = (Vec::new(), Vec::new());
    for number in 1_u64.. {
        line.clear();
        if (&mut input).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
            // What is left of the line would be taken for another.
            input.skip_until(b'\n')?;
        }
        batch.extend(item(&line, number));
        // Without a whole line at hand the next read may wait.
        let at_hand = batch.len() < BATCH && input.buffer().contains(&b'\n');
        if !at_hand && !batch.is_empty() {
            if sender.send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
            listeners.wake_waiting();
        }
    }
    Ok(())
}

/// A line as a URL. Empty lines and those that begin with `#` are none, and no error.
fn item(line: &[u8], number: u64) -> Option<Item> {
    let bad = |why: &str| {
        let why = format!("bad line {number} of the list: {why}");
        Some(Err(Failure::new(Failure::BAD_URL, why)))
    };
    if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
        return bad(&format!("it is longer than {MAX_LINE} bytes"));
    }
    match std::str::from_utf8(line).map(str::trim) {
        Ok("") => None,
        Ok(text) if text.starts_with('#') => None,
        Ok(text) => Some(Ok(text.to_string())),
        Err(_) => bad("it is not UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &[u8]) -> Vec<Result<String, u8>> {
        let (sender, lines) = sync_channel(text.len());
        read(BufReader::new(text), &sender, &Listeners::default()).unwrap();
        drop(sender);
        lines
            .iter()
            .flatten()
            .map(|item| item.map_err(|failure| failure.code))
            .collect()
    }

    #[test]
    fn blank_lines_and_comments_are_skipped_and_ends_are_trimmed() {
        let text = b"\n# no\r\n  a.test/1 \r\n\t\na.test/2";
        let wanted = ["a.test/1", "a.test/2"].map(|url| Ok(url.to_string()));
        assert_eq!(items(text), wanted);
    }

    #[test]
    fn lines_too_long_or_not_utf8_are_reported_and_the_rest_runs() {
        let longest = "x".repeat(8 * 1024 - 1);
        let mut text = format!("a\n{longest}\n{longest}y\nb\n{longest}yz").into_bytes();
        text.extend_from_slice(b"\n\xff\xfe\nc\n");
        let ok = |text: &str| Ok(text.to_string());
        let wanted = [
            ok("a"),
            ok(&longest),
            Err(3),
            ok("b"),
            Err(3),
            Err(3),
            ok("c"),
        ];
        assert_eq!(items(&text), wanted);
    }
}
