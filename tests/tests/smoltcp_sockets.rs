//! What becomes of the sockets that the engine has closed: over smoltcp, in virtual time.

use std::collections::HashSet;
use std::time::Duration;

use muxfer_core::Handle;
use muxfer_core::time::Instant;
use muxfer_embedded::smoltcp::{Fixed, LAST_WORD, LINGER};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::stack::{Scene, Setting, body};

type World = Scene<Fixed<'static>>;

fn scene(setting: &Setting) -> World {
    Scene::new(setting, |_| Fixed(&[]))
}

/// A GET whose connection is closed afterwards.
fn once(scene: &mut World) -> Handle {
    let easy = Recorder::get("http://10.0.0.2/body/1000");
    scene.add(easy.options(|options| options.forbid_reuse = true))
}

fn assert_done(scene: &mut World, handle: Handle) {
    let (result, easy) = scene.finish(handle);
    assert_eq!(result, Ok(()));
    assert!(easy.body == body(1000));
}

#[test]
fn a_closed_connection_ends_on_both_sides() {
    let mut scene = scene(&Setting::PLAIN);
    let handle = once(&mut scene);
    assert_done(&mut scene, handle);
    assert_eq!((scene.net.open(), scene.net.lingering()), (0, 1));
    // The server has ended it within a round trip; our side waits for what may still be under way.
    scene.run_for(Duration::from_secs(1));
    assert_eq!(scene.server.connections(), 0);
    assert_eq!(scene.server.resets(), 0, "a reset where an end was due");
    scene.run_for(LINGER);
    assert_eq!(scene.net.lingering(), 0);
    scene.assert_clean();
}

#[test]
fn a_peer_that_never_closes_is_reset_after_a_while() {
    let mut scene = scene(&Setting::PLAIN);
    scene.server.never_closes = true;
    let handle = once(&mut scene);
    assert_done(&mut scene, handle);
    scene.run_for(LINGER - Duration::from_secs(1));
    assert_eq!((scene.net.lingering(), scene.server.connections()), (1, 1));
    scene.run_for(Duration::from_secs(2));
    assert_eq!((scene.net.lingering(), scene.server.connections()), (0, 0));
    assert_eq!(scene.server.resets(), 1);
    scene.assert_clean();
}

#[test]
fn a_peer_that_has_gone_is_forgotten_after_a_while() {
    let mut scene = scene(&Setting::PLAIN);
    let handle = once(&mut scene);
    scene.run();
    scene.wire.cut(true);
    let end = scene.now + LINGER + Duration::from_secs(3);
    scene.run_for(LINGER + Duration::from_secs(2));
    assert_eq!(scene.net.lingering(), 0);
    assert_eq!(scene.net.wake_at(), None);
    assert!(scene.now <= end);
    scene.wire.cut(false);
    assert_done(&mut scene, handle);
}

#[test]
fn lingering_sockets_are_taken_at_once_when_they_are_needed() {
    let mut scene = scene(&Setting::PLAIN);
    scene.server.never_closes = true;
    for nth in 0..20 {
        let handle = once(&mut scene);
        assert_done(&mut scene, handle);
        assert_eq!(scene.net.lingering(), (nth + 1).min(4));
    }
    // No transfer has waited for a socket.
    assert!(scene.now < Instant::ZERO + Duration::from_secs(3));
    scene.assert_clean();
}

#[test]
fn the_oldest_is_taken_first() {
    let mut scene = scene(&Setting {
        sockets: 3,
        ..Setting::PLAIN
    });
    scene.server.never_closes = true;
    let mut ports = Vec::new();
    for _ in 0..6 {
        let handle = once(&mut scene);
        assert_done(&mut scene, handle);
        // Where the sockets are, in the order of the set.
        ports.push(scene.local_ports());
        scene.run_for(Duration::from_millis(100));
    }
    for (nth, pair) in ports.windows(2).enumerate() {
        let changed = pair[0].iter().zip(&pair[1]).position(|(a, b)| a != b);
        assert_eq!(changed, Some((nth + 1) % 3), "{ports:?}");
    }
    scene.assert_clean();
}

