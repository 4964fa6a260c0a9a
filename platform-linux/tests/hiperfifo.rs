//! The example `hiperfifo` as a process: URLs are served while other transfers run.
//!
//! Cargo builds examples for a whole `cargo test`, but not for `--test hiperfifo` alone.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

/// Nothing takes this long; a test that hangs fails instead.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_url_that_comes_later_is_served_while_an_earlier_one_waits() {
    let mut program = Program::start();
    let (address, connections) = server();

    program.write(&format!("http://{address}/first\n"));
    let mut first = connections.recv_timeout(LONG).expect("the first came");
    assert_eq!(path_asked_for(&mut first), "/first");

    // The name is looked up in a thread, so the resolver's descriptor is at work, too. The line
    // comes in two pieces.
    program.write("http://localhost:");
    program.write(&format!("{}/second\n", address.port()));
    let mut second = connections.recv_timeout(LONG).expect("the second came");
    assert_eq!(path_asked_for(&mut second), "/second");
    answer(&mut second, "200 OK", "later but sooner");
    let url = format!("http://localhost:{}/second", address.port());
    assert_eq!(program.line(), format!("DONE: {url} => (0) 200 16"));

    answer(&mut first, "404 Not Found", "no");
    let done = format!("DONE: http://{address}/first => (0) 404 2");
    assert_eq!(program.line(), done);

    program.write("quit\n");
    program.ends();
}

#[test]
fn what_fails_is_reported_and_what_runs_at_the_end_is_too() {
    let mut program = Program::start();
    let (address, connections) = server();
    let (_bound, closed) = refusing();

    program.write("nonsense\n");
    assert_eq!(program.line(), "DONE: nonsense => (3) 0 0");
    program.write(&format!("http://{closed}/\n"));
    assert_eq!(program.line(), format!("DONE: http://{closed}/ => (7) 0 0"));
    program.write(&format!("\n{}\n", "x".repeat(20_000)));
    program.write(&format!("http://{address}/never\n"));
    let waiting = connections.recv_timeout(LONG).expect("it came");

    program.write("quit\nhttp://a.test/behind-the-end\n");
    let done = format!("DONE: http://{address}/never => (42) 0 0");
    assert_eq!(program.line(), done);
    program.ends();
    drop(waiting);
}

/// A server that hands its connections to the test, which answers when it likes.
fn server() -> (SocketAddr, Receiver<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("bound");
    let (tell, connections) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            stream.set_read_timeout(Some(LONG)).expect("not zero");
            if tell.send(stream).is_err() {
                return;
            }
        }
    });
    (address, connections)
}

/// A port that refuses: bound, so that nobody else gets it, but not listened to.
fn refusing() -> (OwnedFd, SocketAddr) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None);
    let socket = socket.expect("descriptors are left");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    rustix::net::bind(&socket, &any).expect("a port is free");
    let address = rustix::net::getsockname(&socket).expect("bound");
    let address = SocketAddr::try_from(address).expect("of the internet");
    (socket, address)
}

/// Reads a request without a body to its end.
fn path_asked_for(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a whole request");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let path = head.split(' ').nth(1).expect("a request line");
    path.to_owned()
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).expect("sent");
}

/// The running example, with its FIFO in a folder of its own.
struct Program {
    child: Child,
    lines: Receiver<String>,
    fifo: File,
    folder: PathBuf,
}

impl Program {
    /// Starts it and waits until it listens.
    fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hiperfifo-{}-{count}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("fifo");

        let mut child = Command::new(example())
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (tell, lines) = channel();
        thread::spawn(move || {
            out.lines()
                .map_while(Result::ok)
                .try_for_each(|line| tell.send(line))
        });
        let listens = lines.recv_timeout(LONG);
        // For reading too: that does not wait for a reader, if there is none any more.
        let fifo = OpenOptions::new().read(true).write(true).open(&path);
        let program = Self {
            child,
            lines,
            fifo: fifo.expect("it has made the FIFO"),
            folder,
        };
        assert!(listens.expect("it listens").starts_with("Write URLs to "));
        program
    }

    /// Not more than a pipe holds, so it does not wait for the reader.
    fn write(&mut self, text: &str) {
        self.fifo.write_all(text.as_bytes()).expect("written");
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(LONG).expect("a line")
    }

    /// Waits for its end, which must be a good one with nothing more to say.
    fn ends(&mut self) {
        let rest = self.lines.recv_timeout(LONG);
        assert_eq!(rest, Err(RecvTimeoutError::Disconnected));
        assert!(self.child.wait().expect("it has ended").success());
        let left = std::fs::exists(self.folder.join("fifo"));
        assert!(!left.expect("can look"), "it removes the FIFO that it made");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // All three fail only if there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Where Cargo puts examples: beside the folder of the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("has a path");
    let path = test
        .parent()
        .and_then(|deps| deps.parent())
        .map(|target| target.join("examples/hiperfifo"))
        .expect("two folders up");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p muxfer-linux --examples`",
        path.display()
    );
    path
}
