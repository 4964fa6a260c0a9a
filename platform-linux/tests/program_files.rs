//! The program `muxfer` from outside: where it writes to, and what it resumes.

mod server;

use server::{Answer, Folder, Server, ok, refused_port, response};

/// What the server of resumable files holds.
const WHOLE: &str = "0123456789";

/// A server that answers ranges of [`WHOLE`], `bytes=n-` only.
fn resumable() -> Server {
    Server::start(|request| {
        let Some(range) = request.field("Range") else {
            return ok(WHOLE);
        };
        let from = range
            .strip_prefix("bytes=")
            .and_then(|rest| rest.strip_suffix('-'));
        let from: usize = from.and_then(|from| from.parse().ok()).expect("bytes=n-");
        let length = WHOLE.len();
        match WHOLE.get(from..) {
            None | Some("") => {
                let range = format!("Content-Range: bytes */{length}");
                response("416 Range Not Satisfiable", &[&range], "no more")
            }
            Some(rest) => {
                let range = format!("Content-Range: bytes {from}-{}/{length}", length - 1);
                response("206 Partial Content", &[&range], rest)
            }
        }
    })
}

#[test]
fn the_body_goes_to_the_output_file() {
    let server = Server::start(|_| ok("new"));
    let folder = Folder::new();
    folder.write("file", "older and longer");
    let ran = folder.run(&["-o", "file", &server.url("/a")]);
    assert_eq!(ran.success(), "");
    assert_eq!(folder.read("file").as_deref(), Some("new"));
}

#[test]
fn the_nth_output_goes_with_the_nth_url() {
    let server = Server::start(|request| ok(&request.path));
    let folder = Folder::new();
    let urls = ["/a", "/b", "/c"].map(|path| server.url(path));
    let ran = folder.run(&["-o", "first", "-o", "second", &urls[0], &urls[1], &urls[2]]);
    assert_eq!(ran.success(), "/c");
    assert_eq!(folder.read("first").as_deref(), Some("/a"));
    assert_eq!(folder.read("second").as_deref(), Some("/b"));
}

#[test]
fn an_empty_body_leaves_an_empty_file() {
    let server = Server::start(|_| ok(""));
    let folder = Folder::new();
    folder.write("file", "old");
    folder.run(&["-o", "file", &server.url("/a")]).success();
    assert_eq!(folder.read("file").as_deref(), Some(""));
}

#[test]
fn the_remote_name_is_the_end_of_the_path() {
    let server = Server::start(|request| ok(&request.path));
    let folder = Folder::new();
    folder
        .run(&["-O", &server.url("/a/b/name.txt?q=/x#/y")])
        .success();
    assert_eq!(folder.names(), ["name.txt"]);
}

#[test]
fn a_url_in_a_query_is_not_taken_for_the_scheme() {
    let server = Server::start(|request| ok(&request.path));
    let folder = Folder::new();
    let url = format!("127.0.0.1:{}/name?u=http://a/b", server.port);
    folder.run(&["-O", &url]).success();
    assert_eq!(folder.names(), ["name"]);
    assert_eq!(server.request().path, "/name?u=http://a/b");
}

#[test]
fn the_remote_name_is_never_a_path() {
    let server = Server::start(|_| ok("x"));
    let folder = Folder::new();
    folder
        .run(&["-O", &server.url("/a/x..%2F..%2Fname")])
        .success();
    assert_eq!(folder.names(), ["x..%2F..%2Fname"]);
    folder.run(&["-O", &server.url("/a/..")]).failure(23);
}

#[test]
fn two_urls_of_one_name_keep_both_files() {
    let server = Server::start(|request| ok(&request.path));
    let folder = Folder::new();
    folder
        .run(&["-OO", &server.url("/a/name"), &server.url("/b/name")])
        .success();
    assert_eq!(folder.names(), ["name", "name.1"]);
    assert_eq!(folder.read("name").as_deref(), Some("/a/name"));
    assert_eq!(folder.read("name.1").as_deref(), Some("/b/name"));
}