#[test]
fn unread_data_is_answered_with_a_reset() {
    let mut scene = scene(&Setting::PLAIN);
    let handle = scene.get("/body/200000");
    scene.run_for(Duration::from_millis(20));
    assert!(
        scene
            .multi
            .remove(scene.now, &mut scene.net, handle)
            .is_some()
    );
    scene.run_for(Duration::from_secs(2));
    assert_eq!((scene.net.open(), scene.net.lingering()), (0, 0));
    assert_eq!((scene.server.connections(), scene.server.resets()), (0, 1));
    scene.assert_clean();
}

#[test]
fn a_connect_that_is_given_up_costs_nothing() {
    let mut scene = scene(&Setting::PLAIN);
    scene.wire.cut(true);
    let handles = [(); 4].map(|()| scene.get("/body/1000"));
    scene.run_for(Duration::from_secs(3));
    assert_eq!(scene.net.open(), 4);
    for handle in handles {
        scene.multi.remove(scene.now, &mut scene.net, handle);
    }
    assert_eq!((scene.net.open(), scene.net.lingering()), (0, 0));
    // smoltcp wakes once for each neighbour that it has looked for.
    scene.run_for(Duration::from_secs(1));
    assert_eq!(scene.net.wake_at(), None);
    scene.wire.cut(false);
    let handle = once(&mut scene);
    assert_done(&mut scene, handle);
    scene.assert_clean();
}

#[test]
fn no_port_is_used_twice_soon() {
    let mut scene = scene(&Setting::PLAIN);
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let handle = once(&mut scene);
        assert_done(&mut scene, handle);
        let ports = scene.local_ports();
        assert!(ports.iter().all(|port| *port == 0 || *port >= 49152));
        seen.extend(ports);
    }
    seen.remove(&0);
    assert!(
        seen.len() >= 195,
        "{} ports for 200 connections",
        seen.len()
    );
    scene.assert_clean();
}

#[test]
fn a_reset_that_cannot_be_sent_holds_up_the_next_for_a_moment_only() {
    let mut scene = scene(&Setting {
        sockets: 1,
        ..Setting::PLAIN
    });
    scene.server.never_closes = true;
    let handle = once(&mut scene);
    assert_done(&mut scene, handle);
    // The neighbour is forgotten, and can't be asked for.
    scene.wire.cut(true);
    scene.net.stack().iface.update_ip_addrs(|_| {});
    let turns = scene.turns;
    let handle = once(&mut scene);
    scene.run_for(LAST_WORD * 2);
    assert!(scene.turns - turns < 12, "{} turns", scene.turns - turns);
    assert_eq!((scene.net.open(), scene.net.lingering()), (1, 0));
    scene.wire.cut(false);
    assert_done(&mut scene, handle);
    scene.assert_clean();
}

#[test]
fn a_connection_that_waits_for_its_socket_can_be_given_up() {
    let mut scene = scene(&Setting {
        sockets: 1,
        ..Setting::PLAIN
    });
    scene.server.never_closes = true;
    let handle = once(&mut scene);
    assert_done(&mut scene, handle);
    let waits = once(&mut scene);
    let now = scene.now;
    scene.multi.run(now, &mut scene.net);
    assert_eq!((scene.net.open(), scene.net.lingering()), (1, 0));
    scene.multi.remove(now, &mut scene.net, waits);
    assert_eq!((scene.net.open(), scene.net.lingering()), (0, 1));
    scene.run_for(Duration::from_secs(1));
    assert_eq!(scene.net.lingering(), 0);
    assert_eq!((scene.server.connections(), scene.server.resets()), (0, 1));
    let handle = once(&mut scene);
    assert_done(&mut scene, handle);
}

#[test]
fn other_seeds_give_other_ports() {
    let first = |seed| {
        let mut scene = scene(&Setting {
            seed,
            ..Setting::PLAIN
        });
        let handle = once(&mut scene);
        assert_done(&mut scene, handle);
        scene.local_ports()[0]
    };
    let ports: HashSet<u16> = (1..=50).map(first).collect();
    assert!(ports.len() > 45, "{ports:?}");
}
