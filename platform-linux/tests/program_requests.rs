//! The program `muxfer` from outside: what it sends.

mod server;

use server::{Answer, Folder, Request, Server, ok, redirect};

/// `user:secret` as Basic authentication sends it.
const BASIC: &str = "Basic dXNlcjpzZWNyZXQ=";

/// The request that comes of these words before a URL.
fn sent(words: &[&str]) -> Request {
    let server = Server::start(|_| ok(""));
    let url = server.url("/path?query#fragment");
    let words = [words, &[url.as_str()]].concat();
    Folder::new().run(&words).success();
    server.request()
}

/// The requests that come of these words before the URL of a redirect with this status.
fn redirected(status: &'static str, words: &[&str], input: &[u8]) -> (Request, Request) {
    let server = Server::start(move |request| match request.path.as_str() {
        "/from" => redirect(status, "/to"),
        _ => ok("there"),
    });
    let url = server.url("/from");
    let words = [words, &["-L", &url]].concat();
    assert_eq!(Folder::new().run_with(&words, input).success(), "there");
    let requests = server.requests();
    let [first, second] = requests.as_slice() else {
        panic!("not two requests: {requests:?}");
    };
    assert_eq!(
        (first.path.as_str(), second.path.as_str()),
        ("/from", "/to")
    );
    (first.clone(), second.clone())
}

#[test]
fn a_plain_get_has_the_default_fields() {
    let server = Server::start(|_| ok("body"));
    let without_scheme = format!("127.0.0.1:{}/path?query#fragment", server.port);
    assert_eq!(Folder::new().run(&[&without_scheme]).success(), "body");
    let request = server.request();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/path?query")
    );
    let host = format!("127.0.0.1:{}", server.port);
    assert_eq!(request.field("Host"), Some(host.as_str()));
    assert_eq!(request.field("Accept"), Some("*/*"));
    let agent = request.field("User-Agent").unwrap();
    assert!(agent.starts_with("muxfer/"), "{agent}");
    for absent in [
        "Authorization",
        "Content-Length",
        "Range",
        "Referer",
        "Content-Type",
    ] {
        assert_eq!(request.field(absent), None);
    }
}

#[test]
fn header_lines_replace_remove_empty_and_add() {
    let request = sent(&[
        "-H",
        "accept: text/plain",
        "-H",
        "User-Agent:",
        "-H",
        "X-Empty;",
        "-H",
        "X: 1",
    ]);
    assert_eq!(request.field("Accept"), Some("text/plain"));
    assert_eq!(request.field("User-Agent"), None);
    assert_eq!(request.field("X-Empty"), Some(""));
    assert_eq!(request.field("X"), Some("1"));
}

#[test]
fn the_host_field_can_be_replaced() {
    assert_eq!(
        sent(&["-H", "Host: other.test"]).field("Host"),
        Some("other.test")
    );
}

#[test]
fn agent_referer_method_and_token_are_sent() {
    let words = [
        "-A",
        "agent/1",
        "-e",
        "http://a.test/",
        "-X",
        "PURGE",
        "--oauth2-bearer",
        "token",
    ];
    let request = sent(&words);
    assert_eq!(request.method, "PURGE");
    assert_eq!(request.field("User-Agent"), Some("agent/1"));
    assert_eq!(request.field("Referer"), Some("http://a.test/"));
    assert_eq!(request.field("Authorization"), Some("Bearer token"));
    assert_eq!(sent(&["-A", ""]).field("User-Agent"), None);
}

#[test]
fn credentials_come_from_the_option_or_the_url() {
    assert_eq!(
        sent(&["-u", "user:secret"]).field("Authorization"),
        Some(BASIC)
    );
    let server = Server::start(|_| ok(""));
    let url = format!("http://user:s%65cret@127.0.0.1:{}/", server.port);
    Folder::new().run(&[&url]).success();
    assert_eq!(server.request().field("Authorization"), Some(BASIC));
}

#[test]
fn a_range_is_asked_for() {
    assert_eq!(sent(&["-r", "2-5"]).field("Range"), Some("bytes=2-5"));
    assert_eq!(sent(&["-r", "-3"]).field("Range"), Some("bytes=-3"));
}

#[test]
fn head_asks_for_and_prints_the_head_only() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\n";
    let server = Server::start(move |_| Answer::Keep(head.into()));
    let printed = Folder::new().run(&["-I", &server.url("/")]).success();
    assert_eq!(printed.as_bytes(), head);
    assert_eq!(server.request().method, "HEAD");
}

