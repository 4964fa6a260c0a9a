//! A loop over the adapter, as its documentation has it, that keeps what came.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use embedded_nal::{Dns, TcpClientStack};
use muxfer_core::easy::{Fetch, Taken};
use muxfer_core::{Config, Error, Multi, Resources, time};
use muxfer_embedded::nal::{Buffers, Nal, Options};

/// Where a body goes.
pub type Sink = Box<dyn FnMut(&[u8]) -> Taken>;
/// A transfer of a test.
pub type Transfer = Fetch<String, Sink>;
/// Makes a transfer for the sink that it is given.
pub type Make = Box<dyn FnOnce(Sink) -> Transfer>;

/// Nothing takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of one transfer.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub result: Result<(), Error>,
    /// What was delivered.
    pub body: Vec<u8>,
}

/// What came of all of them, in the order in which they were asked for; the stack again; and how often
/// it was looked at.
pub type Outcomes<S> = (Vec<Outcome>, S, usize);

/// Runs transfers over four connections and two origins to their ends.
///
/// # Panics
/// They don't end.
pub fn drive<S: TcpClientStack + Dns>(
    stack: S,
    options: Options<<S as TcpClientStack>::Error>,
    transfers: Vec<Make>,
) -> Outcomes<S> {
    let start = Instant::now();
    let clock = || {
        let micros = start.elapsed().as_micros();
        time::Instant::from_micros(micros.try_into().expect("a short test"))
    };
    let mut buffers = Buffers::<4, 1024, 512>::new();
    let mut nal = Nal::<S, 4, 2>::new(stack, &mut buffers, options);
    let mut memory = Resources::<Transfer, 16, 4, 2, 64, 6, 256>::new();
    let mut multi = Multi::new(memory.storage(), Config::DEFAULT).expect("an engine");
    let mut pending = Vec::new();
    for make in transfers {
        let body = Rc::new(RefCell::new(Vec::new()));
        let into = Rc::clone(&body);
        let sink: Sink = Box::new(move |bytes| {
            into.borrow_mut().extend_from_slice(bytes);
            Taken::All
        });
        let added = multi.add(clock(), &mut nal, make(sink));
        pending.push((added.expect("a place"), body));
    }
    let mut turns = 0;
    loop {
        turns += 1;
        assert!(start.elapsed() < PATIENCE, "they don't end");
        let now = clock();
        nal.events(now, |event| multi.mark(event));
        if multi.run(now, &mut nal).transfers == 0 {
            break;
        }
        let at = nal.wake_at(now).expect("something to wait for");
        thread::sleep(at.since(clock()));
    }
    let outcome = |(handle, body): (_, Rc<RefCell<Vec<u8>>>)| Outcome {
        result: multi.result(handle).expect("an end"),
        body: body.take(),
    };
    let outcomes = pending.into_iter().map(outcome).collect();
    multi.close_all(clock(), &mut nal);
    (outcomes, nal.into_stack(), turns)
}
