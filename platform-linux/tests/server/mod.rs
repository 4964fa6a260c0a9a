//! What the tests of the program share: a scripted server, a folder, and runs of the program.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Nothing takes this long; a program that hangs is killed instead.
const LONG: Duration = Duration::from_secs(10);

/// A request as the server read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) fields: Vec<(String, String)>,
    /// Without the framing of chunks.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of a field, if there is just one of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut all = self
            .fields
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let first = all.next().map(|(_, value)| value.as_str());
        assert!(all.next().is_none(), "{name} twice: {:?}", self.fields);
        first
    }
}

/// What the server does after a request.
pub(crate) enum Answer {
    /// Writes this and reads the next request.
    Keep(Vec<u8>),
    /// Writes this and closes.
    Close(Vec<u8>),
    /// Writes this, and then nothing until the client closes.
    Stall(Vec<u8>),
}

/// A whole response with a length.
pub(crate) fn ok(body: &str) -> Answer {
    response("200 OK", &[], body)
}

/// A whole response with a status, more fields and a length.
pub(crate) fn response(status: &str, fields: &[&str], body: &str) -> Answer {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for field in fields {
        head.push_str(field);
        head.push_str("\r\n");
    }
    Answer::Keep(format!("{head}\r\n{body}").into_bytes())
}

/// A redirect to `location`.
pub(crate) fn redirect(status: &str, location: &str) -> Answer {
    response(status, &[&format!("Location: {location}")], "moved")
}

/// A server on loopback, a thread for each connection. Its threads end with the process.
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    arrivals: Receiver<String>,
}

impl Server {
    pub(crate) fn start(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("bound").port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (arrived, arrivals) = channel();
        let (script, seen) = (Arc::new(script), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, seen, arrived) = (script.clone(), seen.clone(), arrived.clone());
                thread::spawn(move || {
                    let answer = |request: Request| {
                        let answer = script(&request);
                        let path = request.path.clone();
                        seen.lock().expect("no panic").push(request);
                        // Only some tests listen.
                        let _ = arrived.send(path);
                        answer
                    };
                    // A client that goes away ends its thread; there is nobody to tell.
                    let _ = serve(&stream, answer);
                });
            }
        });
        Self {
            port,
            requests,
            arrivals,
        }
    }

    /// `http://127.0.0.1:port` and the path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }

    /// The only request so far.
    pub(crate) fn request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// Waits for the next request and gives its path.
    pub(crate) fn arrival(&self) -> String {
        self.arrivals.recv_timeout(LONG).expect("a request came")
    }
}

/// A port that nobody listens on.
pub(crate) fn refused_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("bound").port()
}

fn serve(stream: &TcpStream, mut answer: impl FnMut(Request) -> Answer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (BufReader::new(stream), stream);
    while let Some(request) = read_request(&mut input, output)? {
        match answer(request) {
            Answer::Keep(bytes) => output.write_all(&bytes)?,
            Answer::Close(bytes) => return output.write_all(&bytes),
            Answer::Stall(bytes) => {
                output.write_all(&bytes)?;
                io::copy(&mut input, &mut io::sink())?;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Reads one request; says `100 Continue` before the body if that is asked for.
fn read_request(input: &mut impl BufRead, mut output: &TcpStream) -> io::Result<Option<Request>> {
    let first = line(input)?;
    let mut words = first.split(' ').map(str::to_string);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut request = Request {
        method,
        path,
        fields: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let line = line(input)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let field = (name.to_string(), value.trim().to_string());
        request.fields.push(field);
    }
    if request.field("Expect").is_some() {
        output.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = if request.field("Transfer-Encoding").is_some() {
        chunks(input)?
    } else {
        let length = request.field("Content-Length").unwrap_or("0");
        exactly(input, length.parse().map_err(io::Error::other)?)?
    };
    Ok(Some(request))
}

fn chunks(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&line(input)?, 16).map_err(io::Error::other)?;
        body.extend(exactly(input, size)?);
        line(input)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn exactly(input: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A line without its end; empty at the end of the stream.
fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end().to_string())
}

/// A new folder, removed at the end of the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("program-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file can be written");
    }

    /// What is in a file, if there is one.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        let bytes = fs::read(self.path(name)).ok()?;
        Some(String::from_utf8(bytes).expect("UTF-8"))
    }

    /// The names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("it is there");
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Runs the program in this folder.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        self.run_with(words, b"")
    }

    /// Runs the program in this folder with this as its standard input.
    pub(crate) fn run_with(&self, words: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("piped");
        let input = input.to_vec();
        // It may end without having read all.
        let writer = thread::spawn(move || stdin.write_all(&input));
        let ran = Ran::wait(child);
        let _ = writer.join();
        ran
    }

    /// The program in this folder, its output caught.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muxfer"));
        command
            .args(words)
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the target folder does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Waits for its end, and kills it if that takes too long.
    pub(crate) fn wait(child: std::process::Child) -> Self {
        let pid = Pid::from_child(&child);
        let (sender, ended) = channel();
        thread::spawn(move || sender.send(child.wait_with_output()));
        let output = ended.recv_timeout(LONG).unwrap_or_else(|why| {
            assert_eq!(why, RecvTimeoutError::Timeout);
            let _ = kill_process(pid, Signal::KILL);
            panic!("the program hangs");
        });
        let output = output.expect("it could be waited for");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// It was a success; gives its standard output.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// It failed with this code and said so.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert!(self.stderr.starts_with("muxfer: "), "{}", self.stderr);
        self
    }
}
