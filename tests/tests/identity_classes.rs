//! The classes of CHECKLIST A, B and I that concern whose connection, credential or request it is:
//! one directed test each.

use std::time::Duration;

use muxfer_core::Config;
use muxfer_core::easy::Expect;
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

/// A world whose servers answer at once with the head that they got, but for `/to/<host>/…`, which
/// is a redirect there.
fn echo(config: Config) -> World {
    let mut world = World::new(config);
    for address in ["10.0.0.1:80", "10.0.0.1:81", "10.0.0.2:80"] {
        let peer = http(|request| match request.path().strip_prefix("/to/") {
            Some(there) => vec![Act::text(&format!(
                "HTTP/1.1 303 F\r\nLocation: http://{there}\r\nContent-Length: 0\r\n\r\n"
            ))],
            None => ok(&request.head),
        });
        world.sim.serve(address, peer);
    }
    for name in ["a.test", "a.test.", "b.test"] {
        world.sim.name(name, &["10.0.0.1"]);
    }
    world
}

fn one_at_a_time() -> Config {
    Config {
        max_total_connections: 1,
        overtakes: u8::MAX,
        ..Config::DEFAULT
    }
}

#[test]
fn checklist_1_a_connection_is_handed_on_within_its_origin_only() {
    let mut world = echo(one_at_a_time());
    let settings = |number| Recorder {
        settings: number,
        ..Recorder::get("http://a.test/")
    };
    let of_each = [
        Recorder::get("http://a.test/"),
        Recorder::get("http://a.test./"),
        Recorder::get("http://b.test/"),
        Recorder::get("http://10.0.0.1/"),
        Recorder::get("http://10.0.0.1:81/"),
        settings(1),
        settings(u32::MAX),
    ];
    // All wait for the one connection. Only the second of an origin may be handed that of the first.
    let twice = || of_each.iter().cloned();
    let handles: Vec<_> = twice().chain(twice()).map(|easy| world.add(easy)).collect();
    for handle in handles {
        world.done(handle);
    }
    assert_eq!(world.opens(), of_each.len());
}

#[test]
fn checklist_3_nothing_of_the_former_transfer_shows_in_its_place() {
    let mut world = World::sized(Config::DEFAULT, 1, 2);
    world.sim.serve(
        "10.0.0.1:80",
        http(|request| match (request.path(), request.field("expect")) {
            ("/start", Some(_)) => vec![Act::text("HTTP/1.1 417 N\r\nContent-Length: 0\r\n\r\n")],
            ("/start", None) => vec![Act::text(
                "HTTP/1.1 303 F\r\nLocation: http://10.0.0.2/\r\nContent-Length: 0\r\n\r\n",
            )],
            _ => ok(&request.head),
        }),
    );
    world.sim.serve("10.0.0.2:80", http(|_| ok("x")));
    let upload = |path: &str| {
        let mut easy = Recorder::new("POST", &format!("http://10.0.0.1{path}"))
            .field("Cookie", "a=b")
            .bytes(b"body")
            .options(|options| options.expect = Expect::Always);
        easy.basic = Some(("user".into(), "password".into()));
        easy.follow(1)
    };
    // It ends away from home, as a GET, and without Expect.
    let handle = world.add(upload("/start"));
    assert_eq!(world.done(handle).text(), "x");
    // The next one in its place is whole, and the one after it has nothing of either.
    let handle = world.add(upload("/echo"));
    assert_eq!(
        world.done(handle).text(),
        "POST /echo HTTP/1.1\r\nHost: 10.0.0.1\r\n\
         Authorization: Basic dXNlcjpwYXNzd29yZA==\r\nCookie: a=b\r\n\
         Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    );
    let handle = world.get("/echo");
    let plain = "GET /echo HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n";
    assert_eq!(world.done(handle).text(), plain);
}

#[test]
fn checklist_4_a_transfer_that_waited_for_a_connection_sends_its_own_request() {
    let mut world = echo(one_at_a_time());
    let ask = |number: usize| {
        let easy = Recorder::get(&format!("http://a.test/{number}"));
        let mut easy = easy.field("Cookie", &format!("number={number}"));
        easy.basic = (number.is_multiple_of(2)).then(|| (format!("user{number}"), String::new()));
        easy
    };
    let handles: Vec<_> = (0..6)
        .map(|number| (number, world.add(ask(number))))
        .collect();
    for (number, handle) in handles {
        let easy = world.done(handle);
        let head = easy.text();
        assert!(head.starts_with(&format!("GET /{number} ")), "{head}");
        assert!(
            head.contains(&format!("Cookie: number={number}\r\n")),
            "{head}"
        );
        assert_eq!(head.contains("Authorization"), number % 2 == 0, "{head}");
    }
    assert_eq!(world.opens(), 1);
}

#[test]
fn checklist_5_neither_bearer_nor_user_information_goes_to_another_port() {
    for away in [
        "10.0.0.1:81/x",
        "evil:evil@10.0.0.1:81/x",
        "10.0.0.2/to/10.0.0.1/x",
    ] {
        let mut world = echo(Config::DEFAULT);
        let url = format!("http://user:secret@10.0.0.1/to/{away}");
        let handle = world.add(
            Recorder::get(&url)
                .field("authorization", "Bearer secret")
                .follow(9),
        );
        let easy = world.done(handle);
        assert!(easy.text().contains("GET /x "), "{}", easy.text());
        assert!(
            !easy.text().to_lowercase().contains("authorization"),
            "{}",
            easy.text()
        );
        let last = easy.redirects.last().expect("a redirect");
        assert!(!last.contains('@'), "{last}");
    }
}

#[test]
fn checklist_10_no_referer_is_made_up() {
    let mut world = echo(Config::DEFAULT);
    let url = "http://user:secret@10.0.0.1/to/10.0.0.2/x#fragment";
    let handle = world.add(Recorder::get(url).follow(1));
    let plain = "GET /x HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n";
    assert_eq!(world.done(handle).text(), plain);
}

#[test]
fn checklist_16_bytes_behind_an_answer_are_nobodys_answer() {
    let mut world = World::new(one_at_a_time());
    let peer = http(|request| match request.path() {
        "/first" => vec![Act::text(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx\
             HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        )],
        _ => ok("good"),
    });
    world.sim.serve("10.0.0.1:80", peer);
    world.sim.faults.split = 7;
    let handles = [world.get("/first"), world.get("/second")];
    let [first, second] = handles.map(|handle| world.done(handle));
    assert_eq!((first.text(), second.text()), ("x", "good"));
    let third = world.get("/third");
    assert_eq!(world.done(third).text(), "good");
}