#[test]
fn output_folders_are_made_if_that_is_asked_for() {
    let server = Server::start(|_| ok("x"));
    let (folder, url) = (Folder::new(), server.url("/name"));
    folder
        .run(&["-O", "--output-dir", "one/two", &url])
        .failure(23);
    folder
        .run(&["-O", "--output-dir", "one/two", "--create-dirs", &url])
        .success();
    assert_eq!(folder.read("one/two/name").as_deref(), Some("x"));
    folder
        .run(&["-o", "three/file", "--create-dirs", &url])
        .success();
    assert_eq!(folder.read("three/file").as_deref(), Some("x"));
}

#[test]
fn a_failure_before_the_body_leaves_an_older_file_as_it_was() {
    let refused = format!("http://127.0.0.1:{}/file", refused_port());
    let server = Server::start(|request| match request.path.as_str() {
        "/gone/file" => response("404 Not Found", &[], "sorry"),
        _ => Answer::Close(Vec::new()),
    });
    let folder = Folder::new();
    folder.write("file", "old");
    folder.run(&["-o", "file", &refused]).failure(7);
    folder.run(&["-O", &refused]).failure(7);
    folder
        .run(&["-f", "-O", &server.url("/gone/file")])
        .failure(22);
    folder.run(&["-o", "file", &server.url("/")]).failure(52);
    folder.run(&["-o", "none", &refused]).failure(7);
    assert_eq!(folder.read("file").as_deref(), Some("old"));
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn heads_are_written_before_the_body_or_to_a_file() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\n";
    let server = Server::start(|_| response("200 OK", &["X: y"], "body"));
    let (folder, url) = (Folder::new(), server.url("/"));
    assert_eq!(folder.run(&["-i", &url]).success(), format!("{head}body"));
    assert_eq!(folder.run(&["-D", "heads", &url]).success(), "body");
    assert_eq!(folder.read("heads").as_deref(), Some(head));
    assert_eq!(
        folder.run(&["-D", "-", &url]).success(),
        format!("{head}body")
    );
    folder.run(&["-i", "-o", "file", &url]).success();
    assert_eq!(folder.read("file"), Some(format!("{head}body")));
}

#[test]
fn heads_of_redirects_are_written_and_their_bodies_not() {
    let server = Server::start(|request| match request.path.as_str() {
        "/" => response("302 Found", &["Location: /to"], "moved"),
        _ => ok("body"),
    });
    let printed = Folder::new().run(&["-L", "-i", &server.url("/")]).success();
    let first = "HTTP/1.1 302 Found\r\nContent-Length: 5\r\nLocation: /to\r\n\r\n";
    let second = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(printed, format!("{first}{second}"));
}

#[test]
fn a_chunked_body_and_one_that_ends_with_the_connection_are_whole() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: t\r\n\r\n";
    let server = Server::start(move |request| match request.path.as_str() {
        "/chunked" => Answer::Keep(chunked.into()),
        _ => Answer::Close(b"HTTP/1.0 200 OK\r\n\r\nfghij".into()),
    });
    let urls = [server.url("/chunked"), server.url("/close")];
    let folder = Folder::new();
    assert_eq!(folder.run(&[&urls[0]]).success(), "abcde");
    assert_eq!(folder.run(&[&urls[1]]).success(), "fghij");
}

#[test]
fn a_range_is_written() {
    let server = Server::start(|request| {
        assert_eq!(request.field("Range"), Some("bytes=2-4"));
        response(
            "206 Partial Content",
            &["Content-Range: bytes 2-4/10"],
            "234",
        )
    });
    assert_eq!(
        Folder::new()
            .run(&["-r", "2-4", &server.url("/")])
            .success(),
        "234"
    );
}

