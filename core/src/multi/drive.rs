//! Bytes: the request goes out, the response comes in, as far as both sides can go now.

use crate::Error;
use crate::easy::{Body, Easy, Expect, Options, Trace};
use crate::features::{PACE, UPLOADS};
use crate::http::{Exchange, Progress, Received, Sending, Sent};
use crate::net::{IoError, Ready, Stall};
use crate::platform::Platform;
use crate::store::{ConnId, Handle};
use crate::time::Timer;
use crate::transfer::{Flag, Meter, Queue, State, Transfer, Way};
use crate::wire::Parts;

use super::response::Response;
use super::start::outgoing;
use super::{Cx, Multi};

/// Bodies above this ask for `100 Continue` (CONTRACT R98).
const EXPECT_ABOVE: u64 = 1024 * 1024;

/// How a step of receiving ended.
enum Step {
    /// It waits for an event.
    Waits,
    /// There may be more to receive, but not now: a deadline, the next run, the easy handle or a free
    /// block comes first.
    Held,
    /// The exchange is complete; `tainted`: the connection holds bytes that nobody asked for.
    Complete { tainted: bool },
    /// The connection is at its end or broken.
    Broken(Error),
    /// The transfer fails.
    Failed(Error),
}

/// What ends sending.
enum SendError {
    /// The connection is broken.
    Broken(IoError),
    /// The transfer fails.
    Failed(Error),
}

/// A connection serves this transfer from now on: a new exchange.
pub(super) fn begin_exchange<E: Easy>(
    transfer: &mut Transfer<E>,
    handle: Handle,
    conn: ConnId,
    reused: bool,
) {
    let options = transfer.easy.options();
    let request = transfer.easy.request();
    let length = if transfer.flags.has(Flag::Rewritten) {
        Some(0)
    } else {
        request.body.length()
    };
    let expects = UPLOADS
        && length != Some(0)
        && !transfer.flags.has(Flag::NoExpect)
        && match options.expect {
            Expect::Auto => length.is_none_or(|length| length > EXPECT_ABOVE),
            Expect::Never => false,
            Expect::Always => true,
        };
    let to_head = request.method == "HEAD";
    transfer.exchange = Exchange::new(to_head, expects);
    transfer.send_failed = None;
    transfer.flags = transfer.flags.only(&[
        Flag::Started,
        Flag::Foreign,
        Flag::Rewritten,
        Flag::NoExpect,
        Flag::ReceivePaused,
        Flag::SendPaused,
    ]);
    transfer.flags.set(Flag::Expects, expects);
    transfer.flags.set(Flag::Reused, reused);
    for timer in [Timer::Connect, Timer::Eyeballs, Timer::Rate] {
        transfer.timers.clear(timer);
    }
    transfer.set_state(handle, State::Sending(conn));
}