#[test]
fn data_is_posted() {
    let request = sent(&["-d", "a=1", "-d", "b=2"]);
    assert_eq!(
        (request.method.as_str(), request.body.as_slice()),
        ("POST", &b"a=1&b=2"[..])
    );
    assert_eq!(request.field("Content-Length"), Some("7"));
    let form = "application/x-www-form-urlencoded";
    assert_eq!(request.field("Content-Type"), Some(form));
    let request = sent(&["-d", "", "-H", "Content-Type: text/plain"]);
    assert_eq!(
        (request.method.as_str(), request.field("Content-Length")),
        ("POST", Some("0"))
    );
    assert_eq!(request.field("Content-Type"), Some("text/plain"));
    assert_eq!(sent(&["-X", "PATCH", "-d", "a"]).method, "PATCH");
    assert_eq!(sent(&["--data-raw", "@a"]).body, b"@a");
}

#[test]
fn values_may_begin_with_a_hyphen() {
    assert_eq!(sent(&["-d", "-1"]).body, b"-1");
    assert_eq!(sent(&["--data-raw", "--"]).body, b"--");
    assert_eq!(sent(&["-A", "-"]).field("User-Agent"), Some("-"));
    assert!(sent(&["-u", "-a:b"]).field("Authorization").is_some());
}

#[test]
fn data_comes_from_files_with_and_without_line_ends() {
    let server = Server::start(|_| ok(""));
    let folder = Folder::new();
    folder.write("data", "a\r\nb\n");
    folder.run(&["-d", "@data", &server.url("/")]).success();
    folder
        .run(&["--data-binary", "@data", &server.url("/")])
        .success();
    let bodies: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies, [b"ab".to_vec(), b"a\r\nb\n".to_vec()]);
}

#[test]
fn a_large_body_arrives_whole() {
    let body = "0123456789abcdef".repeat(1 << 16);
    let server = Server::start(|_| ok(""));
    let folder = Folder::new();
    folder.write("data", &body);
    folder.run(&["-d", "@data", &server.url("/")]).success();
    folder.run(&["-T", "data", &server.url("/")]).success();
    for request in server.requests() {
        assert_eq!(request.field("Content-Length"), Some("1048576"));
        assert!(
            request.body == body.as_bytes(),
            "{} was changed",
            request.method
        );
    }
}

#[test]
fn a_file_is_uploaded_with_its_length_and_name() {
    let server = Server::start(|_| ok(""));
    let folder = Folder::new();
    folder.write("file", "content");
    folder
        .run(&["-T", "file", &server.url("/folder/")])
        .success();
    let request = server.request();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("PUT", "/folder/file")
    );
    assert_eq!(request.field("Content-Length"), Some("7"));
    assert_eq!(request.field("Transfer-Encoding"), None);
    assert_eq!(request.body, b"content");
}

#[test]
fn an_empty_file_is_uploaded() {
    let server = Server::start(|_| ok(""));
    let folder = Folder::new();
    folder.write("file", "");
    folder.run(&["-T", "file", &server.url("/a")]).success();
    assert_eq!(server.request().field("Content-Length"), Some("0"));
}

#[test]
fn standard_input_is_uploaded_in_chunks() {
    let server = Server::start(|_| ok("stored"));
    let input = "0123456789".repeat(20_000);
    let words = ["-T", "-", &server.url("/a")];
    let ran = Folder::new().run_with(&words, input.as_bytes());
    assert_eq!(ran.success(), "stored");
    let request = server.request();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("PUT", "/a")
    );
    assert_eq!(request.field("Transfer-Encoding"), Some("chunked"));
    assert_eq!(request.field("Content-Length"), None);
    assert!(request.body == input.as_bytes());
}

#[test]
fn standard_input_to_a_folder_keeps_the_url() {
    let server = Server::start(|_| ok(""));
    let words = ["-T", "-", &server.url("/folder/")];
    Folder::new().run_with(&words, b"a").success();
    assert_eq!(server.request().path, "/folder/");
}

#[test]
fn addresses_can_be_given_for_a_name() {
    let server = Server::start(|_| ok("here"));
    let name = format!("no-such-host.invalid:{}", server.port);
    let entry = format!("{name}:127.0.0.1");
    let ran = Folder::new().run(&["--resolve", &entry, &format!("http://{name}/")]);
    assert_eq!(ran.success(), "here");
    assert_eq!(server.request().field("Host"), Some(name.as_str()));
}

