//! The chunked coding, both ways.

use muxfer_core::easy::{Body, Given, Request};
use muxfer_core::http::{Exchange, Limits, Outgoing, Sending};
use muxfer_core::wire::{Chunk, Chunks, Url};

use super::head::compare_with_reference;
use super::input::{Input, pieces};
use super::listener::receive;
use super::reference::{self, Rules};

/// A case is 6 bytes, then text. The text is read as a chunked body, by [`Chunks`] and in a
/// response; and it is sent as the body of a request. The bytes before it choose the limit of
/// extensions, where the body is cut, and how large the windows and pieces of sending are.
///
/// What must hold: the body is that of the `reference` decoder, however it is cut and taken; what
/// is sent in chunks decodes to the body that was read, and holds nothing else.
pub fn chunked(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let limit = u32::from(input.byte());
    let sizes: [u8; 2] = input.bytes();
    let windows: [u8; 3] = input.bytes();
    let text = input.rest();
    decodes_as_the_reference(text, limit, &sizes);
    decodes_in_a_response(text, limit, &sizes);
    let sent = send(text, &windows);
    let mut body = Vec::new();
    let decoded = reference::chunks(&sent, 0, &mut body);
    assert_eq!(body, text, "windows {windows:?}");
    assert_eq!(decoded, Ok(Some(sent.len() - 2)), "windows {windows:?}");
    assert!(sent.ends_with(b"\r\n0\r\n\r\n") || sent == b"0\r\n\r\n");
    let ours = decode(&pieces(&sent, &sizes), 0, usize::MAX);
    assert_eq!(ours, (body, Ok(Some(sent.len() - 2))));
}

/// The data that was found, and where the last chunk's line ended: `None` if it did not come, an
/// error if something was wrong before.
type Decoded = (Vec<u8>, Result<Option<usize>, ()>);

fn decodes_as_the_reference(text: &[u8], limit: u32, sizes: &[u8; 2]) {
    let mut body = Vec::new();
    let verdict = reference::chunks(text, limit, &mut body);
    let expected = (body, verdict);
    assert_eq!(decode(&[text], limit, usize::MAX), expected, "whole");
    assert_eq!(decode(&pieces(text, &[0]), limit, 1), expected, "bytes");
    let appetite = usize::from(sizes[1]) + 1;
    let cut = decode(&pieces(text, sizes), limit, appetite);
    assert_eq!(cut, expected, "{sizes:?}");
}

/// Decodes the pieces, and takes at most so many bytes of data at a time.
fn decode(pieces: &[&[u8]], limit: u32, at_most: usize) -> Decoded {
    let mut chunks = Chunks::new();
    let mut body = Vec::new();
    let mut total = 0;
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let Ok((framing, found)) = chunks.decode(rest, limit) else {
                return (body, Err(()));
            };
            rest = &rest[framing..];
            total += framing;
            match found {
                Chunk::Need => {
                    assert!(rest.is_empty(), "bytes were left");
                    break;
                }
                Chunk::Data(n) => {
                    assert!(n > 0 && n <= rest.len(), "data that is not there");
                    let (data, behind) = rest.split_at(n.min(at_most));
                    chunks.taken(data.len());
                    body.extend_from_slice(data);
                    total += data.len();
                    rest = behind;
                }
                Chunk::Last => {
                    assert!(chunks.is_last());
                    return (body, Ok(Some(total)));
                }
            }
        }
    }
    assert!(!chunks.is_last());
    (body, Ok(None))
}

fn decodes_in_a_response(text: &[u8], limit: u32, sizes: &[u8; 2]) {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let response = [HEAD, text].concat();
    let rules = Rules {
        to_head: false,
        limits: Limits {
            head_bytes: 400,
            head_fields: 8,
            informational: 0,
            chunk_extension_bytes: limit,
        },
        line: 100,
    };
    let run = |pieces: &[&[u8]]| receive(pieces, rules.to_head, &rules.limits, rules.line);
    let whole = run(&[&response]);
    compare_with_reference(&whole, &reference::response(&response, &rules));
    assert_eq!(run(&pieces(&response, sizes)), whole, "{sizes:?}");
}

/// Sends a request with this body in chunks. The windows have the first two sizes in turn, the
/// source gives at most the last.
fn send(body: &[u8], sizes: &[u8; 3]) -> Vec<u8> {
    let mut exchange = Exchange::new(false, false);
    send_head(&mut exchange);
    let mut sent = Vec::new();
    let mut at = 0;
    // The smallest windows take six calls for each byte of body; the source pauses as often.
    let most = 14 * (body.len() + 2);
    for window in sizes[..2].iter().cycle().take(most) {
        let mut room = vec![0; usize::from(*window) + 1];
        let mut asked = false;
        let result = exchange.send_stream(None, &mut room, |into| {
            assert!(!asked && !into.is_empty());
            asked = true;
            let n = into.len().min(usize::from(sizes[2])).min(body.len() - at);
            into[..n].copy_from_slice(&body[at..at + n]);
            at += n;
            // A source that has nothing for now has something the next time.
            match n {
                0 if at == body.len() => Given::End,
                0 => {
                    into[0] = body[at];
                    at += 1;
                    Given::Bytes(1)
                }
                n => Given::Bytes(n),
            }
        });
        let step = result.expect("the source does not fail");
        sent.extend_from_slice(&room[..step.written]);
        assert_eq!(exchange.body_sent(), at as u64);
        match step.sending {
            Sending::More => {}
            Sending::Complete => return sent,
            Sending::Paused | Sending::AwaitContinue => panic!("{:?}", step.sending),
        }
    }
    panic!("not sent after {most} windows of {sizes:?}");
}

fn send_head(exchange: &mut Exchange) {
    let request = Request {
        body: Body::Stream { length: None },
        ..Request::new("PUT", "http://a/")
    };
    let url = Url::parse(request.url).expect("a good URL");
    let head = exchange.send_head(&Outgoing::new(request, url), &mut [0; 200]);
    assert_eq!(head.map(|sent| sent.sending), Ok(Sending::More));
}
