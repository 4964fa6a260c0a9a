//! Deadlines that have come.

use core::time::Duration;

use crate::Error;
use crate::easy::{Easy, Flow, Progress};
use crate::features::PACE;
use crate::platform::Platform;
use crate::store::Handle;
use crate::time::Timer;
use crate::transfer::{Flag, Queue, StateKind};

use super::{Cx, Multi};

impl<E: Easy> Multi<'_, E> {
    /// Marks every transfer whose deadline has come. Those that wait in another list are stepped
    /// here: they stay in it unless they fail (CONTRACT R45, D4).
    pub(super) fn expire<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        while let Some((at, slot)) = self.deadlines.first() {
            if at > self.now {
                return;
            }
            self.deadlines.set(slot, None);
            let Some(handle) = self.transfers.id_at(slot) else {
                continue;
            };
            match self.transfers.get(handle).map(|transfer| transfer.queue) {
                Some(Queue::Nowhere) => self.enqueue(handle, Queue::Ready),
                Some(Queue::Waiting | Queue::Resolving | Queue::Starved | Queue::Unplaced) => {
                    if !self.check_deadlines(cx, handle) {
                        self.settle(cx, handle);
                    }
                }
                Some(Queue::Ready | Queue::Done) | None => {}
            }
        }
    }

    /// Acts on the deadlines of one transfer. Answers whether it has ended by that.
    pub(super) fn check_deadlines<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
    ) -> bool {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return true;
        };
        if transfer.state.is_over() {
            return true;
        }
        let (start, now) = (transfer.started, self.now);
        if transfer.timers.first(start).is_none_or(|at| at > now) {
            return false;
        }
        for timer in [Timer::Total, Timer::Connect] {
            if transfer.timers.take_due(start, now, timer) {
                self.complete(cx, handle, Err(Error::Timeout(timer)));
                return true;
            }
        }
        if transfer.timers.take_due(start, now, Timer::Eyeballs) {
            transfer.flags.set(Flag::NextAddress, true);
        }
        if transfer.timers.take_due(start, now, Timer::Expect) {
            transfer.exchange.go_on();
        }
        if transfer.timers.take_due(start, now, Timer::Rate) {
            transfer.flags.set(Flag::Hurry, true);
        }
        if !PACE {
            return false;
        }
        let result = self.tick(handle).and_then(|()| self.progress(handle));
        if let Err(error) = result {
            self.complete(cx, handle, Err(error));
            return true;
        }
        false
    }

    /// CONTRACT R97: paused transfers and those without a connection are exempt.
    fn tick(&mut self, handle: Handle) -> Result<(), Error> {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return Ok(());
        };
        if !transfer
            .timers
            .take_due(transfer.started, self.now, Timer::LowSpeed)
        {
            return Ok(());
        }
        let Some(limit) = transfer.easy.options().low_speed else {
            return Ok(());
        };
        let second = Duration::from_secs(1);
        transfer
            .timers
            .set(transfer.started, self.now, Timer::LowSpeed, second);
        let paused =
            transfer.flags.has(Flag::ReceivePaused) || transfer.flags.has(Flag::SendPaused);
        if transfer.conn().is_none() || paused {
            transfer.meter.reset_speed();
            return Ok(());
        }
        let slow = transfer.meter.tick(limit.bytes_per_second);
        if u64::from(slow) > limit.time.as_secs().max(1) {
            return Err(Error::Timeout(Timer::LowSpeed));
        }
        Ok(())
    }

    /// CONTRACT R48, D5: also called when nothing moves.
    fn progress(&mut self, handle: Handle) -> Result<(), Error> {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return Ok(());
        };
        if !transfer
            .timers
            .take_due(transfer.started, self.now, Timer::Progress)
        {
            return Ok(());
        }
        let Some(interval) = transfer.easy.options().progress else {
            return Ok(());
        };
        let interval = interval.max(Duration::from_millis(1));
        transfer
            .timers
            .set(transfer.started, self.now, Timer::Progress, interval);
        let idle = matches!(
            transfer.state.kind(),
            StateKind::Init | StateKind::Pending | StateKind::Resolving | StateKind::Connecting
        );
        let progress = if idle {
            Progress::default()
        } else {
            Progress {
                received: transfer.exchange.body_received(),
                receive_total: transfer.exchange.body_length(),
                sent: transfer.exchange.body_sent(),
            }
        };
        match transfer.easy.on_progress(&progress) {
            Flow::Continue => Ok(()),
            Flow::Abort => Err(Error::AbortedByCallback),
        }
    }
}
