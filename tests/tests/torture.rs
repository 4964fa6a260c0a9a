//! Each fallible call fails once, wherever it can, over the simulator and over each backend.

use std::io;

use muxfer_core::net::IoError;
use muxfer_linux::{Backend, BackendOptions, Choice};
use muxfer_tests::hostile::Server;
use muxfer_tests::torture::scenario::{self, Verdict};
use muxfer_tests::torture::{Kind, SimBench, SocketBench, Trap};

const ERRORS: [IoError; 10] = [
    IoError::Refused,
    IoError::Reset,
    IoError::Closed,
    IoError::NoDescriptors,
    IoError::NoBuffers,
    IoError::TimedOut,
    IoError::Unreachable,
    IoError::Denied,
    IoError::AddressUnusable,
    IoError::Other(5),
];

const CALLS: [Kind; 6] = [
    Kind::Open,
    Kind::Opened,
    Kind::Fill,
    Kind::Reserve,
    Kind::Commit,
    Kind::Flush,
];

const CALLBACKS: [Kind; 9] = [
    Kind::OnStatus,
    Kind::OnField,
    Kind::OnHead,
    Kind::OnBody,
    Kind::OnTrailer,
    Kind::ReadBody,
    Kind::Rewind,
    Kind::OnRedirect,
    Kind::OnProgress,
];

/// More calls of a kind than a scenario makes.
const MOST_CALLS: u32 = 5000;

/// What came of all runs with traps for one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    runs: u32,
    /// Runs in which the trap made a transfer fail.
    failed: u32,
}

/// Lets the nth call of a kind fail, for each n up to the number of calls.
fn torture(
    kind: Kind,
    error: impl Fn(u32) -> IoError,
    run: impl Fn(&Trap) -> io::Result<Verdict>,
) -> Tally {
    let mut tally = Tally::default();
    for nth in 1..MOST_CALLS {
        let said = error(nth);
        let trap = Trap::new(kind, nth, said);
        let what = || format!("{kind:?} number {nth} says {said:?}");
        let verdict = match run(&trap) {
            Ok(verdict) => verdict,
            Err(why) => panic!("{}: {why}", what()),
        };
        if !trap.sprung() {
            assert_eq!(verdict.failed, [], "{}", what());
            return tally;
        }
        tally.runs += 1;
        tally.failed += u32::from(!verdict.failed.is_empty());
        for (number, error) in &verdict.failed {
            let right = scenario::is_right(kind, said, *error);
            assert!(right, "{}: transfer {number} ends with {error:?}", what());
        }
        // One look-up serves all who wait for it; anything else is the matter of one transfer.
        let few = verdict.failed.len() <= 1 || kind == Kind::Resolve;
        assert!(few, "{}: {:?}", what(), verdict.failed);
        if CALLBACKS.contains(&kind) {
            let failed = verdict.failed.first().map(|(number, _)| *number);
            assert_eq!(failed, trap.caught(), "{}", what());
        }
    }
    panic!("{kind:?}: no end of calls");
}

fn over_sim(trap: &Trap) -> io::Result<Verdict> {
    scenario::run(&mut SimBench::new(23, trap), trap)
}

/// Lets each call of these kinds fail with each error.
fn each_with_each(kinds: &[Kind]) {
    for kind in kinds {
        let mut failed = 0;
        for error in ERRORS {
            let tally = torture(*kind, |_| error, over_sim);
            println!("{kind:?} {error:?}: {tally:?}");
            failed += tally.failed;
        }
        assert!(failed > 0, "{kind:?}: no transfer ever failed");
    }
}

#[test]
fn each_connect_of_the_simulated_platform_may_fail_with_each_error() {
    each_with_each(&[Kind::Open, Kind::Opened]);
}

#[test]
fn each_receive_of_the_simulated_platform_may_fail_with_each_error() {
    each_with_each(&[Kind::Fill]);
}

#[test]
fn each_send_of_the_simulated_platform_may_fail_with_each_error() {
    each_with_each(&[Kind::Reserve, Kind::Commit, Kind::Flush]);
}

#[test]
fn each_look_up_of_the_simulated_platform_may_fail() {
    for error in [IoError::Unreachable, IoError::Other(11)] {
        let tally = torture(Kind::Resolve, |_| error, over_sim);
        assert!(tally.failed > 0, "{tally:?}");
    }
}

#[test]
fn each_callback_may_fail() {
    for kind in CALLBACKS {
        let tally = torture(kind, |_| IoError::Refused, over_sim);
        println!("{kind:?}: {tally:?}");
        assert!(
            tally.runs > 0 && tally.failed == tally.runs,
            "{kind:?}: {tally:?}"
        );
    }
}

#[test]
fn each_call_of_real_sockets_and_look_ups_may_fail() -> io::Result<()> {
    each_call_of_a_backend(Choice::Epoll)
}

#[test]
fn each_call_of_io_uring_and_look_ups_may_fail() -> io::Result<()> {
    each_call_of_a_backend(Choice::Uring)
}

fn each_call_of_a_backend(choice: Choice) -> io::Result<()> {
    let options = BackendOptions {
        choice,
        ..BackendOptions::default()
    };
    let server = Server::start()?;
    for (place, kind) in (0..).zip(CALLS.into_iter().chain([Kind::Resolve])) {
        // All errors in turn: the simulated platform has tried each with each.
        let error = |nth: u32| ERRORS[(nth as usize + place) % ERRORS.len()];
        let run = |trap: &Trap| {
            let backend = Backend::new(&options)?;
            scenario::run(&mut SocketBench::new(backend, &server, trap), trap)
        };
        let tally = torture(kind, error, run);
        println!("{kind:?}: {tally:?}");
        assert!(tally.failed > 0, "{kind:?}: {tally:?}");
    }
    assert_eq!(server.tally().take_faults(), [""; 0]);
    Ok(())
}
