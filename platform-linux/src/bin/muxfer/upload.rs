//! Where the body of an upload comes from.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use muxfer_core::easy::Given;
use muxfer_linux::Waker;

use crate::args::is_dash;

/// The size of a piece of standard input.
const PIECE: usize = 16 * 1024;
/// How many pieces are read ahead.
const PIECES: usize = 4;

/// What is uploaded.
#[derive(Debug)]
pub(crate) enum Upload {
    /// A file, with its length if it is one that has a length.
    File(File, Option<u64>),
    /// Something that makes its reader wait: standard input, a FIFO. A thread reads it, so that
    /// the other transfers and the time limits go on.
    Pipe(Pipe),
}

impl Upload {
    /// Opens it; `chunked` hides its length.
    pub(crate) fn open(path: &Path, chunked: bool, waker: &Waker) -> io::Result<Self> {
        if is_dash(path) {
            return Ok(Self::Pipe(Pipe::new(io::stdin(), waker)?));
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            Err(io::ErrorKind::IsADirectory.into())
        } else if metadata.is_file() {
            Ok(Self::File(file, (!chunked).then_some(metadata.len())))
        } else {
            Ok(Self::Pipe(Pipe::new(file, waker)?))
        }
    }

    pub(crate) const fn length(&self) -> Option<u64> {
        match self {
            Self::File(_, length) => *length,
            Self::Pipe(_) => None,
        }
    }

    /// A piece of it.
    ///
    /// # Errors
    /// It can't be read any more.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<Given> {
        match self {
            Self::File(file, _) => Ok(match file.read(into)? {
                0 => Given::End,
                n => Given::Bytes(n),
            }),
            Self::Pipe(pipe) => pipe.read(into),
        }
    }

    pub(crate) fn rewind(&mut self) -> bool {
        match self {
            Self::File(file, _) => file.rewind().is_ok(),
            Self::Pipe(_) => false,
        }
    }
}

/// What a thread has read and the engine has not yet taken.
#[derive(Debug)]
pub(crate) struct Pipe {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    taken: usize,
    error: Option<io::Error>,
    /// The engine was told to wait.
    waiting: bool,
}

impl Pipe {
    fn new(input: impl Read + Send + 'static, waker: &Waker) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(PIECES);
        let waker = waker.clone();
        thread::Builder::new()
            .name("upload".to_string())
            .spawn(move || {
                read_all(input, &sender, &waker);
                drop(sender);
                waker.wake();
            })?;
        Ok(Self {
            pieces,
            piece: Vec::new(),
            taken: 0,
            error: None,
            waiting: false,
        })
    }

    /// Was the engine told to wait, and need it no longer?
    pub(crate) fn has_news(&mut self) -> bool {
        if !self.waiting {
            return false;
        }
        match self.pieces.try_recv() {
            Ok(Ok(piece)) => self.put(piece),
            Ok(Err(error)) => self.error = Some(error),
            Err(TryRecvError::Disconnected) => {}
            Err(TryRecvError::Empty) => return false,
        }
        self.waiting = false;
        true
    }

    fn put(&mut self, piece: Vec<u8>) {
        self.piece = piece;
        self.taken = 0;
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<Given> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.taken == self.piece.len() {
            match self.pieces.try_recv() {
                Ok(piece) => self.put(piece?),
                Err(TryRecvError::Disconnected) => return Ok(Given::End),
                Err(TryRecvError::Empty) => {
                    self.waiting = true;
                    return Ok(Given::Pause);
                }
            }
        }
        let rest = &self.piece[self.taken..];
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        self.taken += n;
        Ok(Given::Bytes(n))
    }
}

fn read_all(mut input: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>, waker: &Waker) {
    loop {
        let mut piece = vec![0; PIECE];
        let item = match input.read(&mut piece) {
            Ok(0) => return,
            Ok(n) => {
                piece.truncate(n);
                Ok(piece)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = item.is_err();
        if sender.send(item).is_err() || failed {
            return;
        }
        waker.wake();
    }
}
