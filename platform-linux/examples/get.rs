//! Fetches the URLs that it is given, all at once, and prints how long each body is.

use muxfer_core::Config;
use muxfer_core::easy::{Fetch, Options, Redirects, Taken};
use muxfer_linux::{Capacity, Driver, Epoll, EpollOptions, Memory};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    let mut memory = Memory::new(Capacity::new(urls.len().max(1), 100));
    let epoll = Epoll::new(&EpollOptions::default())?;
    let mut driver = Driver::new(&mut memory, Config::default(), epoll)?;

    let options = Options {
        redirects: Redirects::Follow(30),
        ..Options::DEFAULT
    };
    for url in &urls {
        let sink = |_bytes: &[u8]| Taken::All;
        driver.add(Fetch::<String, _>::get(url, sink)?.options(options))?;
    }
    while driver.multi().counts().current > 0 {
        driver.turn(None)?;
        while let Some(done) = driver.info_read() {
            let received = driver
                .multi()
                .info(done.handle)
                .map_or(0, |info| info.received);
            let Some(fetch) = driver.remove(done.handle) else {
                continue;
            };
            match done.result {
                Ok(()) => println!("{} {received} {}", fetch.status(), fetch.url()),
                Err(error) => println!("{error}: {}", fetch.url()),
            }
        }
    }
    Ok(())
}
