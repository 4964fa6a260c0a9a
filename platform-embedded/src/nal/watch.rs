//! What is waited for, and the look at the stack that stands in for events.

use core::time::Duration;

use embedded_nal::TcpClientStack;
use muxfer_core::net::Interest;
use muxfer_core::platform::Watch;
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event};

use super::Nal;

/// The shortest interval: less would be spinning.
const SHORTEST: Duration = Duration::from_millis(1);

impl<S: TcpClientStack, const CONNS: usize, const ORIGINS: usize> Watch
    for Nal<'_, S, CONNS, ORIGINS>
{
    fn socket(&mut self, conn: ConnId, want: Interest) {
        if let Ok(line) = self.line(conn) {
            line.place.want = want;
        }
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.timer = at;
    }
}

impl<S: TcpClientStack, const CONNS: usize, const ORIGINS: usize> Nal<'_, S, CONNS, ORIGINS> {
    /// Asks the stack about each connection that is watched, and tells what there is: for
    /// [`Multi::mark`](muxfer_core::Multi::mark), before each run. At most one event for a connection,
    /// one for a name and one for the timer.
    pub fn events(&mut self, now: Instant, mut tell: impl FnMut(Event)) {
        self.moved = false;
        for index in 0..CONNS {
            let Some(mut line) = self.line_at(index) else {
                continue;
            };
            let ready = line.ready();
            if !ready.is_none() {
                tell(Event::Socket(line.place.id, ready));
                self.moved = true;
            }
        }
        if let Some(query) = self.names.due(now, self.interval()) {
            tell(Event::Resolved(query));
        }
        if self.timer.is_some_and(|at| at <= now) {
            self.timer = None;
            tell(Event::Timeout);
        }
    }

    /// Until when the program may rest after a run. That is now if the last [`events`](Self::events)
    /// found something: there may be more. `None`: there is nothing to wait for.
    pub fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.moved {
            return Some(now);
        }
        let mut places = self.places.iter().flatten();
        let watched = places.any(|place| !place.want.is_none());
        let look = watched.then(|| now + self.interval());
        let times = [look, self.names.ask_at(), self.timer];
        times.into_iter().flatten().min()
    }

    fn interval(&self) -> Duration {
        self.options.interval.max(SHORTEST)
    }
}
