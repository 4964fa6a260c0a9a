//! Hostile peers.

use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, http, ok};
use muxfer_tests::world::World;

/// Each connection serves one request, does not say so, and is closed. Each hop of a chain of
/// redirects may find such a connection, and each request is sent again just once.
#[test]
fn checklist_35_the_retries_of_one_hop_are_not_those_of_the_next() {
    let mut world = World::serving(http(|request| {
        if request.nth > 1 {
            return vec![Act::Close];
        }
        let hop: u32 = request.path()[1..].parse().expect("a number");
        if hop == 0 {
            return ok("the end");
        }
        let next = hop - 1;
        vec![
            Act::text(&format!(
                "HTTP/1.1 302 Found\r\nLocation: /{next}\r\nContent-Length: 0\r\n\r\n"
            )),
            Act::Close,
        ]
    }));
    let handle = world.add(Recorder::get("http://10.0.0.1/9").follow(20));
    let (result, easy) = world.finish(handle);
    assert_eq!((result, easy.text()), (Ok(()), "the end"));
    assert_eq!(world.opens(), 10);
    world.assert_clean();
}
