//! The program `muxfer` from outside: what it exits with. The numbers are curl's.

mod server;

use std::fs::File;
use std::process::Stdio;

use server::{Answer, Folder, Ran, Server, ok, redirect, refused_port, response};

/// Fetches one path of a server with one answer for all.
fn fetch(answer: fn() -> Answer, words: &[&str]) -> Ran {
    let server = Server::start(move |_| answer());
    let url = server.url("/file");
    Folder::new().run(&[words, &[url.as_str()]].concat())
}

#[test]
fn a_success_exits_with_0_and_prints_just_the_body() {
    let ran = fetch(|| ok("hello"), &["-s"]);
    assert_eq!(ran.stderr, "");
    assert_eq!(ran.success(), "hello");
}

#[test]
fn a_malformed_url_is_3() {
    for url in [
        "http://",
        "http://a:99999/",
        "http://[::1/",
        "http://a b/",
        "a\r\nb",
    ] {
        Folder::new().run(&[url]).failure(3);
    }
}

#[test]
fn an_unknown_scheme_is_1() {
    for url in ["ftp://127.0.0.1/", "file:///etc/passwd"] {
        Folder::new().run(&[url]).failure(1);
    }
}

#[test]
fn an_unknown_host_is_6() {
    Folder::new()
        .run(&["http://no-such-host.invalid/"])
        .failure(6);
}

#[test]
fn a_refused_connection_is_7() {
    let url = format!("http://127.0.0.1:{}/", refused_port());
    Folder::new().run(&[&url]).failure(7);
}

