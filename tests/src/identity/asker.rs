//! The easy handle of a planned transfer.

use std::cell::RefCell;
use std::rc::Rc;

use muxfer_core::Easy;
use muxfer_core::easy::{
    Auth, Body, Field, Fields, Follow, Given, Options, Range, Request, Taken, Trace,
};

use super::peers::Director;
use super::plan::{self, Plan};

/// It asks for what was planned and keeps what it is given.
pub(super) struct Asker {
    pub(super) id: usize,
    plan: Rc<Plan>,
    url: String,
    read: usize,
    pub(super) body: Vec<u8>,
    director: Rc<RefCell<Director>>,
    /// It is connecting.
    races: bool,
}

impl Asker {
    pub(super) fn new(id: usize, plan: Rc<Plan>, director: Rc<RefCell<Director>>) -> Self {
        Self {
            id,
            url: plan.url.clone(),
            plan,
            read: 0,
            body: Vec::new(),
            director,
            races: false,
        }
    }
}

impl Fields for Asker {
    fn field(&self, nth: usize) -> Option<Field<'_>> {
        let field = self.plan.fields.get(nth);
        field.map(|(name, value)| Field { name, value })
    }
}

impl Easy for Asker {
    fn request(&self) -> Request<'_> {
        let length = self.plan.payload.len() as u64;
        Request {
            fields: self,
            body: match self.plan.body {
                plan::Body::None => Body::None,
                plan::Body::Memory => Body::Bytes(&self.plan.payload),
                plan::Body::Sized => Body::Stream {
                    length: Some(length),
                },
                plan::Body::Chunked => Body::Stream { length: None },
            },
            auth: match &self.plan.auth {
                plan::Auth::None => Auth::None,
                plan::Auth::Basic(user, password) => Auth::Basic { user, password },
                plan::Auth::Bearer(token) => Auth::Bearer(token),
            },
            range: self.plan.range.map(Range::Spec),
            settings: self.plan.settings,
            ..Request::new(self.plan.method, &self.url)
        }
    }

    fn options(&self) -> Options {
        self.plan.options
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        self.body.extend_from_slice(bytes);
        Taken::All
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        let rest = &self.plan.payload[self.read..];
        let n = rest.len().min(into.len());
        if n == 0 {
            return Given::End;
        }
        into[..n].copy_from_slice(&rest[..n]);
        self.read += n;
        Given::Bytes(n)
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        self.url = url.to_string();
        Follow::Go
    }

    fn rewind(&mut self) -> bool {
        self.read = 0;
        self.plan.can_rewind
    }

    fn on_trace(&mut self, trace: Trace<'_>) {
        if let Trace::Connecting(_) = trace {
            let begins = !std::mem::replace(&mut self.races, true);
            self.director.borrow_mut().begins_race = begins;
        }
        if let Trace::Connected(_) | Trace::Reused(_) = trace {
            self.races = false;
        }
    }
}