impl<E: Easy> Multi<'_, E> {
    /// Sends and receives what can be sent and received now. `known`: the parts of the URL, if it
    /// was parsed in this step.
    pub(super) fn drive<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        known: Option<&Parts>,
    ) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        let Some(id) = transfer.conn() else { return };
        let options = transfer.easy.options();
        let hurry = transfer.flags.take(Flag::Hurry);
        transfer.meter.refill(
            transfer.started,
            self.now,
            options.receive_rate,
            options.send_rate,
        );
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        let ready = core::mem::take(&mut conn.ready);
        // CONTRACT R52: the mask is a hint. An event with nothing to write can only mean reading.
        let sending = transfer.exchange.is_sending() || transfer.flags.has(Flag::Unflushed);
        let heard = ready.intersects(Ready::READ | Ready::ERROR) || (!ready.is_none() && !sending);
        let mut failed = transfer.send_failed;
        if failed.is_none() && (sending || !matches!(transfer.state, State::Receiving(_))) {
            match self.send(cx, handle, id, &options, known) {
                Ok(()) => {}
                Err(SendError::Broken(error)) => {
                    failed = Some(error);
                    self.stop_sending(handle, error);
                }
                Err(SendError::Failed(error)) => return self.complete(cx, handle, Err(error)),
            }
        }
        if !heard && !hurry && failed.is_none() {
            return;
        }
        let failed = failed.map(Error::Send);
        match self.receive(cx, handle, id, &options) {
            Step::Complete { tainted } => self.finish_hop(cx, handle, tainted || failed.is_some()),
            Step::Failed(error) => self.complete(cx, handle, Err(error)),
            Step::Broken(error) => self.broken(cx, handle, failed.unwrap_or(error)),
            // The peer may have answered before it went: what has come is heard out first.
            Step::Held => {}
            Step::Waits => {
                if let Some(error) = failed {
                    self.broken(cx, handle, error);
                }
            }
        }
    }

    /// The stream takes nothing more.
    #[cold]
    fn stop_sending(&mut self, handle: Handle, error: IoError) {
        if let Some(transfer) = self.transfers.get_mut(handle) {
            transfer.exchange.stop();
            transfer.flags.set(Flag::Unflushed, false);
            transfer.send_failed = Some(error);
        }
    }

    fn send<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        id: ConnId,
        options: &Options,
        known: Option<&Parts>,
    ) -> Result<(), SendError> {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return Ok(());
        };
        let mut budget = self.config.budget;
        while transfer.exchange.is_sending()
            && !transfer.exchange.is_awaiting()
            && !transfer.flags.has(Flag::SendPaused)
        {
            let allowed = transfer.meter.allowance(Way::Send, options.send_rate);
            if PACE && allowed == 0 && !transfer.exchange.in_head() {
                hold_for_rate(transfer, self.now, options);
                break;
            }
            if budget == 0 {
                // The socket may still be writable: its event brings the transfer back.
                break;
            }
            let room = match cx.platform.reserve(id) {
                Ok(room) => room,
                Err(Stall::WouldBlock) => break,
                Err(Stall::Failed(error)) => return Err(SendError::Broken(error)),
            };
            let most = allowed.min(budget);
            let written = match fill_room(transfer, options, room, most, known) {
                Ok(written) => written,
                Err(error) => return Err(SendError::Failed(error)),
            };
            if written == 0 {
                break;
            }
            budget = budget.saturating_sub(written);
            if let Err(error) = cx.platform.commit(id, written) {
                return Err(SendError::Broken(error));
            }
        }
        self.flush(cx, handle, id, options)
    }

    /// Follows how far the request is: sent whole, or waiting for `100 Continue`.
    fn flush<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        id: ConnId,
        options: &Options,
    ) -> Result<(), SendError> {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return Ok(());
        };
        if let State::Receiving(_) = transfer.state {
            return Ok(());
        }
        transfer.flags.set(
            Flag::Unflushed,
            match cx.platform.flush(id) {
                Ok(()) => false,
                Err(Stall::WouldBlock) => true,
                Err(Stall::Failed(error)) => return Err(SendError::Broken(error)),
            },
        );
        if transfer.flags.has(Flag::Unflushed) {
            return Ok(());
        }
        if transfer.exchange.is_awaiting() {
            if let State::Sending(_) = transfer.state {
                transfer.set_state(handle, State::Awaiting(id));
                let wait = options.expect_wait;
                transfer
                    .timers
                    .set(transfer.started, self.now, Timer::Expect, wait);
            }
        } else {
            transfer.timers.clear(Timer::Expect);
            if transfer.exchange.is_sending() {
                if let State::Awaiting(_) = transfer.state {
                    transfer.set_state(handle, State::Sending(id));
                }
            } else {
                transfer.times.sent = transfer.elapsed(self.now);
                transfer.set_state(handle, State::Receiving(id));
            }
        }
        Ok(())
    }

    fn receive<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        id: ConnId,
        options: &Options,
    ) -> Step {
        let mut budget = self.config.budget;
        loop {
            let Some(transfer) = self.transfers.get_mut(handle) else {
                return Step::Waits;
            };
            if transfer.flags.has(Flag::ReceivePaused) {
                return Step::Held;
            }
            let allowed = transfer.meter.allowance(Way::Receive, options.receive_rate);
            if PACE && allowed == 0 {
                hold_for_rate(transfer, self.now, options);
                return Step::Held;
            }
            if budget == 0 {
                // CONTRACT R57: the others have their turn first.
                transfer.flags.set(Flag::Hurry, true);
                self.enqueue(handle, Queue::Ready);
                return Step::Held;
            }
            match self.receive_some(cx, handle, id, allowed.min(budget)) {
                Ok(consumed) => budget = budget.saturating_sub(consumed),
                Err(step) => return step,
            }
        }
    }

    /// Takes one lent slice. Answers how much of it was used if there may be more at once, and how
    /// receiving has ended otherwise.
    fn receive_some<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        id: ConnId,
        at_most: usize,
    ) -> Result<usize, Step> {
        let transfer = self.transfers.get_mut(handle).ok_or(Step::Waits)?;
        let lent = cx.platform.fill(id, at_most).map_err(|stall| match stall {
            Stall::WouldBlock => Step::Waits,
            Stall::Failed(error) => broken_at(transfer, error),
        })?;
        if lent.bytes.is_empty() {
            return Err(ended(transfer));
        }
        if transfer.times.first_byte == 0 {
            transfer.times.first_byte = transfer.elapsed(self.now);
        }
        let (length, more) = (lent.bytes.len(), lent.more);
        let (code, body) = (transfer.exchange.code(), transfer.exchange.body_received());
        let mut sink = Response::new(
            &mut transfer.easy,
            &mut transfer.flags,
            &mut transfer.redirects,
            self.scratch,
        )
        .at(code, body, self.config.drain_bytes);
        let (lines, limits) = (&mut self.lines, &self.config.limits);
        let result = transfer
            .exchange
            .receive(lent.bytes, lines, limits, &mut sink);
        let abandoned = sink.abandoned();
        let received = match result {
            // The rest of a response that nobody wants costs more than a new connection.
            Err(_) if abandoned => {
                say_debug!("conn {}: the rest of the response is too long to read", id);
                return Err(Step::Complete { tainted: true });
            }
            Err(error) => return Err(Step::Failed(error)),
            Ok(received) => received,
        };
        if transfer.flags.has(Flag::Follow) {
            // The request is that of the next hop by now: what is missing of this one can't be sent.
            transfer.exchange.stop();
        }
        transfer.meter.count(Way::Receive, received.consumed);
        cx.platform.consume(id, received.consumed);
        let whole = received.consumed == length;
        self.after_slice(cx, handle, id, received, whole, more)
    }

    fn after_slice<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        id: ConnId,
        received: Received,
        whole: bool,
        more: bool,
    ) -> Result<usize, Step> {
        self.feed_starved();
        let transfer = self.transfers.get_mut(handle).ok_or(Step::Waits)?;
        match received.progress {
            Progress::Complete => {
                if !whole {
                    say_warn!("conn {}: bytes behind the response", id);
                }
                let tainted = !whole || (more && has_more(cx, id));
                return Err(Step::Complete { tainted });
            }
            Progress::Paused => {
                transfer.flags.set(Flag::ReceivePaused, true);
            }
            Progress::NoBlock => {
                transfer.flags.set(Flag::Hurry, true);
                self.enqueue(handle, Queue::Starved);
            }
            Progress::NeedMore if sending_again(transfer) => {
                transfer.flags.set(Flag::Hurry, more);
                self.enqueue(handle, Queue::Ready);
            }
            Progress::NeedMore if more => return Ok(received.consumed),
            Progress::NeedMore => return Err(Step::Waits),
        }
        Err(Step::Held)
    }
}

