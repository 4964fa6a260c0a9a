//! The engine over a secured platform, for one request after the other.

use std::net::SocketAddr;
use std::time::Duration;

use muxfer_core::easy::{Easy, Options, Request, Status, Taken};
use muxfer_core::net::{IoError, TlsError};
use muxfer_core::{Config, Error};
use muxfer_linux::{
    Backend, BackendOptions, Capacity, Choice, Driver, Loop, Memory, Tls, TlsConfig, TlsStats,
};

/// One request.
#[derive(Debug, Default)]
struct Ask {
    url: String,
    settings: u32,
    options: Options,
    status: u16,
    body: Vec<u8>,
}

impl Easy for Ask {
    fn request(&self) -> Request<'_> {
        Request {
            settings: self.settings,
            ..Request::get(&self.url)
        }
    }

    fn options(&self) -> Options {
        self.options
    }

    fn on_status(&mut self, status: &Status<'_>) -> muxfer_core::easy::Flow {
        self.status = status.code;
        muxfer_core::easy::Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        self.body.extend_from_slice(bytes);
        Taken::All
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// How it ended.
    pub result: Result<(), Error>,
    /// The status.
    pub status: u16,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// What more is known of a failure.
    pub detail: Option<String>,
}

impl Got {
    /// Why it could not be secured, if that is why it failed.
    #[must_use]
    pub const fn refused(&self) -> Option<TlsError> {
        match self.result {
            Err(
                Error::Connect(IoError::Tls(why))
                | Error::Receive(IoError::Tls(why))
                | Error::Send(IoError::Tls(why)),
            ) => Some(why),
            Ok(()) | Err(_) => None,
        }
    }
}

/// An engine with its platform. Names are looked up nowhere but in what [`Client::pin`] was told.
pub struct Client<'m> {
    driver: Driver<'m, Ask, Tls<Backend>>,
    /// The limits of each request.
    pub options: Options,
}

impl<'m> Client<'m> {
    /// Lets `use_it` use an engine over this backend.
    ///
    /// # Panics
    /// There is no such backend.
    pub fn run<T>(
        choice: Choice,
        config: &TlsConfig,
        use_it: impl FnOnce(&mut Client<'_>) -> T,
    ) -> T {
        let mut memory = Memory::new(Capacity::new(64, 32));
        let backend = Backend::new(&BackendOptions {
            choice,
            ..BackendOptions::default()
        });
        let platform = Tls::new(backend.expect("a backend"), config.clone());
        let driver = Driver::new(&mut memory, Config::default(), platform);
        let options = Options {
            total: Some(Duration::from_secs(30)),
            ..Options::DEFAULT
        };
        use_it(&mut Client {
            driver: driver.expect("enough memory"),
            options,
        })
    }

    /// From now on this host is at this address.
    pub fn pin(&mut self, host: &str, address: SocketAddr) {
        let names = self.driver.platform_mut().names();
        names.pin(host, address.port(), [address.ip()]);
    }

    /// The number for further settings.
    pub fn register(&mut self, config: &TlsConfig) -> u32 {
        self.driver.platform_mut().register(config)
    }

    /// Handshakes so far.
    #[must_use]
    pub fn stats(&self) -> TlsStats {
        self.driver.platform().stats()
    }

    /// Bytes that are kept for connections.
    #[must_use]
    pub fn spilled_bytes(&self) -> usize {
        self.driver.platform().spilled_bytes()
    }

    /// Fetches all of these at once; what came of them, in their order.
    ///
    /// # Panics
    /// The engine breaks.
    pub fn fetch_all(&mut self, requests: &[(&str, u32)]) -> Vec<Got> {
        let mut handles = Vec::new();
        for &(url, settings) in requests {
            let added = self.driver.add(Ask {
                url: url.to_owned(),
                settings,
                options: self.options,
                ..Ask::default()
            });
            handles.push(added.map_err(|_| "no place").expect("a place"));
        }
        let mut results = vec![None; handles.len()];
        while results.iter().any(Option::is_none) {
            self.driver.turn(None).expect("a wait");
            while let Some(message) = self.driver.info_read() {
                let place = handles.iter().position(|&handle| handle == message.handle);
                let ask = self.driver.remove(message.handle).expect("its own");
                let got = self.got(ask, message.result);
                results[place.expect("one of these")] = Some(got);
            }
        }
        results.into_iter().flatten().collect()
    }

    /// Fetches one URL with the first settings.
    pub fn fetch(&mut self, url: &str) -> Got {
        self.fetch_all(&[(url, 0)]).remove(0)
    }

    fn got(&self, ask: Ask, result: Result<(), Error>) -> Got {
        let mut got = Got {
            result,
            status: ask.status,
            body: ask.body,
            detail: None,
        };
        if let Some(why) = got.refused() {
            let rest = ask.url.strip_prefix("https://").unwrap_or("");
            let (place, _) = rest.split_once('/').unwrap_or((rest, ""));
            let (host, port) = place.rsplit_once(':').unwrap_or((place, "443"));
            let host = host.trim_matches(['[', ']']);
            let port = port.parse().unwrap_or(0);
            let known = self.driver.platform().explain(host, port, why);
            got.detail = known.map(str::to_owned);
        }
        got
    }

    /// Closes all connections, and lets the system do it.
    ///
    /// # Panics
    /// The engine breaks.
    pub fn close_all(&mut self) {
        self.driver.network_changed();
        self.driver.turn(Some(Duration::ZERO)).expect("a wait");
    }
}
