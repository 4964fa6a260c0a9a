//! The program `muxfer` from outside: options that pair, names that collide, input that waits.

mod server;

use std::process::Stdio;

use server::{Answer, Folder, Ran, Server, ok, redirect, refused_port, response};

/// A server that answers with the path.
fn paths() -> Server {
    Server::start(|request| ok(&request.path))
}

/// A server that answers with the request's body.
fn echo() -> Server {
    Server::start(|request| ok(&String::from_utf8_lossy(&request.body)))
}

#[test]
fn o_and_capital_o_pair_with_urls_in_their_order() {
    let server = paths();
    let folder = Folder::new();
    let [a, b, c] = ["/a", "/b.txt?q#f", "/c"].map(|path| server.url(path));
    let ran = folder.run(&["-o", "first", &a, "-O", &b, &c]);
    assert_eq!(ran.success(), "/c");
    assert_eq!(folder.names(), ["b.txt", "first"]);
}

#[test]
fn names_are_not_hidden_and_no_two_are_the_same() {
    let server = paths();
    let folder = Folder::new();
    folder.write("a", "old, and longer than the new one");
    let urls = ["/a", "/x/a", "/.hidden", "/a?z"].map(|path| server.url(path));
    let words = [
        &["--remote-name-all"],
        urls.each_ref().map(String::as_str).as_slice(),
    ]
    .concat();
    folder.run(&words).success();
    assert_eq!(folder.names(), ["_hidden", "a", "a.1", "a.2"]);
    assert_eq!(folder.read("a").as_deref(), Some("/a"));
    assert_eq!(folder.read("a.2").as_deref(), Some("/a?z"));
}

#[test]
fn one_output_named_twice_is_two_files_and_a_device_is_shared() {
    let server = paths();
    let folder = Folder::new();
    let [a, b] = ["/a", "/b"].map(|path| server.url(path));
    folder.run(&["-o", "x", &a, "-o", "x", &b]).success();
    assert_eq!(folder.names(), ["x", "x.1"]);
    let all = ["-o", "/dev/null", &a, "-o", "/dev/null", &b];
    assert_eq!(folder.run(&all).success(), "");
}

#[test]
fn bodies_on_standard_output_do_not_mix() {
    let body = "0123456789".repeat(30_000);
    let sent = body.clone();
    let server = Server::start(move |request| match request.path.as_str() {
        "/big" => ok(&sent),
        _ => ok("small"),
    });
    let [big, small] = ["/big", "/small"].map(|path| server.url(path));
    let out = Folder::new().run(&[&big, &small, &big]).success();
    assert!(out == format!("{body}small{body}"));
}

#[test]
fn remove_on_error_removes_just_what_it_wrote() {
    let server = Server::start(|_| {
        Answer::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".to_vec())
    });
    let folder = Folder::new();
    folder.write("old", "old");
    let refused = format!("http://127.0.0.1:{}/", refused_port());
    folder
        .run(&["--remove-on-error", "-o", "old", &refused])
        .failure(7);
    let short = server.url("/");
    folder
        .run(&["--remove-on-error", "-o", "gone", &short])
        .failure(18);
    folder.run(&["-o", "kept", &short]).failure(18);
    assert_eq!(folder.names(), ["kept", "old"]);
}

#[test]
fn the_data_of_different_options_keeps_its_order() {
    let server = echo();
    let folder = Folder::new();
    folder.write("two", "2\r\n2\n");
    let words = [
        "-d",
        "one=1",
        "--data-binary",
        "@two",
        "-d",
        "@two",
        "--data-raw",
        "@two",
        &server.url("/"),
    ];
    assert_eq!(folder.run(&words).success(), "one=1&2\r\n2\n&22&@two");
}

#[test]
fn g_puts_the_data_into_the_query() {
    let server = paths();
    let words = ["-G", "-d", "a=1", "-d", "b=2", &server.url("/x?y#f")];
    assert_eq!(Folder::new().run(&words).success(), "/x?y&a=1&b=2");
    assert_eq!(server.request().method, "GET");
}

#[test]
fn headers_come_from_files_too() {
    let server = paths();
    let folder = Folder::new();
    folder.write("more", "X-C: d\r\n\r\nX-E: f\n");
    folder.run(&["-H", "@more", &server.url("/")]).success();
    let request = server.request();
    assert_eq!(request.field("X-C"), Some("d"));
    assert_eq!(request.field("X-E"), Some("f"));
}

#[test]
fn uploads_pair_with_urls() {
    let server = echo();
    let folder = Folder::new();
    folder.write("a", "A");
    folder.write("b", "B");
    let [one, two] = ["/1", "/2"].map(|path| server.url(path));
    let ran = folder.run(&["-T", "a", &one, "-T", "b", &two]);
    assert_eq!(ran.success(), "AB");
}