/// Did `100 Continue` or a final status just let the body go?
fn sending_again<E>(transfer: &mut Transfer<E>) -> bool {
    UPLOADS && matches!(transfer.state, State::Awaiting(_)) && !transfer.exchange.is_awaiting()
}

/// Does the connection hold bytes behind a message that is complete?
fn has_more<P: Platform>(cx: &mut Cx<'_, P>, id: ConnId) -> bool {
    let heard = cx.platform.fill(id, 1);
    if matches!(&heard, Ok(lent) if !lent.bytes.is_empty()) {
        say_warn!("conn {}: bytes behind the response", id);
    }
    !matches!(heard, Err(Stall::WouldBlock))
}

/// The peer has ended the stream.
fn ended<E>(transfer: &mut Transfer<E>) -> Step {
    match transfer.exchange.end() {
        Ok(()) => Step::Complete { tainted: true },
        Err(error) => Step::Broken(error),
    }
}

fn broken_at<E>(transfer: &Transfer<E>, error: IoError) -> Step {
    // A peer that resets the connection in a body has sent less than it promised.
    let in_body = transfer.exchange.head_complete() && transfer.exchange.body_length().is_some();
    if error == IoError::Closed && in_body {
        return Step::Broken(Error::PartialBody);
    }
    Step::Broken(Error::Receive(error))
}

