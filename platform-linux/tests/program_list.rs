//! The program `muxfer` from outside: lists of URLs, and what is said about them.

mod server;

use std::fs::File;
use std::io::Write;

use rustix::fs::{CWD, Mode, mkfifoat};
use server::{Folder, Ran, Server, ok, redirect, refused_port};

/// A server that answers with the path.
fn echo() -> Server {
    Server::start(|request| ok(&request.path))
}

#[test]
fn a_list_is_fetched_into_files() {
    let (server, folder) = (echo(), Folder::new());
    let list = format!(
        "# a comment\n\n  {}  \r\n{}\n{}",
        server.url("/a"),
        server.url("/b"),
        server.url("/")
    );
    folder.write("list", list);
    assert_eq!(folder.run(&["--from", "list"]).success(), "");
    assert_eq!(folder.names(), ["a", "b", "index.html", "list"]);
    assert_eq!(folder.read("b").as_deref(), Some("/b"));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_list_can_come_from_standard_input_beside_urls() {
    let (server, folder) = (echo(), Folder::new());
    let list = format!("{}\n", server.url("/listed"));
    let ran = folder.run_with(&["--from", "-", &server.url("/given")], list.as_bytes());
    ran.success();
    assert_eq!(folder.names(), ["given", "listed"]);
}

#[test]
fn an_empty_list_is_a_success() {
    let folder = Folder::new();
    folder.run(&["--from", "-"]).success();
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn bad_lines_are_3_and_the_others_are_fetched() {
    let (server, folder) = (echo(), Folder::new());
    let mut list = format!("{}\n", server.url("/first")).into_bytes();
    list.extend(b"http://a b/\n");
    list.extend(b"\xff\xfe\n");
    list.extend([b'x'; 20_000]);
    list.extend(format!("\n{}\n", server.url("/last")).into_bytes());
    folder.write("list", list);
    let ran = folder.run(&["--from", "list"]).failure(3);
    let errors = ran
        .stderr
        .lines()
        .filter(|line| line.starts_with("muxfer: (3)"));
    assert_eq!(errors.count(), 3, "{}", ran.stderr);
    for line in ["line 3 ", "line 4 "] {
        assert!(ran.stderr.contains(line), "{}", ran.stderr);
    }
    assert_eq!(folder.names(), ["first", "last", "list"]);
}

#[test]
fn a_fifo_is_fetched_as_it_is_written() {
    let (server, folder) = (echo(), Folder::new());
    mkfifoat(CWD, folder.path("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
    let child = folder.command(&["--from", "fifo"]).spawn().unwrap();
    let mut fifo = File::options()
        .write(true)
        .open(folder.path("fifo"))
        .unwrap();
    for path in ["/one", "/two"] {
        writeln!(fifo, "{}", server.url(path)).unwrap();
        // The next line is not written before the request of this one is there.
        assert_eq!(server.arrival(), path);
    }
    drop(fifo);
    Ran::wait(child).success();
    assert_eq!(folder.read("two").as_deref(), Some("/two"));
}

#[test]
fn a_list_longer_than_all_tables_is_fetched_over_few_connections() {
    let (server, folder) = (echo(), Folder::new());
    let list: String = (0..300)
        .map(|number| server.url(&format!("/{number}\n")))
        .collect();
    let words = [
        "--from",
        "-",
        "--max-connections",
        "2",
        "--output-dir",
        "out",
        "--create-dirs",
    ];
    let ran = folder.run_with(&words, list.as_bytes());
    assert!(ran.stderr.contains("300 done, 0 failed"), "{}", ran.stderr);
    ran.success();
    for number in 0..300 {
        let body = folder.read(&format!("out/{number}"));
        assert_eq!(body, Some(format!("/{number}")));
    }
}

#[test]
fn many_outputs_of_one_name_are_all_kept() {
    let (server, folder) = (echo(), Folder::new());
    let list: String = (0..50)
        .map(|number| server.url(&format!("/{number}/f\n")))
        .collect();
    folder
        .run_with(&["--from", "-", "--max-connections", "3"], list.as_bytes())
        .success();
    assert_eq!(folder.names().len(), 50);
    assert_eq!(folder.read("f.49").as_deref(), Some("/49/f"));
}

#[test]
fn passwords_of_urls_are_never_shown() {
    let server = Server::start(|request| match request.path.as_str() {
        "/from" => redirect("302 Found", "http://user:secret@127.0.0.1:1/to"),
        _ => ok("x"),
    });
    let refused = refused_port();
    let mut urls = vec![
        format!("http://user:secret@127.0.0.1:{refused}/"),
        format!("user:secret@127.0.0.1:{refused}/"),
        "http://user:secret@a b/".to_string(),
        "http://user:sec/secret@a/".to_string(),
        "http:/user:secret@a/".to_string(),
        "user:secret@".to_string(),
        "ftp://user:secret@a/".to_string(),
        format!("http://user:secret@127.0.0.1:{}/", server.port),
        format!("http://user:secret@127.0.0.1:{}/from", server.port),
    ];
    urls.push(server.url("/from"));
    let folder = Folder::new();
    for url in &urls {
        for words in [&["-L"][..], &["-L", "-v"], &["-L", "-O"]] {
            let ran = folder.run(&[words, &[url.as_str()]].concat());
            assert!(!ran.stderr.contains("secret"), "{url}: {}", ran.stderr);
        }
        let ran = folder.run_with(&["-L", "--from", "-"], url.as_bytes());
        assert!(!ran.stderr.contains("secret"), "{url}: {}", ran.stderr);
    }
}

#[test]
fn verbose_shows_heads_without_credentials() {
    let server = Server::start(|_| ok("x"));
    let folder = Folder::new();
    let url = server.url("/path");
    let secret = "Authorization: Basic dXNlcjpzZWNyZXQ=";
    // The last ones are longer than the buffer for sending, which is cut in or near that line.
    for length in [0, 65_425, 65_430, 65_435, 65_440, 65_445] {
        let filler = format!("X: {}", "x".repeat(length));
        let words = ["-v", "-H", &filler, "-H", secret, &url];
        let ran = folder.run(&words);
        assert!(
            ran.stderr.contains("> GET /path HTTP/1.1\n"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("< HTTP/1.1 200 OK\n"), "{}", ran.stderr);
        for hidden in ["dXNlc", "pzZWN", "cmV0"] {
            assert!(!ran.stderr.contains(hidden), "{}", ran.stderr);
        }
        ran.success();
    }
}
