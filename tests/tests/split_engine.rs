//! Split invariance through the whole engine: the pieces of a response arrive one after the other,
//! over a network that lends less than it holds, and the transfer ends as if it had come at once.

use std::io;
use std::time::Duration;

use muxfer_core::{Config, Error};
use muxfer_linux::Capacity;
use muxfer_tests::corpus::{self, Account, BLOCK_BYTES, LIMITS, Outcome, Response, whole};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, http};
use muxfer_tests::world::World;

/// Responses up to this length are tried, with every cut.
const LONGEST: usize = 400;

/// What a transfer was told, and how it ended.
#[derive(Debug, PartialEq)]
struct Told {
    result: Result<(), Error>,
    statuses: Vec<u16>,
    fields: Vec<(String, String)>,
    heads: usize,
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
    connections: u32,
}

/// A world whose server answers `/c` with the response, cut at `c`.
fn world(response: &Response, account: &Account) -> World {
    let config = Config {
        limits: LIMITS,
        ..Config::DEFAULT
    };
    let capacity = Capacity {
        line_bytes: BLOCK_BYTES,
        ..Capacity::new(2, 2)
    };
    let mut world = World::with(config, capacity);
    let bytes = response.bytes.clone();
    // A server that has sent its message whole leaves it to the client to close.
    let closes = account.ending.outcome != Outcome::Complete;
    let answer = http(move |request| {
        let cut: usize = request.path()[1..].parse().expect("a number");
        let (one, other) = bytes.split_at(cut);
        let mut acts = vec![Act::Send(one.to_vec()), Act::wait(1)];
        acts.push(Act::Send(other.to_vec()));
        acts.extend(closes.then_some(Act::Close));
        acts
    });
    world.sim.serve("10.0.0.1:80", answer);
    world
}

/// Asks for the response with this cut.
fn ask(world: &mut World, response: &Response, cut: usize) -> Told {
    let method = if response.to_head { "HEAD" } else { "GET" };
    let handle = world.add(Recorder::new(method, &format!("http://10.0.0.1/{cut}")));
    let (result, easy) = world.finish(handle);
    // What stands behind the message arrives, too, and whoever wants to close has closed.
    world.run_for(Duration::from_millis(5));
    Told {
        result,
        statuses: easy.statuses,
        fields: easy.got_fields,
        heads: easy.heads.len(),
        body: easy.body,
        trailers: easy.trailers,
        connections: world.multi.counts().connections,
    }
}

#[test]
fn checklist_16_a_transfer_ends_alike_wherever_its_response_is_cut() -> io::Result<()> {
    let responses = corpus::load()?;
    let short = responses.iter().filter(|one| one.bytes.len() <= LONGEST);
    for (number, response) in short.enumerate() {
        let account = whole(response);
        let mut world = world(response, &account);
        let length = response.bytes.len();
        let expected = ask(&mut world, response, length);
        let alone = account.ending.consumed == length;
        let kept = account.ending.persistent && alone && expected.result.is_ok();
        assert_eq!(expected.connections, u32::from(kept), "{}", response.name);
        assert_eq!(
            expected.result.is_ok(),
            account.ending.outcome.is_whole() && !expected.statuses.contains(&206),
            "{}",
            response.name
        );
        world.sim.faults.split = number % 4;
        world.sim.faults.would_block = 10;
        for cut in 0..length {
            let told = ask(&mut world, response, cut);
            assert_eq!(told, expected, "{} cut at {cut}", response.name);
        }
        world.assert_clean();
    }
    Ok(())
}
