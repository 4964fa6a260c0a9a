//! The engine over a secured platform in the simulator: rough networks, and streams that are cut.

use std::sync::Arc;
use std::time::Duration;

use muxfer_core::net::{IoError, TlsError};
use muxfer_core::{Config, Error, Event, Multi};
use muxfer_linux::{Capacity, Memory, RootSource, Tls, TlsConfig, TlsSettings};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Call, Faults, Listen, Prng, Sim};
use muxfer_tests::tls::{Answer, Authority, Ending, Shape, peer};
use rustls::ServerConfig;

const HOST: &str = "a.test";
const ADDRESS: &str = "10.0.0.1:443";
/// How many networks each test tries.
const SEEDS: u64 = 150;
/// More steps than any run needs.
const MOST_STEPS: usize = 200_000;

/// What all runs share: keys take time.
struct Keys {
    trusted: TlsConfig,
    servers: [Arc<ServerConfig>; 2],
}

impl Keys {
    fn new() -> Self {
        let root = Authority::root("the root");
        let issued = root.issue(&[HOST], |_| {});
        let settings = TlsSettings {
            roots: vec![RootSource::Pem(root.pem().into_bytes())],
            ..TlsSettings::default()
        };
        Self {
            trusted: TlsConfig::new(settings),
            servers: [Shape::tls_12(), Shape::tls_13()].map(|shape| shape.config(&issued)),
        }
    }
}

/// A network that is as rough as this seed says.
fn rough(random: &mut Prng) -> Faults {
    Faults {
        split: usize::try_from(random.below(3000)).expect("small"),
        window: usize::try_from(random.below(3000)).expect("small"),
        ragged: random.chance(50),
        would_block: random.below(40),
        eager: random.below(40),
        spurious: random.below(30),
        masks: random.below(30),
        stale: random.below(20),
        double: random.below(20),
        slow_names: 0,
        shuffle: random.chance(50),
        latency: Duration::from_millis(random.below(20)),
    }
}

/// Runs these transfers to their end; what became of each.
fn run(platform: &mut Tls<Sim>, jobs: Vec<Recorder>) -> Vec<(Result<(), Error>, Recorder)> {
    let mut memory = Memory::new(Capacity::new(16, 8));
    let mut multi = Multi::new(memory.storage(), Config::DEFAULT).expect("a configuration");
    let mut handles = Vec::new();
    for job in jobs {
        let now = platform.inner().now;
        handles.push(multi.add(now, platform, job).expect("a place"));
    }
    let mut results = vec![None; handles.len()];
    for _ in 0..MOST_STEPS {
        for event in events(platform) {
            multi.mark(event);
        }
        let now = platform.inner().now;
        multi.run(now, platform);
        while let Some(message) = multi.info_read() {
            let place = handles.iter().position(|&handle| handle == message.handle);
            results[place.expect("one of these")] = Some(message.result);
        }
        if results.iter().all(Option::is_some) {
            multi.close_all(now, platform);
            assert_eq!(platform.inner().open_connections().count(), 0);
            let taken = handles
                .into_iter()
                .map(|handle| multi.remove(now, platform, handle).expect("its own"));
            return results.into_iter().flatten().zip(taken).collect();
        }
    }
    panic!("no end came");
}

/// What happens next; time passes if nothing happens now.
fn events(platform: &mut Tls<Sim>) -> Vec<Event> {
    let mut events = Vec::new();
    platform.tell_news(|event| events.push(event));
    for event in platform.inner_mut().events() {
        events.extend(platform.hear(event));
    }
    if events.is_empty()
        && let Some(at) = platform.inner().next()
    {
        let sim = platform.inner_mut();
        sim.now = sim.now.max(at);
    }
    events
}

fn network(keys: &Keys, seed: u64) -> (Tls<Sim>, Prng) {
    let mut sim = Sim::new(seed);
    sim.name(HOST, &["10.0.0.1"]);
    sim.listen(ADDRESS, Listen::Accept(Duration::from_millis(1)));
    sim.send_window = 100_000;
    (Tls::new(sim, keys.trusted.clone()), Prng::new(seed))
}

