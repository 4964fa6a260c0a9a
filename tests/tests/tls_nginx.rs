//! End to end: the program `muxfer` over HTTPS, against a real nginx and against bad servers.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{fs, io};

use muxfer_tests::files::{Content, Folder};
use muxfer_tests::nginx::{Nginx, Settings};
use muxfer_tests::program::{self, Build};
use muxfer_tests::tls::{Authority, Server, Shape};

const FILES: u64 = 10_000;
const FILE_BYTES: u64 = 1024;
const LARGE_BYTES: u64 = 64 << 20;
const BACKENDS: [&str; 2] = ["epoll", "uring"];

/// An nginx that serves its site over HTTPS too, and what trusts it.
struct Site {
    nginx: Nginx,
    port: u16,
    folder: Folder,
}

impl Site {
    fn start() -> io::Result<Self> {
        let folder = Folder::new("tls")?;
        let root = Authority::root("the root");
        let issued = root.issue(&["localhost", "127.0.0.1"], |_| {});
        let at = |name: &str| folder.path().join(name);
        fs::write(at("root.pem"), root.pem())?;
        fs::write(at("server.pem"), &issued.pem)?;
        fs::write(at("server.key"), issued.key.serialize_pem())?;
        // Free a moment ago, as the port of plain HTTP is.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let (pem, key) = (at("server.pem"), at("server.key"));
        let server = format!(
            "listen 127.0.0.1:{port} ssl backlog=4096;\n\
             ssl_certificate {};\n\
             ssl_certificate_key {};\n\
             location /to-https {{ return 302 https://localhost:{port}/page; }}\n",
            pem.display(),
            key.display()
        );
        let nginx = Nginx::start_with(&Settings {
            below: &std::env::temp_dir(),
            connections: 8192,
            http: "keepalive_requests 100000;\n",
            server: &server,
        })?;
        Ok(Self {
            nginx,
            port,
            folder,
        })
    }

    fn url(&self, name: &str) -> String {
        format!("https://localhost:{}/{name}", self.port)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }
}

fn muxfer(root: &Path) -> io::Result<Command> {
    let mut command = Command::new(program::muxfer(Build::Debug)?);
    command.arg("--cacert").arg(root);
    Ok(command)
}

#[test]
fn ten_thousand_files_arrive_over_a_hundred_connections_byte_for_byte() -> io::Result<()> {
    let site = Site::start()?;
    let mut urls = String::new();
    for number in 0..FILES {
        let name = format!("file-{number:05}");
        Content::new(number, FILE_BYTES).write_to(&site.nginx.site().join(&name))?;
        writeln!(urls, "{}", site.url(&name)).map_err(io::Error::other)?;
    }
    let list = site.folder.path().join("list");
    fs::write(&list, urls)?;
    for backend in BACKENDS {
        let into = site.folder.path().join(backend);
        fs::create_dir(&into)?;
        let mut fetch = muxfer(&site.root())?;
        fetch.arg("--from").arg(&list);
        fetch.arg("--output-dir").arg(&into);
        fetch.args(["--max-connections", "100", "--backend", backend]);
        let output = fetch.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{backend}: {said}");
        assert!(said.contains("10,000 done, 0 failed"), "{said}");
        assert!(said.contains("over 100 connections"), "{said}");
        assert!(said.contains("100 TLS handshakes"), "{said}");
        for number in 0..FILES {
            let name = format!("file-{number:05}");
            Content::new(number, FILE_BYTES).compare(&into.join(name))?;
        }
        assert_eq!(fs::read_dir(&into)?.count() as u64, FILES);
    }
    Ok(())
}

#[test]
fn a_large_file_arrives_byte_for_byte() -> io::Result<()> {
    let site = Site::start()?;
    let content = Content::new(1, LARGE_BYTES);
    content.clone().write_to(&site.nginx.site().join("large"))?;
    for backend in BACKENDS {
        for version in ["1.2", "1.3"] {
            let file = site.folder.path().join("large");
            let mut fetch = muxfer(&site.root())?;
            fetch.arg(site.url("large")).arg("-o").arg(&file);
            fetch.args(["--backend", backend, "--tls-max", version]);
            program::succeed(&mut fetch)?;
            content.clone().compare(&file)?;
        }
    }
    Ok(())
}

#[test]
fn threads_share_what_they_trust_and_their_tickets() -> io::Result<()> {
    let site = Site::start()?;
    Content::new(7, 100_000).write_to(&site.nginx.site().join("page"))?;
    let mut fetch = muxfer(&site.root())?;
    fetch.args(["--threads", "3", "-H", "Connection: close", "-s"]);
    for number in 0..60 {
        let file = site.folder.path().join(number.to_string());
        fetch.arg(site.url("page")).arg("-o").arg(file);
    }
    program::succeed(&mut fetch)?;
    for number in 0..60 {
        let file = site.folder.path().join(number.to_string());
        Content::new(7, 100_000).compare(&file)?;
    }
    Ok(())
}