/// CONTRACT R101: without tokens the transfer rests until there are some.
fn hold_for_rate<E>(transfer: &mut Transfer<E>, now: crate::time::Instant, options: &Options) {
    let rate = match (options.receive_rate, options.send_rate) {
        (Some(one), Some(other)) => one.min(other),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return,
    };
    transfer
        .timers
        .set(transfer.started, now, Timer::Rate, Meter::wait(rate));
}

/// Fills lent room with as much of the request as fits: head and body together, so that a small
/// request is one packet.
fn fill_room<E: Easy>(
    transfer: &mut Transfer<E>,
    options: &Options,
    room: &mut [u8],
    body_at_most: usize,
    known: Option<&Parts>,
) -> Result<usize, Error> {
    let mut written = 0;
    while transfer.exchange.is_sending() && !transfer.exchange.is_awaiting() {
        let rest = room.get_mut(written..).unwrap_or(&mut []);
        if rest.is_empty() {
            break;
        }
        let in_head = transfer.exchange.in_head();
        if !in_head && (!UPLOADS || body_at_most == 0) {
            break;
        }
        let sent = if in_head {
            send_head(transfer, options, rest, known)?
        } else {
            let limit = rest.len().min(body_at_most);
            send_body(transfer, rest.get_mut(..limit).unwrap_or(&mut []))?
        };
        written += sent.written;
        if !in_head {
            transfer.meter.count(Way::Send, sent.written);
            if sent.sending == Sending::Paused {
                transfer.flags.set(Flag::SendPaused, true);
            }
            break;
        }
    }
    Ok(written)
}

fn send_head<E: Easy>(
    transfer: &mut Transfer<E>,
    options: &Options,
    room: &mut [u8],
    known: Option<&Parts>,
) -> Result<Sent, Error> {
    let head = outgoing(&transfer.easy, transfer.flags, options, known)?;
    let sent = transfer.exchange.send_head(&head, room)?;
    let bytes = room.get(..sent.written).unwrap_or(&[]);
    transfer.easy.on_trace(Trace::RequestHead(bytes));
    Ok(sent)
}

fn send_body<E: Easy>(transfer: &mut Transfer<E>, room: &mut [u8]) -> Result<Sent, Error> {
    let Transfer { easy, exchange, .. } = transfer;
    match easy.request().body {
        Body::None => Err(Error::Internal),
        Body::Bytes(bytes) => Ok(exchange.send_bytes(bytes, room)),
        Body::Stream { length } => exchange.send_stream(length, room, |into| easy.read_body(into)),
    }
}