#[test]
fn conflicting_lengths_are_8() {
    let conflict = || {
        Answer::Close(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd".into(),
        )
    };
    let ran = fetch(conflict, &[]).failure(8);
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_short_body_is_18_and_what_came_is_kept() {
    let short = || Answer::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcd".into());
    assert_eq!(fetch(short, &[]).failure(18).stdout, "abcd");
    let unfinished = || {
        Answer::Close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n".into())
    };
    assert_eq!(fetch(unfinished, &[]).failure(18).stdout, "abcd");
}

#[test]
fn an_error_status_is_22_only_with_f() {
    let missing = || response("404 Not Found", &[], "sorry");
    assert_eq!(fetch(missing, &["-f"]).failure(22).stdout, "");
    assert_eq!(fetch(missing, &["-s"]).success(), "sorry");
}

#[test]
fn a_server_that_never_answers_is_28_with_m() {
    fetch(|| Answer::Stall(Vec::new()), &["-m", "0.1"]).failure(28);
}

#[test]
fn a_slow_server_is_28_with_y() {
    let head = || Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".into());
    let ran = fetch(head, &["-Y", "1000", "-y", "1"]).failure(28);
    assert_eq!(ran.stdout, "abc");
}

#[test]
fn a_redirect_loop_is_47() {
    let server = Server::start(|_| redirect("302 Found", "/again"));
    Folder::new()
        .run(&["-L", "--max-redirs", "3", &server.url("/")])
        .failure(47);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_full_disk_is_23() {
    fetch(|| ok("hello"), &["-o", "/dev/full"]).failure(23);
    fetch(|| ok("hello"), &["-D", "/dev/full"]).failure(23);
}

#[test]
fn a_full_standard_output_is_23() {
    let server = Server::start(|_| ok("hello"));
    let folder = Folder::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = folder.command(&[&server.url("/")]);
    let child = command.stdout(Stdio::from(full)).spawn().unwrap();
    Ran::wait(child).failure(23);
}

#[test]
fn a_missing_folder_is_23() {
    fetch(|| ok("hello"), &["-o", "missing/file"]).failure(23);
    fetch(|| ok(""), &["-o", "missing/file"]).failure(23);
}

#[test]
fn a_url_without_a_name_is_23_with_remote_name() {
    let server = Server::start(|_| ok("hello"));
    Folder::new().run(&["-O", &server.url("/")]).failure(23);
    assert_eq!(server.requests(), []);
}

#[test]
fn a_missing_upload_is_26_and_nothing_is_sent() {
    let server = Server::start(|_| ok(""));
    Folder::new()
        .run(&["-T", "missing", &server.url("/")])
        .failure(26);
    assert_eq!(server.requests(), []);
}

#[test]
fn a_server_without_ranges_is_33() {
    let folder = Folder::new();
    folder.write("file", "01234");
    let server = Server::start(|_| ok("0123456789"));
    folder
        .run(&["-C", "5", "-o", "file", &server.url("/")])
        .failure(33);
    assert_eq!(folder.read("file").as_deref(), Some("01234"));
    assert_eq!(server.request().field("Range"), Some("bytes=5-"));
}

#[test]
fn a_method_or_a_field_that_cant_be_sent_is_43() {
    for words in [
        ["-X", "GE T"],
        ["-H", "Content-Length: 3"],
        ["-H", "a b: c"],
    ] {
        let server = Server::start(|_| ok(""));
        Folder::new()
            .run(&[&words[..], &[server.url("/").as_str()]].concat())
            .failure(43);
        assert_eq!(server.requests(), []);
    }
}

#[test]
fn a_close_without_a_reply_is_52() {
    fetch(|| Answer::Close(Vec::new()), &[]).failure(52);
}

#[test]
fn a_body_that_is_too_long_is_63() {
    let ran = fetch(|| ok("hello"), &["--max-filesize", "4"]).failure(63);
    assert_eq!(ran.stdout, "");
    assert_eq!(
        fetch(|| ok("hello"), &["--max-filesize", "5"]).success(),
        "hello"
    );
}

#[test]
fn wrong_usage_is_2_and_nothing_is_sent() {
    let server = Server::start(|_| ok(""));
    let url = server.url("/");
    let folder = Folder::new();
    folder.write("list", &url);
    for words in [
        &["-s"][..],
        &["--no-such-option", &url],
        &["-H", "A: b\r\nC: d", &url],
        &["-H", "no colon", &url],
        &["--max-connections", "0", &url],
        &["-m", "-1", &url],
        &["-C", "x", &url],
        &["-C", "1", "-r", "1-", &url],
        &["-d", "a", "-T", "list", &url],
        &["-C", "1", "-T", "list", &url],
        &["--resolve", "nonsense", &url],
        &["--limit-rate", "1X", &url],
    ] {
        let ran = folder.run(words);
        assert_eq!(ran.code, Some(2), "{words:?}: {}", ran.stderr);
        assert_ne!(ran.stderr, "", "{words:?}");
    }
    assert_eq!(server.requests(), []);
}

#[test]
fn a_file_that_cant_be_read_is_26_and_nothing_is_sent() {
    let server = Server::start(|_| ok(""));
    let url = server.url("/");
    let folder = Folder::new();
    for words in [
        &["--from", "missing"][..],
        &["--from", "."],
        &["-d", "@missing", &url],
        &["-H", "@missing", &url],
    ] {
        let ran = folder.run(words).failure(26);
        assert!(ran.stderr.contains("can't read"), "{}", ran.stderr);
    }
    assert_eq!(server.requests(), []);
}

#[test]
fn a_header_file_that_cant_be_written_is_23() {
    let server = Server::start(|_| ok(""));
    let url = server.url("/");
    let folder = Folder::new();
    folder.run(&["-D", "missing/headers", &url]).failure(23);
    assert_eq!(server.requests(), []);
    let ran = folder.run(&["-D", "/dev/full", &url]).failure(23);
    assert!(
        ran.stderr.contains("No space left on device"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("/dev/full"), "{}", ran.stderr);
}

#[test]
fn the_first_failure_gives_the_code_and_the_rest_goes_on() {
    let server = Server::start(|request| match request.path.as_str() {
        "/good" => ok("good"),
        _ => response("404 Not Found", &[], ""),
    });
    let urls = [server.url("/bad"), server.url("/good")];
    let ran = Folder::new().run(&["-f", "--max-connections", "1", &urls[0], &urls[1]]);
    assert_eq!(ran.failure(22).stdout, "good");
}

#[test]
fn silent_says_nothing_and_show_error_just_the_error() {
    let missing = || response("404 Not Found", &[], "");
    let silent = fetch(missing, &["-s", "-f"]);
    assert_eq!((silent.code, silent.stderr.as_str()), (Some(22), ""));
    let shown = fetch(missing, &["-sSf"]).failure(22);
    assert_eq!(shown.stderr.lines().count(), 1, "{}", shown.stderr);
    assert!(shown.stderr.contains("404"), "{}", shown.stderr);
}

#[test]
fn version_and_help_are_successes() {
    let version = Folder::new().run(&["-V"]).success();
    assert!(version.starts_with("muxfer "), "{version}");
    assert!(Folder::new().run(&["--help"]).success().contains("--from"));
}
