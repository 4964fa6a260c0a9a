//! System calls of the program `muxfer` fail, one at a time, by the fault injection of strace.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use muxfer_tests::files::Folder;
use muxfer_tests::hostile::{Gate, Server, pattern};
use muxfer_tests::program::{self, Build};
use muxfer_tests::torture::injected::{self, Injection, Ran};

/// More calls of a kind than a run makes.
const MOST_CALLS: u32 = 200;
/// What the program writes: names, entries and variants, and lengths.
const FILES: &[(&str, &str, usize)] = &[
    ("a", "sized/4", 20_000),
    ("b", "chunked/3", 4096),
    ("c", "hop/0", 100),
    ("d", "closes-when-reused/0", 10),
    ("e", "sized/2", 100),
];
/// The number of the transfer that is written to the first file; the others follow.
const FIRST: u64 = 1;
/// That of the upload, and its length.
const UPLOAD: (u64, usize) = (99, 150_000);

/// What a call's failure may come to.
struct Case {
    call: &'static str,
    errors: &'static [&'static str],
    /// The file that it must have to do with.
    file: Option<&'static str>,
    /// The exit status if the program does not come through.
    code: i32,
}

const fn case(call: &'static str, errors: &'static [&'static str], code: i32) -> Case {
    Case {
        call,
        errors,
        file: None,
        code,
    }
}

const fn of_file(mut case: Case, file: &'static str) -> Case {
    case.file = Some(file);
    case
}

/// Without a loop there is nothing: `CURLE_FAILED_INIT`.
const LOOP: &[Case] = &[
    case("epoll_create1", &["EMFILE"], 2),
    case("eventfd2", &["EMFILE"], 2),
    case("epoll_ctl", &["ENOSPC", "ENOMEM"], 2),
    case("epoll_pwait", &["EINVAL"], 2),
];

/// What only io_uring needs.
const RING: &[Case] = &[
    case("io_uring_setup", &["EPERM", "ENOSYS", "EMFILE"], 2),
    case("io_uring_register", &["EINVAL", "ENOMEM"], 2),
    case("io_uring_enter", &["EINVAL", "EBADF"], 2),
];

/// Not `EMFILE`: once is no harm, as descriptors that only wait to be closed are closed then.
const RING_SOCKETS: &[Case] = &[
    case("socket", &["ENOBUFS", "EACCES"], 7),
    case("setsockopt", &["ENOBUFS"], 7),
];

const SOCKETS: &[Case] = &[
    case("socket", &["EMFILE", "ENOBUFS", "EACCES"], 7),
    case("setsockopt", &["ENOBUFS"], 7),
    case(
        "connect",
        &["ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL"],
        7,
    ),
    case("getpeername", &["ENOBUFS"], 7),
    case("sendto", &["ECONNRESET", "EPIPE", "ENOBUFS"], 55),
    case("recvfrom", &["ECONNRESET", "ETIMEDOUT", "ENOMEM"], 56),
];

const WRITES: &[Case] = &[
    of_file(case("openat", &["EACCES", "ENOSPC", "EMFILE"], 23), "a"),
    of_file(case("write", &["ENOSPC", "EIO", "EDQUOT"], 23), "a"),
    of_file(case("write", &["ENOSPC"], 23), "c"),
];

const READS: &[Case] = &[
    of_file(case("openat", &["EACCES", "EMFILE"], 26), "up"),
    of_file(case("read", &["EIO"], 26), "up"),
    case("sendto", &["ECONNRESET", "EPIPE"], 55),
];

/// A program, a server, and a folder.
struct Bench {
    program: PathBuf,
    server: Server,
    folder: Folder,
}

impl Bench {
    fn new() -> io::Result<Self> {
        Ok(Self {
            program: program::muxfer(Build::Debug)?,
            server: Server::start()?,
            folder: Folder::new("injected")?,
        })
    }

    fn url(&self, entry: &str, number: u64) -> String {
        let address = self.server.address(Gate::Open);
        format!("http://{address}/{entry}?n={number}&p=0")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Five downloads over two connections.
    fn downloads(&self, backend: &str) -> Command {
        let mut command = self.command(backend);
        command.args(["-L", "--max-connections", "2"]);
        for ((name, entry, _), number) in FILES.iter().zip(FIRST..) {
            command
                .arg("-o")
                .arg(self.path(name))
                .arg(self.url(entry, number));
        }
        command
    }

    /// An upload from a file.
    fn upload(&self) -> io::Result<Command> {
        let mut body = vec![0; UPLOAD.1];
        pattern::fill(UPLOAD.0, 0, &mut body);
        fs::write(self.path("up"), body)?;
        let mut command = self.command("epoll");
        command
            .arg("-T")
            .arg(self.path("up"))
            .arg(self.url("put-sized/0", UPLOAD.0));
        Ok(command)
    }

    fn command(&self, backend: &str) -> Command {
        let mut command = Command::new(&self.program);
        // Errors, and nothing but errors.
        command.args(["-sS", "--backend", backend]);
        command.current_dir(self.folder.path());
        command
    }

    /// Fails each call of a case in turn, with each of its errors.
    fn torture(&self, command: &mut Command, case: &Case) {
        let file = case.file.map(|name| self.path(name));
        for error in case.errors {
            let mut failures = 0;
            for nth in 1..=MOST_CALLS {
                assert!(nth < MOST_CALLS, "{}: no end of calls", case.call);
                let injection = Injection {
                    call: case.call,
                    error,
                    nth,
                    on: false,
                    file: file.as_deref(),
                };
                let (ran, what) = self.once(command, &injection);
                if !ran.injected {
                    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{what}");
                    break;
                }
                if ran.code != Some(0) {
                    failures += 1;
                    assert_says(&ran, case.code, &what);
                }
            }
            assert!(
                failures > 0,
                "{} with {error} never does any harm",
                case.call
            );
        }
    }

    /// One run. Whatever it comes to, no file holds what it should not.
    fn once(&self, command: &mut Command, injection: &Injection<'_>) -> (Ran, String) {
        for (name, ..) in FILES {
            // It may not be there.
            let _ = fs::remove_file(self.path(name));
        }
        let what = format!(
            "{} number {} says {}",
            injection.call, injection.nth, injection.error
        );
        let ran = injected::run(command, injection, &self.path("log"));
        let ran = ran.unwrap_or_else(|why| panic!("{what}: {why}"));
        let downloads = command.get_args().any(|word| word == "-L");
        for ((name, _, length), number) in FILES.iter().zip(FIRST..) {
            let whole = assert_prefix(&self.path(name), number, *length, &what);
            let all = !downloads || whole || ran.code != Some(0);
            assert!(all, "{what}: a success without all of {name}");
        }
        assert_eq!(self.server.tally().take_faults(), [""; 0], "{what}");
        (ran, what)
    }
}

/// It fails with this status, and says so once in a line for each failure.
fn assert_says(ran: &Ran, code: i32, what: &str) {
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(ran.code, Some(code), "{what}: {lines:?}");
    let start = format!("muxfer: ({code}) ");
    let named = lines
        .iter()
        .all(|line| line.len() > start.len() && line.starts_with(&start));
    assert!(named && lines.len() == 1, "{what}: {lines:?}");
}

/// A file holds what it should, or the beginning of it, or is not there. Is it whole?
fn assert_prefix(path: &Path, number: u64, length: usize, what: &str) -> bool {
    let Ok(bytes) = fs::read(path) else {
        return false;
    };
    let name = path.display();
    assert!(bytes.len() <= length, "{what}: {name} is too long");
    let wrong = pattern::difference(number, 0, &bytes);
    assert_eq!(wrong, None, "{what}: {name} is wrong");
    bytes.len() == length
}

fn downloads(backend: &str, cases: &[Case]) -> io::Result<()> {
    let bench = Bench::new()?;
    for case in cases {
        bench.torture(&mut bench.downloads(backend), case);
    }
    Ok(())
}

/// Each call of io_uring fails from the nth on, for each n.
fn without_io_uring(backend: &str, check: impl Fn(&Ran, &Case, &str)) -> io::Result<()> {
    let bench = Bench::new()?;
    for case in RING {
        for error in case.errors {
            for nth in 1.. {
                let injection = Injection {
                    call: case.call,
                    error,
                    nth,
                    on: true,
                    file: None,
                };
                let (ran, what) = bench.once(&mut bench.downloads(backend), &injection);
                if !ran.injected {
                    assert!(nth > 1, "{} is never called", case.call);
                    break;
                }
                check(&ran, case, &what);
            }
        }
    }
    Ok(())
}

#[test]
fn where_io_uring_does_not_work_epoll_does() -> io::Result<()> {
    without_io_uring("auto", |ran, case, what| {
        if ran.code == Some(0) {
            assert_eq!(ran.stderr, "", "{what}");
        } else {
            // It worked when it was tested.
            assert_says(ran, case.code, what);
            assert_eq!(case.call, "io_uring_enter", "{what}");
        }
    })
}

#[test]
fn where_io_uring_is_asked_for_and_does_not_work_the_program_says_so() -> io::Result<()> {
    without_io_uring("uring", |ran, case, what| {
        // The last calls come when all is done.
        let first = what.contains(" number 1 ");
        if first || ran.code != Some(0) {
            assert_says(ran, case.code, what);
        }
    })
}

#[test]
fn the_reason_for_epoll_is_told_once() -> io::Result<()> {
    let bench = Bench::new()?;
    let injection = Injection {
        call: "io_uring_setup",
        error: "EPERM",
        nth: 1,
        on: true,
        file: None,
    };
    let (ran, what) = bench.once(bench.downloads("auto").arg("-v"), &injection);
    let told = "epoll is used instead of io_uring: set-up: Operation not permitted";
    assert_eq!(ran.code, Some(0), "{what}");
    assert_eq!(ran.stderr.matches(told).count(), 1, "{}", ran.stderr);
    Ok(())
}

#[test]
fn a_call_on_a_socket_of_io_uring_that_fails_fails_one_transfer_at_most() -> io::Result<()> {
    downloads("uring", RING_SOCKETS)
}

#[test]
fn without_a_loop_the_program_says_so_and_ends() -> io::Result<()> {
    downloads("epoll", LOOP)
}

#[test]
fn a_call_on_a_socket_that_fails_fails_one_transfer_at_most() -> io::Result<()> {
    downloads("epoll", SOCKETS)
}

#[test]
fn a_file_that_can_not_be_written_is_a_failure() -> io::Result<()> {
    downloads("epoll", WRITES)
}

#[test]
fn an_upload_that_can_not_be_read_or_sent_is_a_failure() -> io::Result<()> {
    let bench = Bench::new()?;
    for case in READS {
        bench.torture(&mut bench.upload()?, case);
    }
    Ok(())
}

#[test]
fn interrupted_calls_do_no_harm() -> io::Result<()> {
    let bench = Bench::new()?;
    let file = bench.path("a");
    let calls = [
        ("epoll", "epoll_pwait", None),
        ("epoll", "sendto", None),
        ("epoll", "recvfrom", None),
        ("epoll", "openat", Some(file.as_path())),
        ("epoll", "write", Some(file.as_path())),
        ("uring", "io_uring_enter", None),
    ];
    for (backend, call, file) in calls {
        for nth in 1..MOST_CALLS {
            let injection = Injection {
                call,
                error: "EINTR",
                nth,
                on: false,
                file,
            };
            let (ran, what) = bench.once(&mut bench.downloads(backend), &injection);
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{what}");
            if !ran.injected {
                assert!(nth > 1, "{call} is never called");
                break;
            }
        }
    }
    Ok(())
}
