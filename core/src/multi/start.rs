//! The first step of a hop: from a request to an origin.

use core::time::Duration;

use crate::Error;
use crate::easy::{Easy, Options, Redirects};
use crate::error::UrlError;
use crate::features::{Feature, PACE, QUEUE, RANKS_UNUSED, REDIRECTS, REUSE, SMALL};
use crate::http::Outgoing;
use crate::net::IoError;
use crate::origin::{FindError, OriginKey, Place};
use crate::platform::Platform;
use crate::store::{Handle, OriginId};
use crate::time::{Instant, Timer};
use crate::transfer::{Flag, Flags, Queue, Transfer};
use crate::wire::{Parts, Url};

use super::{Cx, Multi};

/// The request of the present hop, with what earlier hops have changed of it.
pub(super) fn outgoing<'a, E: Easy>(
    easy: &'a E,
    flags: Flags,
    options: &Options,
    known: Option<&Parts>,
) -> Result<Outgoing<'a>, Error> {
    let request = easy.request();
    let known = known.filter(|_| !SMALL);
    let url = known.and_then(|parts| Url::from_parts(request.url, parts));
    Ok(Outgoing {
        request,
        url: url.map_or_else(|| Url::parse(request.url), Ok)?,
        foreign: flags.has(Flag::Foreign),
        rewritten: flags.has(Flag::Rewritten),
        expect: flags.has(Flag::Expects),
        close: !REUSE || options.forbid_reuse,
    })
}

impl<E: Easy> Multi<'_, E> {
    /// Checks the request, finds its origin and asks for a connection. Answers with the places of
    /// the URL's parts, for who sends the request in the same step.
    pub(super) fn start<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
    ) -> Option<Parts> {
        let transfer = self.transfers.get_mut(handle)?;
        let options = transfer.easy.options();
        begin(transfer, &options, self.now);
        if let Some(what) = left_out(&options) {
            self.complete(cx, handle, Err(Error::LeftOut(what)));
            return None;
        }
        match self.place(cx, handle, &options) {
            Ok((origin, parts)) => {
                self.join(handle, origin);
                self.acquire(cx, handle, false);
                return parts;
            }
            Err(Ok(())) if QUEUE => self.wait_for_place(handle),
            Err(Ok(())) => {
                let none = Error::Connect(IoError::NoDescriptors);
                self.complete(cx, handle, Err(none));
            }
            Err(Err(error)) => self.complete(cx, handle, Err(error)),
        }
        None
    }

    /// The origin of a request. `Err(Ok(()))`: there is no place for it now.
    fn place<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        options: &Options,
    ) -> Result<(OriginId, Option<Parts>), Result<(), Error>> {
        let transfer = self.transfers.get(handle).ok_or(Err(Error::Internal))?;
        let outgoing = outgoing(&transfer.easy, transfer.flags, options, None).map_err(Err)?;
        outgoing.check().map_err(Err)?;
        if !cx.platform.supports(outgoing.url.scheme) {
            return Err(Err(Error::UnsupportedScheme));
        }
        let too_long = Err(Error::BadUrl(UrlError::TooLong));
        let host = outgoing.url.lower_host(self.scratch).ok_or(too_long)?;
        let key = OriginKey {
            scheme: outgoing.url.scheme,
            host,
            port: outgoing.url.port,
            settings: outgoing.request.settings,
        };
        let parts = (!SMALL).then(|| outgoing.url.parts(outgoing.request.url));
        if let Some(known) = self.origins.find(&key) {
            return Ok((known, parts));
        }
        match self.origins.insert(&key) {
            Ok(new) => Ok((new, parts)),
            Err(FindError::NameTooLong) => Err(too_long),
            Err(FindError::Full) => {
                self.forget_unused(cx).ok_or(Ok(()))?;
                self.place(cx, handle, options)
            }
        }
    }

    fn join(&mut self, handle: Handle, id: OriginId) {
        let Some(origin) = self.origins.get_mut(id) else {
            return;
        };
        origin.users += 1;
        if RANKS_UNUSED && origin.place == Place::Unused {
            origin.place = Place::Nowhere;
            self.unused.remove(self.origins.slots(), id);
        }
        if let Some(transfer) = self.transfers.get_mut(handle) {
            transfer.origin = Some(id);
        }
    }

    fn wait_for_place(&mut self, handle: Handle) {
        self.set_pending(handle);
        self.enqueue(handle, Queue::Unplaced);
    }
}

/// What the options ask for that was left out of the engine.
const fn left_out(options: &Options) -> Option<Feature> {
    let paced = options.low_speed.is_some()
        || options.progress.is_some()
        || options.receive_rate.is_some()
        || options.send_rate.is_some();
    if !PACE && paced {
        Some(Feature::Pace)
    } else if !REDIRECTS && matches!(options.redirects, Redirects::Follow(_)) {
        Some(Feature::Redirects)
    } else {
        None
    }
}

/// CONTRACT R95, R96: the clocks of a transfer start when it first runs, that of the connect limit
/// with each hop.
fn begin<E: Easy>(transfer: &mut Transfer<E>, options: &Options, now: Instant) {
    if !transfer.flags.has(Flag::Started) {
        transfer.flags.set(Flag::Started, true);
        transfer.flags.set(Flag::Fresh, options.fresh_connect);
        transfer.started = now;
        let mut set = |timer, after| transfer.timers.set(now, now, timer, after);
        if let Some(total) = options.total.filter(|total| !total.is_zero()) {
            set(Timer::Total, total);
        }
        if options.low_speed.is_some() {
            set(Timer::LowSpeed, Duration::from_secs(1));
        }
        if let Some(every) = options.progress {
            set(Timer::Progress, every.max(Duration::from_millis(1)));
        }
    }
    let connect = if options.connect.is_zero() {
        Options::DEFAULT.connect
    } else {
        options.connect
    };
    // One that waited for a place for its origin starts once more: its clock runs on.
    if transfer
        .timers
        .at(transfer.started, Timer::Connect)
        .is_none()
    {
        transfer
            .timers
            .set(transfer.started, now, Timer::Connect, connect);
    }
}
