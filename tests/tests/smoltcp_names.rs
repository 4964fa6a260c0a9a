//! Names over smoltcp's DNS socket, and without it. In virtual time.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use muxfer_core::net::{Nb, Stall};
use muxfer_core::platform::{ResolveError, Resolved, Resolver};
use muxfer_core::time::Instant;
use muxfer_core::{Error, Event, Handle, OriginId};
use muxfer_embedded::smoltcp::{Custom, Dns, Fixed, Names};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::stack::{ADDRESS, Faults, NOWHERE, Scene, Setting, body};
use smoltcp::iface::SocketSet;
use smoltcp::socket::dns::Socket;
use smoltcp::wire::IpAddress;

const TABLE: &[(&str, IpAddr)] = &[("known.example", IpAddr::V4(ADDRESS))];

/// A DNS socket with so many places for queries.
fn dns<const Q: usize>(
    server: Ipv4Addr,
    places: usize,
) -> impl FnOnce(&mut SocketSet<'static>) -> Dns<'static, Q> {
    move |set| {
        let places: Vec<_> = (0..places).map(|_| None).collect();
        // A slice: a list that owns its places would grow.
        let socket = Socket::new(&[IpAddress::Ipv4(server)], Box::leak(places.into()));
        Dns::new(set.add(socket), Fixed(TABLE))
    }
}

fn named<R: Names>(scene: &mut Scene<R>, host: &str) -> Handle {
    scene.add(Recorder::get(&format!("http://{host}/body/300")))
}

fn assert_body<R: Names>(scene: &mut Scene<R>, handle: Handle) {
    let (result, easy) = scene.finish(handle);
    assert_eq!(result, Ok(()), "{}", easy.url);
    assert!(easy.body == body(300));
}

#[test]
fn more_names_than_the_socket_has_places_are_all_found() {
    for (seed, places) in (1..=20).flat_map(|seed| [(seed, 1), (seed, 2), (seed, 4)]) {
        let faults = Faults {
            lose: 4,
            double: 5,
            ..Faults::default()
        };
        let setting = Setting {
            seed,
            faults,
            ..Setting::PLAIN
        };
        let mut scene = Scene::new(&setting, dns::<8>(ADDRESS, places));
        let handles: Vec<_> = (0..8)
            .map(|nth| named(&mut scene, &format!("host{nth}.example")))
            .collect();
        for handle in handles {
            let (result, easy) = scene.finish(handle);
            assert_eq!(result, Ok(()), "seed {seed}, {places} places: {}", easy.url);
            assert!(easy.body == body(300));
        }
        scene.assert_clean();
    }
}

#[test]
fn one_query_serves_all_transfers_to_a_name() {
    let mut scene = Scene::new(&Setting::PLAIN, dns::<1>(ADDRESS, 1));
    let handles = [(); 6].map(|()| named(&mut scene, "host.example"));
    for handle in handles {
        assert_body(&mut scene, handle);
    }
    assert_eq!(scene.server.names(), 1);
    scene.assert_clean();
}

#[test]
fn a_name_that_nobody_has_is_an_error() {
    let mut scene = Scene::new(&Setting::PLAIN, dns::<4>(ADDRESS, 1));
    let bad = named(&mut scene, &format!("host.{NOWHERE}"));
    let too_long = format!("{}.example", "a".repeat(64));
    let long = named(&mut scene, &too_long);
    let good = named(&mut scene, "host.example");
    assert_eq!(scene.finish(bad).0, Err(Error::Resolve));
    assert_eq!(scene.finish(long).0, Err(Error::Resolve));
    assert_body(&mut scene, good);
    scene.assert_clean();
}

#[test]
fn more_names_than_it_can_keep_in_mind_fail() {
    let mut scene = Scene::new(&Setting::PLAIN, dns::<2>(ADDRESS, 1));
    let handles = [0, 1, 2].map(|nth| named(&mut scene, &format!("host{nth}.example")));
    let results = handles.map(|handle| scene.finish(handle).0);
    assert_eq!(results, [Ok(()), Ok(()), Err(Error::Resolve)]);
    scene.assert_clean();
}

#[test]
fn a_server_that_is_silent_ends_it_and_a_limit_sooner() {
    let silent = Ipv4Addr::new(10, 0, 0, 99);
    let mut scene = Scene::new(&Setting::PLAIN, dns::<4>(silent, 1));
    let handle = named(&mut scene, "host.example");
    assert_eq!(scene.finish(handle).0, Err(Error::Resolve));
    assert!(scene.ended < Instant::ZERO + Duration::from_secs(60));
    assert!(scene.turns < 100, "{} turns", scene.turns);

    // The query is cancelled with the transfer: the place is the next one's.
    let start = scene.now;
    let limited = |host: &str| {
        let easy = Recorder::get(&format!("http://{host}/body/300"));
        easy.options(|options| options.connect = Duration::from_secs(3))
    };
    let handles = ["one.example", "two.example"].map(|host| scene.add(limited(host)));
    scene.run_for(Duration::from_secs(1));
    scene.multi.remove(scene.now, &mut scene.net, handles[0]);
    assert!(scene.finish(handles[1]).0.is_err());
    assert_eq!(scene.ended, start + Duration::from_secs(3));
    scene.assert_clean();
}

#[test]
fn a_cancelled_query_makes_room_without_a_packet() {
    let mut scene = Scene::new(&Setting::PLAIN, dns::<4>(ADDRESS, 1));
    scene.wire.cut(true);
    let first = named(&mut scene, "one.example");
    let second = named(&mut scene, "two.example");
    scene.run_for(Duration::from_millis(100));
    scene.wire.cut(false);
    scene.multi.remove(scene.now, &mut scene.net, first);
    let due = scene.net.wake_at();
    assert!(due.is_some_and(|at| at <= scene.now), "the second is due");
    assert_body(&mut scene, second);
    scene.assert_clean();
}

#[test]
fn literal_addresses_and_fixed_names_need_no_query() {
    let mut scene = Scene::new(&Setting::PLAIN, dns::<1>(ADDRESS, 1));
    for host in ["known.example", "10.0.0.2"] {
        let handle = named(&mut scene, host);
        assert_body(&mut scene, handle);
    }
    assert_eq!(scene.server.names(), 0);
    let mut scene = Scene::new(&Setting::PLAIN, |_| Fixed(TABLE));
    for host in ["known.example", "10.0.0.2"] {
        let handle = named(&mut scene, host);
        assert_body(&mut scene, handle);
    }
    let handle = named(&mut scene, "unknown.example");
    assert_eq!(scene.finish(handle).0, Err(Error::Resolve));
    scene.assert_clean();
}

/// A resolver of the application: it knows one name, and takes two turns to say so.
#[derive(Default)]
struct Own {
    asked: Option<OriginId>,
    cancelled: usize,
}

impl Resolver for Own {
    fn resolve(&mut self, query: OriginId, host: &str, _port: u16) -> Nb<Resolved, ResolveError> {
        if self.asked.replace(query) == Some(query) && host == "known.example" {
            return Fixed(TABLE).find(host).ok_or(ResolveError::Failed.into());
        }
        Err(Stall::WouldBlock)
    }

    fn cancel(&mut self, _query: OriginId) {
        self.cancelled += 1;
    }
}

#[test]
fn the_application_may_bring_its_own_resolver() {
    let mut scene = Scene::new(&Setting::PLAIN, |_| Custom(Own::default()));
    let handle = named(&mut scene, "known.example");
    scene.run_for(Duration::from_millis(10));
    let asked = scene.net.names().0.asked.expect("a query");
    scene.multi.mark(Event::Resolved(asked));
    assert_body(&mut scene, handle);

    let given_up = named(&mut scene, "other.example");
    scene.run_for(Duration::from_millis(10));
    scene.multi.remove(scene.now, &mut scene.net, given_up);
    assert_eq!(scene.net.names().0.cancelled, 1);
    scene.assert_clean();
}