#[test]
fn a_redirect_leads_to_https() -> io::Result<()> {
    let site = Site::start()?;
    fs::write(site.nginx.site().join("page"), "secured")?;
    let mut fetch = muxfer(&site.root())?;
    let output = fetch.args(["-sL", &site.nginx.url("to-https")]).output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "secured");
    assert!(output.status.success());
    Ok(())
}

#[test]
fn an_upload_gets_its_answer() -> io::Result<()> {
    // nginx answers a POST to a file with 405, once it has read it all.
    let site = Site::start()?;
    let upload = site.folder.path().join("upload");
    Content::new(3, 3 << 20).write_to(&upload)?;
    fs::write(site.nginx.site().join("page"), "")?;
    for backend in BACKENDS {
        let mut fetch = muxfer(&site.root())?;
        fetch.args(["-s", "--backend", backend, "-o", "/dev/null"]);
        fetch.args(["-w", "%{http_code}", "-X", "POST", "-T"]);
        let output = fetch.arg(&upload).arg(site.url("page")).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(["405", "413"].contains(&said.as_ref()), "{said}");
    }
    Ok(())
}

/// What the program says and exits with.
fn run(words: &[&str]) -> io::Result<(Option<i32>, String)> {
    let Output { status, stderr, .. } = Command::new(program::muxfer(Build::Debug)?)
        .args(words)
        .stdin(Stdio::null())
        .output()?;
    Ok((status.code(), String::from_utf8_lossy(&stderr).into_owned()))
}

#[test]
fn the_exit_status_says_what_was_wrong_as_that_of_curl_does() -> io::Result<()> {
    let folder = Folder::new("codes")?;
    let root = Authority::root("the root");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let issued = root.issue(&["other.test"], |_| {});
    let server = Server::with(&issued, &Shape::tls_12(), b"hello");
    let url = format!("https://127.0.0.1:{}/", server.address().port());
    let root_file = at("root.pem");
    fs::write(&root_file, root.pem())?;
    fs::write(at("none.pem"), "no certificate")?;
    let other_key = Authority::root("another root").as_server();
    fs::write(at("cert.pem"), &issued.pem)?;
    fs::write(at("other.key"), other_key.key.serialize_pem())?;
    let plain = TcpListener::bind(("127.0.0.1", 0))?;
    let silent = format!("https://{}/", plain.local_addr()?);
    let pin = format!("sha256//{}=", "A".repeat(43));
    let (none, missing, cert, key) = (
        at("none.pem"),
        at("missing"),
        at("cert.pem"),
        at("other.key"),
    );
    let cases: &[(&[&str], i32, &str)] = &[
        (&["-k", &url], 0, "warning: certificates are not checked"),
        (&[&url], 60, "the certificate's issuer is not known"),
        (
            &["--cacert", &root_file, &url],
            60,
            "it is for other.test, not for 127.0.0.1",
        ),
        (
            &["--capath", folder.path().to_str().unwrap_or(""), &url],
            60,
            "it is for other.test",
        ),
        (&["--cacert", &missing, &url], 77, "No such file"),
        (&["--cacert", &none, &url], 77, "no certificate in PEM"),
        (&["--cert", &missing, &url], 58, "No such file"),
        (&["--cert", &none, &url], 58, "no certificate in PEM"),
        (&["--cert", &cert, "--key", &key, &url], 58, "keys"),
        (&["-k", "--tlsv1.3", &url], 35, "no common version of TLS"),
        (
            &["-k", "--pinnedpubkey", &pin, &url],
            90,
            "its key is sha256//",
        ),
        (
            &["-k", "--connect-timeout", "0.2", &silent],
            28,
            "timed out",
        ),
        (
            &["--tlsv1.3", "--tls-max", "1.2", &url],
            2,
            "leave no version",
        ),
        (&["--tls-max", "1.1", &url], 2, "it is 1.2, 1.3 or default"),
        (
            &["--pinnedpubkey", "sha256//x", &url],
            2,
            "a pin is sha256//",
        ),
        (&["--key", &key, &url], 2, "--cert"),
    ];
    for (words, code, text) in cases {
        let (status, said) = run(words)?;
        assert_eq!(status, Some(*code), "{words:?}: {said}");
        assert!(said.contains(text), "{words:?}: {said}");
    }
    Ok(())
}
