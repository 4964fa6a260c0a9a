//! Peers that behave: what the others do must not disturb them.

use super::{Act, Entry, Outcome};
use crate::hostile::visitor::Upload;

const SIZES: [usize; 6] = [0, 1, 100, 4096, 20_000, 100_000];

fn size(variant: usize) -> usize {
    SIZES[variant % SIZES.len()]
}

fn whole(variant: usize) -> Outcome {
    Outcome::Success(200, size(variant) as u64)
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "sized",
        "R61",
        |ask| vec![Act::Send(ask.sized(size(ask.variant)))],
        whole,
    )
    .variants(SIZES.len())
    .keeps()
    .weight(200),
    Entry::new("chunked", "R61", chunked, whole)
        .variants(SIZES.len())
        .keeps()
        .weight(60),
    Entry::new(
        "until-close",
        "R89",
        |ask| {
            vec![
                ask.headed("HTTP/1.1 200 OK\r\n\r\n", size(ask.variant)),
                Act::Close,
            ]
        },
        whole,
    )
    .variants(SIZES.len())
    .weight(30),
    Entry::new(
        "head",
        "CHECKLIST 15",
        |_| vec![Act::text("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")],
        |_| Outcome::Success(200, 0),
    )
    .wish(|mut visitor| {
        visitor.method = "HEAD";
        visitor
    })
    .keeps(),
    // It answers at last, with many others waiting beside it.
    Entry::new(
        "late",
        "R61",
        |ask| vec![Act::wait(ask.patience), Act::Send(ask.sized(5000))],
        |_| Outcome::Success(200, 5000),
    )
    .keeps()
    .weight(150),
    Entry::new("sliced", "R61", sliced, |_| Outcome::Success(200, 40))
        .keeps()
        .weight(30),
    Entry::new("put-sized", "R98", stored, |_| Outcome::Success(200, 10))
        .wish(|visitor| visitor.put(Upload::Sized(150_000)))
        .keeps()
        .weight(30),
    Entry::new("put-chunked", "R98", stored, |_| Outcome::Success(200, 10))
        .wish(|visitor| visitor.put(Upload::Chunked(150_000)))
        .keeps()
        .weight(30),
    Entry::new(
        "hop",
        "CHECKLIST 22",
        |ask| {
            let (number, patience) = (ask.number, ask.patience);
            vec![Act::text(&format!(
                "HTTP/1.1 302 Found\r\nLocation: /sized/2?n={number}&p={patience}\r\n\
                 Content-Length: 5\r\n\r\nmoved"
            ))]
        },
        |_| Outcome::Success(200, 100),
    )
    .wish(|visitor| visitor.follow(3))
    .keeps()
    .weight(30),
    Entry::new("hop-away", "CHECKLIST 22", away, |_| {
        Outcome::Success(200, 100)
    })
    .wish(|visitor| visitor.follow(3))
    .leaves(2)
    .weight(10),
];

fn chunked(ask: &super::Ask<'_>) -> Vec<Act> {
    let body = ask.body(size(ask.variant));
    let mut sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(1500) {
        sent.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        sent.extend_from_slice(chunk);
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b"0\r\nX-Sum: 1\r\n\r\n");
    vec![Act::Send(sent)]
}

/// Each byte of the response comes for itself, in the end all of them.
fn sliced(ask: &super::Ask<'_>) -> Vec<Act> {
    let response = ask.sized(40);
    let slices = response.chunks(7);
    slices
        .flat_map(|slice| [Act::Send(slice.to_vec()), Act::wait(3)])
        .collect()
}

/// To another host, by name, at the same port.
fn away(ask: &super::Ask<'_>) -> Vec<Act> {
    let host = ask.field("host").unwrap_or("");
    let port = host
        .split_once(':')
        .map_or_else(String::new, |(_, port)| format!(":{port}"));
    let (number, patience) = (ask.number, ask.patience);
    vec![Act::text(&format!(
        "HTTP/1.1 307 Temporary Redirect\r\n\
         Location: http://localhost{port}/sized/2?n={number}&p={patience}\r\n\
         Content-Length: 0\r\n\r\n"
    ))]
}

fn stored(ask: &super::Ask<'_>) -> Vec<Act> {
    vec![Act::Body, Act::Send(ask.sized(10))]
}