#[test]
fn a_partial_file_is_completed() {
    let (server, folder) = (resumable(), Folder::new());
    folder.write("file", "0123");
    folder
        .run(&["-C", "-", "-o", "file", &server.url("/")])
        .success();
    assert_eq!(folder.read("file").as_deref(), Some(WHOLE));
    assert_eq!(server.request().field("Range"), Some("bytes=4-"));
    folder.write("name", "012345678");
    folder
        .run(&["-C", "-", "-O", &server.url("/name")])
        .success();
    assert_eq!(folder.read("name").as_deref(), Some(WHOLE));
}

#[test]
fn a_file_that_is_not_there_is_fetched_whole_by_a_resume() {
    let (server, folder) = (resumable(), Folder::new());
    folder
        .run(&["-C", "-", "-o", "file", &server.url("/")])
        .success();
    assert_eq!(folder.read("file").as_deref(), Some(WHOLE));
    assert_eq!(server.request().field("Range"), None);
}

#[test]
fn a_complete_file_is_left_as_it_is_by_a_resume() {
    let (server, folder) = (resumable(), Folder::new());
    folder.write("file", WHOLE);
    for words in [&["-C", "-"][..], &["-f", "-C", "-"]] {
        let url = server.url("/");
        folder
            .run(&[words, &["-o", "file", &url]].concat())
            .success();
        assert_eq!(folder.read("file").as_deref(), Some(WHOLE));
    }
    assert_eq!(server.requests()[0].field("Range"), Some("bytes=10-"));
}

#[test]
fn a_file_that_is_too_long_is_no_success_of_a_resume() {
    let (server, folder) = (resumable(), Folder::new());
    folder.write("file", "0123456789ab");
    folder
        .run(&["-C", "-", "-o", "file", &server.url("/")])
        .failure(33);
    assert_eq!(folder.read("file").as_deref(), Some("0123456789ab"));
}

#[test]
fn a_resume_at_a_byte_is_appended() {
    let (server, folder) = (resumable(), Folder::new());
    folder.write("file", "abc");
    folder
        .run(&["-C", "7", "-o", "file", &server.url("/")])
        .success();
    assert_eq!(folder.read("file").as_deref(), Some("abc789"));
    assert_eq!(folder.run(&["-C", "7", &server.url("/")]).success(), "789");
}

#[test]
fn a_resume_at_byte_0_is_a_new_file() {
    let (server, folder) = (resumable(), Folder::new());
    folder.write("file", "0123");
    folder
        .run(&["-C", "0", "-o", "file", &server.url("/")])
        .success();
    assert_eq!(folder.read("file").as_deref(), Some(WHOLE));
}

#[test]
fn a_resume_that_fails_leaves_the_file_as_it_was() {
    let server = Server::start(|_| response("404 Not Found", &[], "sorry"));
    let folder = Folder::new();
    folder.write("file", "0123");
    folder
        .run(&["-f", "-C", "-", "-o", "file", &server.url("/")])
        .failure(22);
    assert_eq!(folder.read("file").as_deref(), Some("0123"));
}

#[test]
fn the_text_of_an_error_is_not_appended_by_a_resume() {
    let server = Server::start(|_| response("404 Not Found", &[], "sorry"));
    let folder = Folder::new();
    folder.write("file", "0123");
    let words = ["-C", "-", "-o", "file", &server.url("/")];
    let ran = folder.run(&words).failure(33);
    assert!(ran.stderr.contains("404"), "{}", ran.stderr);
    assert_eq!(folder.read("file").as_deref(), Some("0123"));
}

#[test]
fn a_head_does_not_empty_a_file_that_is_resumed() {
    let (server, folder) = (resumable(), Folder::new());
    folder.write("file", "0123");
    folder.run(&["-i", "-C", "-", "-o", "file", &server.url("/")]);
    let content = folder.read("file").unwrap_or_default();
    assert!(content.starts_with("0123"), "{content}");
}
