//! A real nginx to fetch from.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::files::Folder;

/// What to tell someone who has no nginx.
pub const MISSING: &str = "nginx is missing; run: apt-get install nginx-light (as root)";

/// How long it is waited for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The nginx of this machine. Debian keeps it where only root's `PATH` leads.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join("nginx"))
        .find(|file| file.is_file())
}

/// A running nginx that serves [`Nginx::site`]. Dropping it ends it and removes its files.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    address: SocketAddr,
    folder: Folder,
}

/// What an nginx is to be beyond a server of files.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Where its folder is made.
    pub below: &'a Path,
    /// How many connections it can hold.
    pub connections: u32,
    /// Lines of its configuration for all of HTTP.
    pub http: &'a str,
    /// Lines of its configuration for its one server.
    pub server: &'a str,
}

impl Nginx {
    /// Starts one that serves the files of its [`Nginx::site`], in the system's folder for
    /// temporary files.
    ///
    /// # Errors
    /// As [`Nginx::start_with`].
    pub fn start() -> io::Result<Self> {
        Self::start_with(&Settings {
            below: &std::env::temp_dir(),
            connections: 8192,
            http: "keepalive_requests 100000;\n",
            server: "",
        })
    }

    /// Starts it on a port that was free a moment ago; if another program takes it in between, on
    /// another. (nginx could inherit a bound socket, but a single process crashes over it.)
    ///
    /// # Errors
    /// There is no nginx ([`MISSING`]), or it does not answer: then the message holds its log.
    pub fn start_with(settings: &Settings<'_>) -> io::Result<Self> {
        const TRIES: u32 = 5;
        let program = program().ok_or_else(|| io::Error::other(MISSING))?;
        let mut outcome = Self::start_once(&program, settings);
        for _ in 1..TRIES {
            if outcome.is_ok() {
                break;
            }
            outcome = Self::start_once(&program, settings);
        }
        outcome
    }

    fn start_once(program: &Path, settings: &Settings<'_>) -> io::Result<Self> {
        let folder = Folder::new_below(settings.below, "nginx")?;
        fs::create_dir(folder.path().join("site"))?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let config = folder.path().join("nginx.conf");
        fs::write(&config, configuration(folder.path(), address, settings))?;
        let child = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&config)
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut nginx = Self {
            child,
            address,
            folder,
        };
        nginx.wait_until_it_answers()?;
        Ok(nginx)
    }

    /// Asks again and again, as there is nothing to wait for, until it answers or has ended.
    fn wait_until_it_answers(&mut self) -> io::Result<()> {
        let start = Instant::now();
        loop {
            let Err(why) = self.answers() else {
                return Ok(());
            };
            let ended = self.child.try_wait()?;
            if ended.is_none() && start.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            let log = fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default();
            return Err(io::Error::other(format!(
                "nginx does not answer: {why}; its end: {ended:?}; its log: {log}"
            )));
        }
    }

    /// The folder whose files it serves.
    #[must_use]
    pub fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    /// The id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a file in the site.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// One exchange, to see that it serves, and that it is this one that does.
    fn answers(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"HEAD /none HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.contains(&format!("X-Folder: {}\r\n", self.folder.path().display())) {
            Ok(())
        } else {
            Err(io::Error::other(format!("it answered {answer:?}")))
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It is a single process (`master_process off`), so nothing is left behind. There is nobody
        // to tell of a failure here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything that nginx writes goes below `folder`.
fn configuration(folder: &Path, address: SocketAddr, settings: &Settings<'_>) -> String {
    let folder = folder.display();
    let Settings {
        connections,
        http,
        server,
        ..
    } = settings;
    format!(
        "daemon off;\n\
         master_process off;\n\
         pid {folder}/nginx.pid;\n\
         error_log {folder}/error.log notice;\n\
         events {{ worker_connections {connections}; }}\n\
         http {{\n\
           access_log off;\n\
           {http}\
           sendfile on;\n\
           client_body_temp_path {folder}/body;\n\
           proxy_temp_path {folder}/proxy;\n\
           fastcgi_temp_path {folder}/fastcgi;\n\
           uwsgi_temp_path {folder}/uwsgi;\n\
           scgi_temp_path {folder}/scgi;\n\
           server {{\n\
             listen {address} backlog=4096;\n\
             root {folder}/site;\n\
             add_header X-Folder {folder} always;\n\
             {server}\
           }}\n\
         }}\n"
    )
}
