//! All that the hostile server can do, each with what must come of it.

mod ends;
mod framing;
mod good;
mod heads;
mod redirects;
mod reuse;
mod slow;
mod uploads;

use std::sync::LazyLock;
use std::time::Duration;

use muxfer_core::Error;
use muxfer_core::error::ResponseError;

use super::script::{Act, Ask, Wish};
use super::server::Gate;
use super::visitor::Visitor;

/// What must come of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Success with this status and so many bytes of body, each of them right.
    Success(u16, u64),
    /// This error.
    Failure(Error),
    /// One of these errors: which, is up to the system. The reason stands where it is used.
    OneOf(&'static [Error]),
}

/// A kind of misbehaviour, or of good behaviour.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The first segment of the path that asks for it.
    pub name: &'static str,
    /// The class of the checklist, or the rule, that it belongs to.
    pub class: &'static str,
    /// Where it happens.
    pub gate: Gate,
    /// How many variants there are: the second segment of the path, from 0.
    pub variants: usize,
    /// What must come of a variant.
    pub outcome: fn(usize) -> Outcome,
    /// What the server does with the request.
    pub answer: fn(&Ask<'_>) -> Vec<Act>,
    /// What the transfer wants beside its URL.
    pub wish: fn(Visitor) -> Visitor,
    /// How many connections are kept at the end.
    pub leaves: u32,
    /// It ends by this limit, and not before: the time of the limit for this patience.
    pub limit: Option<fn(Duration) -> Duration>,
    /// It leaves bytes on the connection that came too late to be noticed in time: another
    /// transfer to the same origin could take them for its response, which no client can know. So
    /// each has an origin of its own.
    pub apart: bool,
    /// How much of the mix it makes up.
    pub weight: u32,
}

impl Entry {
    /// An entry of one variant with a plain GET.
    const fn new(
        name: &'static str,
        class: &'static str,
        answer: fn(&Ask<'_>) -> Vec<Act>,
        outcome: fn(usize) -> Outcome,
    ) -> Self {
        Self {
            name,
            class,
            gate: Gate::Open,
            variants: 1,
            outcome,
            answer,
            wish: |visitor| visitor,
            leaves: 0,
            limit: None,
            apart: false,
            weight: 10,
        }
    }

    const fn keeps(self) -> Self {
        self.leaves(1)
    }

    const fn leaves(mut self, connections: u32) -> Self {
        self.leaves = connections;
        self
    }

    const fn variants(mut self, variants: usize) -> Self {
        self.variants = variants;
        self
    }

    const fn gate(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    const fn wish(mut self, wish: fn(Visitor) -> Visitor) -> Self {
        self.wish = wish;
        self
    }

    const fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    const fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// It ends by the total limit, which is the patience of the run.
    const fn until_patience(mut self, wish: fn(Visitor) -> Visitor) -> Self {
        self.wish = wish;
        self.limit = Some(|patience| patience);
        self
    }

    /// It ends by the low speed limit of a second, which needs two.
    const fn until_too_slow(mut self) -> Self {
        self.wish = |visitor| visitor.no_slower_than(1000);
        self.limit = Some(|_| Duration::from_secs(2));
        self
    }
}

/// All entries. Their names differ.
#[must_use]
pub fn all() -> &'static [Entry] {
    static ALL: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        [
            good::ENTRIES,
            heads::ENTRIES,
            framing::ENTRIES,
            ends::ENTRIES,
            slow::ENTRIES,
            uploads::ENTRIES,
            redirects::ENTRIES,
            reuse::ENTRIES,
        ]
        .concat()
    });
    &ALL
}

/// The entry of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    all().iter().find(|entry| entry.name == name)
}

/// What the server does with a request: the `nth` of a connection.
#[must_use]
pub fn answer(head: &str, nth: u32, connection: u64) -> Vec<Act> {
    let wish = Wish::of(head);
    let Some(entry) = find(wish.name) else {
        return vec![Act::text(
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        )];
    };
    (entry.answer)(&Ask {
        variant: wish.variant,
        number: wish.number,
        nth,
        connection,
        head,
        patience: wish.patience,
    })
}

/// What the server does at a gate before it has heard anything.
pub(super) fn greeting(gate: Gate) -> Vec<Act> {
    const EARLY: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    match gate {
        Gate::Open | Gate::Full | Gate::Shut => Vec::new(),
        Gate::Eager => vec![Act::text(EARLY), Act::Stay],
        Gate::EagerClose => vec![Act::text(EARLY), Act::Close],
        Gate::Reset => vec![Act::Reset],
        Gate::Close => vec![Act::Close],
        Gate::Mute => vec![Act::Deaf, Act::Stay],
    }
}

/// For entries whose gate does it all.
fn nothing(_ask: &Ask<'_>) -> Vec<Act> {
    vec![Act::Stay]
}

const fn bad(why: ResponseError) -> Outcome {
    Outcome::Failure(Error::BadResponse(why))
}

/// A text, and then nothing until the client goes.
fn say(text: &str) -> Vec<Act> {
    vec![Act::text(text), Act::Stay]
}

/// A text, and then the end of the stream.
fn say_and_close(text: &str) -> Vec<Act> {
    vec![Act::text(text), Act::Close]
}
