//! Sends a file, or standard input, to a URL with PUT, by an easy handle of its own.
//!
//! ```sh
//! cargo run --example upload -- http://127.0.0.1:8080/name file
//! date | cargo run --example upload -- http://127.0.0.1:8080/name
//! ```
//! A file is sent with its length, standard input in chunks. The answer's body goes to standard
//! output.

use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, Write};

use muxfer_core::Config;
use muxfer_core::easy::{
    Body, Easy, Flow, Follow, Given, Options, Redirects, Request, Status, Taken,
};
use muxfer_linux::{Capacity, Driver, Epoll, EpollOptions, Memory};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: upload URL [FILE]")?;
    let source = Source::open(arguments.next().as_deref())?;

    let mut memory = Memory::new(Capacity::new(1, 1));
    let epoll = Epoll::new(&EpollOptions::default())?;
    let mut driver = Driver::new(&mut memory, Config::default(), epoll)?;
    driver.add(Upload {
        url,
        source,
        status: 0,
    })?;
    while driver.turn(None)?.transfers > 0 {}

    while let Some(done) = driver.info_read() {
        let sent = driver.multi().info(done.handle).map_or(0, |info| info.sent);
        if let Some(upload) = driver.remove(done.handle) {
            eprintln!("{} {sent} {}", upload.status, upload.url);
        }
        done.result?;
    }
    Ok(())
}

/// The user's side of the transfer. It keeps what it needs, and no buffer: the engine asks for
/// the body when there is room to send, and hands in the room.
struct Upload {
    url: String,
    source: Source,
    status: u16,
}

impl Easy for Upload {
    fn request(&self) -> Request<'_> {
        Request {
            body: Body::Stream {
                length: self.source.length(),
            },
            ..Request::new("PUT", &self.url)
        }
    }

    fn options(&self) -> Options {
        Options {
            redirects: Redirects::Follow(5),
            fail_on_error: true,
            ..Options::DEFAULT
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.status = status.code;
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        match io::stdout().write_all(bytes) {
            Ok(()) => Taken::All,
            Err(_) => Taken::Abort,
        }
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        match self.source.read(into) {
            Ok(0) => Given::End,
            Ok(count) => Given::Bytes(count),
            Err(_) => Given::Abort,
        }
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        url.clone_into(&mut self.url);
        Follow::Go
    }

    /// Asked for when a part was read and the request has to be sent again: after a redirect, or
    /// when a connection that was kept turns out to be dead.
    fn rewind(&mut self) -> bool {
        match &mut self.source {
            Source::File { file, .. } => file.rewind().is_ok(),
            Source::Stdin => false,
        }
    }
}

/// Where the body comes from.
enum Source {
    File { file: File, length: Option<u64> },
    Stdin,
}

impl Source {
    fn open(path: Option<&str>) -> io::Result<Self> {
        let Some(path) = path.filter(|path| *path != "-") else {
            return Ok(Self::Stdin);
        };
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        // A device or a pipe says 0, which means nothing.
        let length = metadata.is_file().then_some(metadata.len());
        Ok(Self::File { file, length })
    }

    fn length(&self) -> Option<u64> {
        match self {
            Self::File { length, .. } => *length,
            Self::Stdin => None,
        }
    }

    /// Waits for standard input if need be. There is no other transfer that this would hold up; a
    /// program with several would answer [`Given::Pause`], watch the descriptor in its own loop
    /// and unpause the transfer.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Self::File { file, .. } => file.read(into),
                Self::Stdin => io::stdin().lock().read(into),
            };
            match result {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}
