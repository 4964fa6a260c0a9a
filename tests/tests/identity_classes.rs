//! The classes of CHECKLIST A, B and I that concern whose connection, credential or request it is:
//! one directed test each.

use std::time::Duration;

use muxfer_core::Config;
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, http, ok};
use muxfer_tests::world::World;

#[test]
fn checklist_17_a_head_that_is_half_sent_is_not_continued_as_that_of_the_redirect() {
    let mut world = World::new(Config::DEFAULT);
    world.sim.send_window = 30;
    let mut said = false;
    // The peer answers before it has read the request, and takes its time with the rest of the head.
    let early = "HTTP/1.1 302 F\r\nLocation: http://10.0.0.2/\r\n";
    world.sim.serve(
        "10.0.0.1:80",
        Box::new(move |_| {
            if std::mem::replace(&mut said, true) {
                Vec::new()
            } else {
                let end = Act::text("Content-Length: 0\r\n\r\n");
                vec![Act::text(early), Act::wait(100), end]
            }
        }),
    );
    world.sim.serve("10.0.0.2:80", http(|_| ok("x")));
    let easy = Recorder::get("http://10.0.0.1/a/long/path/to/the/first").field("Cookie", "a=b");
    let handle = world.add(easy.follow(1));
    world.run_for(Duration::from_millis(50));
    let conn = world.sim.open_connections().next().expect("a connection");
    let mut sent = world.sim.take(conn);
    world.run_for(Duration::from_millis(10));
    sent.extend(world.sim.take(conn));
    let sent = String::from_utf8(sent).expect("ASCII");
    let right = "GET /a/long/path/to/the/first HTTP/1.1\r\nHost: 10.0.0.1\r\nCookie: a=b\r\n\r\n";
    assert!(right.starts_with(&sent), "{sent:?}");
    world.sim.send_window = 1000;
    assert_eq!(world.done(handle).text(), "x");
    assert_eq!(world.opens(), 2);
}