#[test]
fn redirects_are_followed_only_with_l() {
    let server = Server::start(|_| redirect("302 Found", "/to"));
    let printed = Folder::new().run(&[&server.url("/from")]).success();
    assert_eq!(printed, "moved");
    assert_eq!(server.request().path, "/from");
}

#[test]
fn relative_and_absolute_redirects_are_followed() {
    let target = Server::start(|_| ok("there"));
    let absolute = target.url("/absolute");
    let server = Server::start(move |request| match request.path.as_str() {
        "/a/b?q" => redirect("301 Moved Permanently", "../c/./d"),
        "/c/d" => redirect("303 See Other", "?e"),
        "/c/d?e" => redirect("307 Temporary Redirect", &absolute),
        _ => ok("wrong"),
    });
    let ran = Folder::new().run(&["-L", &server.url("/a/b?q#f")]);
    assert_eq!(ran.success(), "there");
    assert_eq!(server.requests().len(), 3);
    assert_eq!(target.request().path, "/absolute");
}

#[test]
fn a_post_becomes_a_get_on_302() {
    let (first, second) = redirected("302 Found", &["-d", "body"], b"");
    assert_eq!(
        (first.method.as_str(), first.body.as_slice()),
        ("POST", &b"body"[..])
    );
    assert_eq!((second.method.as_str(), second.body.len()), ("GET", 0));
    assert_eq!(second.field("Content-Length"), None);
}

#[test]
fn a_post_that_became_a_get_has_no_content_type() {
    let (_, second) = redirected("302 Found", &["-d", "body"], b"");
    assert_eq!(second.field("Content-Type"), None);
}

#[test]
fn a_method_that_was_named_stays_on_302() {
    let (_, second) = redirected("302 Found", &["-X", "POST", "-d", "body"], b"");
    assert_eq!(
        (second.method.as_str(), second.body.as_slice()),
        ("POST", &b"body"[..])
    );
}

#[test]
fn method_and_body_stay_on_307() {
    for words in [&["-d", "body"][..], &["-X", "PATCH", "-d", "body"]] {
        let (first, second) = redirected("307 Temporary Redirect", words, b"");
        assert_eq!((&first.method, &first.body), (&second.method, &second.body));
        assert_eq!(second.body, b"body");
    }
}

#[test]
fn an_upload_is_sent_again_on_307() {
    let server = Server::start(|request| match request.path.as_str() {
        "/from" => redirect("307 Temporary Redirect", "/to"),
        _ => ok(""),
    });
    let folder = Folder::new();
    folder.write("file", "content");
    folder
        .run(&["-L", "-T", "file", &server.url("/from")])
        .success();
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.body == b"content"));
}

#[test]
fn standard_input_cant_be_sent_again_on_307() {
    let server = Server::start(|_| redirect("307 Temporary Redirect", "/to"));
    let words = ["-L", "-T", "-", &server.url("/from")];
    Folder::new().run_with(&words, b"content").failure(65);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn credentials_stay_with_their_origin() {
    for words in [
        &["-u", "user:secret"][..],
        &["--oauth2-bearer", "secret"],
        &["-H", "Authorization: secret"],
        &["-H", "Cookie: secret"],
    ] {
        let name = if words[1].starts_with("Cookie") {
            "Cookie"
        } else {
            "Authorization"
        };
        let (_, second) = redirected("302 Found", words, b"");
        assert!(second.field(name).is_some(), "{words:?}");

        let other = Server::start(|_| ok("there"));
        let elsewhere = other.url("/to");
        let server = Server::start(move |_| redirect("302 Found", &elsewhere));
        let url = server.url("/from");
        let words = [words, &["-L", &url]].concat();
        assert_eq!(Folder::new().run(&words).success(), "there");
        assert!(server.request().field(name).is_some(), "{words:?}");
        assert_eq!(other.request().field(name), None, "{words:?}");
    }
}

#[test]
fn credentials_of_a_url_dont_follow_to_another_port() {
    let other = Server::start(|_| ok("there"));
    let elsewhere = other.url("/to");
    let server = Server::start(move |_| redirect("302 Found", &elsewhere));
    let url = format!("http://user:secret@127.0.0.1:{}/", server.port);
    Folder::new().run(&["-L", &url]).success();
    assert_eq!(server.request().field("Authorization"), Some(BASIC));
    assert_eq!(other.request().field("Authorization"), None);
}
