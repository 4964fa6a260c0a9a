//! The program `muxfer` from outside: several threads.

mod server;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, Mode, mkfifoat};
use server::{Folder, Ran, Server, ok, refused_port};

/// A server that answers with the path, many times over.
fn server() -> Server {
    Server::start(|request| ok(&body(&request.path)))
}

fn body(path: &str) -> String {
    format!("{path}\n").repeat(500)
}

/// A list of `/prefix0`, `/prefix1` and so on.
fn list(server: &Server, prefix: &str, count: usize) -> String {
    (0..count)
        .map(|nth| server.url(&format!("/{prefix}{nth}\n")))
        .collect()
}

#[test]
fn every_file_of_a_list_is_right() {
    let (server, folder) = (server(), Folder::new());
    let words = ["--threads", "4", "--from", "-", "--max-connections", "12"];
    let ran = folder.run_with(&words, list(&server, "f", 400).as_bytes());
    assert!(ran.stderr.contains("400 done, 0 failed"), "{}", ran.stderr);
    ran.success();
    assert_eq!(folder.names().len(), 400);
    for nth in 0..400 {
        let content = folder.read(&format!("f{nth}"));
        assert_eq!(content, Some(body(&format!("/f{nth}"))), "f{nth}");
    }
    assert_eq!(server.requests().len(), 400);
}

#[test]
fn failures_of_all_threads_are_counted() {
    let (server, folder) = (server(), Folder::new());
    let mut list = String::new();
    for nth in 0..90 {
        let port = refused_port();
        match nth % 3 {
            0 => writeln!(list, "http://127.0.0.1:{port}/").unwrap(),
            _ => writeln!(list, "{}", server.url(&format!("/{nth}"))).unwrap(),
        }
    }
    let words = ["--threads", "3", "--from", "-"];
    let ran = folder.run_with(&words, list.as_bytes()).failure(7);
    assert!(ran.stderr.contains("60 done, 30 failed"), "{}", ran.stderr);
    let lines = ran.stderr.lines();
    let errors = lines.filter(|line| line.starts_with("muxfer: (7)"));
    assert_eq!(errors.count(), 30, "{}", ran.stderr);
    assert_eq!(folder.names().len(), 60);
}

#[test]
fn bodies_on_standard_output_do_not_mix_and_keep_their_order() {
    let (server, folder) = (server(), Folder::new());
    let words = ["--threads", "4", "--from", "-", "-o", "-", "-s"];
    let out = folder.run_with(&words, list(&server, "", 60).as_bytes());
    let wanted: String = (0..60).map(|nth| body(&format!("/{nth}"))).collect();
    assert!(out.stdout == wanted, "mixed or out of order");
    out.success();
}

#[test]
fn a_failure_does_not_keep_standard_output_from_the_others() {
    let (server, folder) = (server(), Folder::new());
    let (first, last) = (server.url("/first"), server.url("/last"));
    let refused = format!("http://127.0.0.1:{}/", refused_port());
    let out = folder.run(&["--threads", "3", "-sS", &first, &refused, &last]);
    let wanted = body("/first") + &body("/last");
    assert_eq!(out.stdout, wanted);
    out.failure(7);
}

#[test]
fn files_of_the_same_name_are_numbered_as_they_are_listed() {
    let (server, folder) = (server(), Folder::new());
    let list: String = (0..100)
        .map(|nth| server.url(&format!("/{nth}/same\n")))
        .collect();
    folder
        .run_with(&["--threads", "4", "--from", "-"], list.as_bytes())
        .success();
    assert_eq!(folder.read("same"), Some(body("/0/same")));
    for nth in 1..100 {
        let content = folder.read(&format!("same.{nth}"));
        assert_eq!(content, Some(body(&format!("/{nth}/same"))), "same.{nth}");
    }
}

/// Runs a list with these words, and answers with the most requests that were served at once.
fn most_at_once(words: &[&str]) -> usize {
    let folder = Folder::new();
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = Server::start(move |request| {
        let at_once = now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(at_once, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(10));
        now.fetch_sub(1, Ordering::SeqCst);
        ok(&request.path)
    });
    let words = [words, &["--from", "-"]].concat();
    folder
        .run_with(&words, list(&server, "", 60).as_bytes())
        .success();
    assert_eq!(folder.names().len(), 60);
    most.load(Ordering::SeqCst)
}

#[test]
fn connections_are_limited_in_all_threads_together() {
    let most = most_at_once(&["--threads", "3", "--max-connections", "7"]);
    assert!((4..=7).contains(&most), "{most}");
    let most = most_at_once(&["--threads", "8", "--max-connections", "2"]);
    assert!((1..=2).contains(&most), "{most}");
    let most = most_at_once(&["--threads", "4", "--max-per-host", "5"]);
    assert!((2..=5).contains(&most), "{most}");
    let most = most_at_once(&["--threads", "4", "--max-per-host", "1"]);
    assert_eq!(most, 1);
}

#[test]
fn threads_without_work_wait_for_lines() {
    let (server, folder) = (server(), Folder::new());
    mkfifoat(CWD, folder.path("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
    let words = ["--threads", "4", "--from", "fifo"];
    let child = folder.command(&words).spawn().unwrap();
    let mut fifo = File::options()
        .write(true)
        .open(folder.path("fifo"))
        .unwrap();
    for path in ["/one", "/two", "/three", "/four", "/five", "/six"] {
        writeln!(fifo, "{}", server.url(path)).unwrap();
        assert_eq!(server.arrival(), path);
    }
    drop(fifo);
    Ran::wait(child).success();
    assert_eq!(folder.read("six"), Some(body("/six")));
}

#[test]
fn what_ends_the_threads_is_told_once() {
    let folder = Folder::new();
    mkfifoat(CWD, folder.path("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
    // Nobody ever writes to the list, so only the failure can end this.
    let mut command = folder.command(&["--threads", "4", "--from", "fifo"]);
    command.env("MUXFER_BACKEND", "nonsense");
    let ran = Ran::wait(command.spawn().unwrap()).failure(2);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}