fn body(length: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(length).collect()
}

/// The length that a path asks for.
fn length(path: &str) -> usize {
    path.rsplit('/')
        .next()
        .map_or(0, |text| text.parse().expect("a length"))
}

#[test]
fn whatever_the_network_does_the_bytes_are_right() {
    let keys = Keys::new();
    for seed in 0..SEEDS {
        let (mut platform, mut random) = network(&keys, seed);
        let sim = platform.inner_mut();
        sim.faults = rough(&mut random);
        let piece = 1 + usize::try_from(random.below(5000)).expect("small");
        let server = &keys.servers[usize::from(random.chance(50))];
        let secured = peer(Arc::clone(server), piece, |path| {
            let body = body(length(path));
            match path.starts_with("/kept") {
                true => Answer::ok(&body),
                false => Answer::until_close(&body, Ending::Notified),
            }
        });
        sim.serve(ADDRESS, secured);
        let paths: Vec<_> = (0..6)
            .map(|nth| {
                let kind = if nth % 2 == 0 { "kept" } else { "closed" };
                format!("/{kind}/{}", random.below(60_000))
            })
            .collect();
        let jobs = paths.iter().map(|path| {
            let url = format!("https://{HOST}{path}");
            // What is sent takes several records where the room is small.
            Recorder::new("POST", &url).bytes(b"")
        });
        for (path, (result, job)) in paths.iter().zip(run(&mut platform, jobs.collect())) {
            assert_eq!(result, Ok(()), "seed {seed}, {path}");
            assert!(
                job.body == body(length(path)),
                "seed {seed}, {path}: other bytes"
            );
        }
        let stats = platform.stats();
        assert_eq!(stats.failed, 0, "seed {seed}");
        assert!(stats.full + stats.resumed > 0, "seed {seed}");
    }
}

#[test]
fn a_host_whose_certificate_is_refused_is_not_asked_elsewhere() {
    let keys = Keys::new();
    let (mut platform, _) = network(&keys, 1);
    let sim = platform.inner_mut();
    sim.name(HOST, &["10.0.0.1", "10.0.0.2"]);
    sim.listen("10.0.0.2:443", Listen::Accept(Duration::from_millis(1)));
    let other = Authority::root("another root").issue(&[HOST], |_| {});
    let config = Shape::default().config(&other);
    sim.serve(ADDRESS, peer(config, 1000, |_| Answer::ok(b"")));
    let job = Recorder::get(&format!("https://{HOST}/"));
    let (result, _) = run(&mut platform, vec![job]).remove(0);
    let unknown = IoError::Tls(TlsError::UnknownIssuer);
    assert_eq!(result, Err(Error::Connect(unknown)));
    let opened = platform.inner().log.iter();
    let opened = opened.filter(|call| matches!(call, Call::Open(..)));
    assert_eq!(opened.count(), 1);
    assert_eq!(platform.stats().failed, 1);
}

#[test]
fn a_stream_without_its_last_word_is_never_whole() {
    let keys = Keys::new();
    for seed in 0..SEEDS {
        let (mut platform, mut random) = network(&keys, seed);
        let sim = platform.inner_mut();
        sim.faults = rough(&mut random);
        let server = &keys.servers[usize::from(random.chance(50))];
        let secured = peer(Arc::clone(server), 2000, |path| {
            Answer::until_close(&body(length(path)), Ending::Cut)
        });
        sim.serve(ADDRESS, secured);
        let length = usize::try_from(random.below(40_000)).expect("small");
        let job = Recorder::get(&format!("https://{HOST}/{length}"));
        let (result, job) = run(&mut platform, vec![job]).remove(0);
        let truncated = IoError::Tls(TlsError::Truncated);
        assert_eq!(result, Err(Error::Receive(truncated)), "seed {seed}");
        assert!(
            body(length).starts_with(&job.body),
            "seed {seed}: other bytes"
        );
        assert_eq!(
            job.body.len(),
            length,
            "seed {seed}: what came is given before the error"
        );
    }
}