#[test]
fn expect_and_chunks_can_be_asked_for() {
    let server = echo();
    let folder = Folder::new();
    folder.write("data", "data");
    let url = server.url("/");
    folder
        .run(&["-T", "data", "-H", "Expect: 100-continue", &url])
        .success();
    let words = [
        "-T",
        "data",
        "-H",
        "Transfer-Encoding: chunked",
        "-H",
        "Expect:",
        &url,
    ];
    assert_eq!(folder.run(&words).success(), "data");
    let [expecting, chunked] = server.requests().try_into().unwrap();
    assert_eq!(expecting.field("Expect"), Some("100-continue"));
    assert_eq!(chunked.field("Expect"), None);
    assert_eq!(chunked.field("Content-Length"), None);
    assert_eq!(chunked.field("Transfer-Encoding"), Some("chunked"));
}

#[test]
fn standard_input_that_never_comes_does_not_stop_the_clock() {
    let server = echo();
    let folder = Folder::new();
    let url = server.url("/");
    let mut command = folder.command(&["-m", "0.3", "-H", "Expect:", "-T", "-", &url]);
    // The pipe stays open and empty until the program has ended.
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let input = child.stdin.take();
    Ran::wait(child).failure(28);
    drop(input);
}

#[test]
fn standard_input_arrives_whole() {
    let server = echo();
    let input = "0123456789".repeat(100_000);
    let ran = Folder::new().run_with(&["-T", "-", &server.url("/")], input.as_bytes());
    assert!(ran.success() == input);
}

#[test]
fn write_out_fills_in_what_is_known() {
    let server = Server::start(|request| match request.path.as_str() {
        "/from" => redirect("302 Found", "/to"),
        _ => response("201 Created", &[], "123456"),
    });
    let format = "%{http_code}|%{size_download}|%{num_connects}|%{num_redirects}|%{url_effective}|%{exitcode}|%%|%{nonsense}|%x\\t";
    let url = server.url("/from");
    let ran = Folder::new().run(&["-s", "-L", "-o", "/dev/null", "-w", format, &url]);
    let to = server.url("/to");
    assert_eq!(ran.success(), format!("201|6|1|1|{to}|0|%||%x\t"));
}

#[test]
fn all_lines_of_a_list_can_go_to_one_place() {
    let server = paths();
    let list = ["/a", "/b", "/c"]
        .map(|path| server.url(path) + "\n")
        .concat();
    let folder = Folder::new();
    let out = folder
        .run_with(&["--from", "-", "-o", "-"], list.as_bytes())
        .success();
    assert_eq!(out, "/a/b/c");
    let words = ["--from", "-", "-o", "/dev/null", "-w", "%{http_code}\\n"];
    assert_eq!(
        folder.run_with(&words, list.as_bytes()).success(),
        "200\n200\n200\n"
    );
    assert!(folder.names().is_empty());
}

#[test]
fn connections_to_one_host_are_limited_and_used_again() {
    let server = paths();
    let list: String = (0..100).map(|n| server.url(&format!("/{n}\n"))).collect();
    let words = ["--from", "-", "-o", "/dev/null", "--max-per-host", "3"];
    let ran = Folder::new().run_with(&words, list.as_bytes());
    assert!(ran.stderr.contains("over 3 connections"), "{}", ran.stderr);
    ran.success();
}

#[test]
fn a_line_cannot_drive_the_terminal() {
    let ran = Folder::new().run_with(&["--from", "-"], b"http://\x1b[31m/\n");
    assert!(!ran.failure(3).stderr.contains('\x1b'));
}

#[test]
fn no_cookie_is_printed() {
    let server = Server::start(|_| response("200 OK", &["Set-Cookie: hidden"], ""));
    let ran = Folder::new().run(&["-v", "-H", "Cookie: hidden", &server.url("/")]);
    assert!(!ran.stderr.contains("hidden"), "{}", ran.stderr);
    assert_eq!(server.request().field("Cookie"), Some("hidden"));
}

#[test]
fn no_progress_meter_leaves_the_errors() {
    let url = format!("http://127.0.0.1:{}/", refused_port());
    let ran = Folder::new().run(&["--no-progress-meter", &url]).failure(7);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn a_closed_standard_error_stops_nothing() {
    let server = paths();
    let folder = Folder::new();
    let mut command = folder.command(&["-v", "-o", "x", &server.url("/a")]);
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(Ran::wait(child).code, Some(0));
    assert_eq!(folder.read("x").as_deref(), Some("/a"));
}

#[test]
fn the_demo_checks_every_byte() {
    let out = Folder::new().run(&["demo"]).success();
    assert!(out.contains("2000 of them right"), "{out}");
}

#[test]
fn the_environment_and_the_option_choose_the_backend() {
    let server = paths();
    let url = server.url("/a");
    let folder = Folder::new();
    let run = |variable: &str, words: &[&str]| {
        let mut command = folder.command(words);
        command.env("MUXFER_BACKEND", variable);
        Ran::wait(command.spawn().expect("it starts"))
    };
    for name in ["epoll", "uring", "auto"] {
        assert_eq!(run(name, &[&url]).success(), "/a");
    }
    // Not what is asked for is not silently something else.
    let ran = run("kqueue", &[&url]).failure(2);
    assert!(
        ran.stderr.contains("MUXFER_BACKEND=kqueue"),
        "{}",
        ran.stderr
    );
    // Who says it on the command line means it.
    assert_eq!(run("kqueue", &["--backend", "epoll", &url]).success(), "/a");
}
