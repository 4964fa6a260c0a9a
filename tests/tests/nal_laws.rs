//! The laws of `core/src/platform.rs` on the adapter for `embedded-nal`, over the sockets of this machine.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use embedded_nal::TcpClientStack;
use muxfer_core::{Event, time};
use muxfer_embedded::nal::{Buffers, Nal, Options};
use muxfer_tests::laws::{self, Lab};
use muxfer_tests::nal::{Stingy, options, stingy_options};
use muxfer_tests::remotes::Remotes;
use muxfer_tests::source;
use std_embedded_nal::Stack;

/// How long one `settle` lasts at most.
const SETTLE: Duration = Duration::from_millis(40);

/// The adapter, with sockets of the standard library as the far ends.
struct NalLab<'b, S: TcpClientStack> {
    platform: Nal<'b, S, 4, 1>,
    interval: Duration,
    start: Instant,
    remotes: Remotes,
}

/// The laws want small messages in one piece, so there is room for them.
type Room = Buffers<4, 4096, 700>;

impl<'b, S: TcpClientStack> NalLab<'b, S> {
    fn new(stack: S, room: &'b mut Room, options: Options<S::Error>) -> Self {
        let interval = options.interval;
        Self {
            platform: Nal::new(stack, room, options),
            interval,
            start: Instant::now(),
            remotes: Remotes::new(),
        }
    }

    fn now(&self) -> time::Instant {
        let micros = self.start.elapsed().as_micros();
        time::Instant::from_micros(micros.try_into().expect("a short test"))
    }

    fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let now = self.now();
        self.platform.events(now, |event| events.push(event));
        events
    }
}

impl<'b, S: TcpClientStack> Lab for NalLab<'b, S> {
    type Platform = Nal<'b, S, 4, 1>;

    fn platform(&mut self) -> &mut Self::Platform {
        &mut self.platform
    }

    fn address(&self) -> SocketAddr {
        self.remotes.address()
    }

    fn accept(&mut self) {
        let (platform, interval) = (&mut self.platform, self.interval);
        // Some stacks connect only while they are asked. What is told is told again.
        self.remotes.accept(|| {
            platform.events(time::Instant::ZERO, drop);
            thread::sleep(interval);
        });
    }

    fn remote_send(&mut self, bytes: &[u8]) {
        self.remotes.send(bytes);
    }

    fn remote_read(&mut self) -> Vec<u8> {
        self.remotes.read()
    }

    fn remote_close(&mut self) {
        self.remotes.close();
    }

    fn remote_reset(&mut self) {
        self.remotes.reset();
    }

    fn settle(&mut self) -> Vec<Event> {
        let end = Instant::now() + SETTLE;
        loop {
            self.remotes.pump();
            let events = self.events();
            if !events.is_empty() || Instant::now() >= end {
                return events;
            }
            thread::sleep(self.interval);
        }
    }
}

macro_rules! on_each_stack {
    ($real:ident; $($law:ident)*) => {
        on_each_stack! { $real $($law)* }
    };
    ($($law:ident)*) => {
        const LAWS: &[&str] = &[$(stringify!($law)),*];

        mod plain {
            $(#[test] fn $law() {
                let mut room = super::Room::new();
                let options = super::options();
                super::laws::$law(&mut super::NalLab::new(super::Stack, &mut room, options));
            })*
        }

        mod stingy {
            $(#[test] fn $law() {
                let mut room = super::Room::new();
                let (stack, options) = (super::Stingy::new(super::Stack), super::stingy_options());
                super::laws::$law(&mut super::NalLab::new(stack, &mut room, options));
            })*
        }
    };
}

muxfer_tests::with_all_laws!(on_each_stack);

#[test]
fn no_law_is_left_out() -> io::Result<()> {
    let sources = source::read_all("tests/src")?;
    let laws = sources
        .iter()
        .find(|source| source.path.ends_with("tests/src/laws.rs"))
        .ok_or_else(|| io::Error::other("tests/src/laws.rs is missing"))?;
    let public = laws.code.split("pub fn ").skip(1);
    let names = public.filter_map(|rest| source::words(rest).next().map(|(_, name)| name));
    assert_eq!(
        names.collect::<BTreeSet<_>>(),
        LAWS.iter().copied().collect()
    );
    Ok(())
}
