//! TLS for devices: a server that breaks the rules of TLS 1.3 gets nowhere, whichever it breaks.

use std::sync::OnceLock;

use muxfer_core::net::{IoError, TlsError};
use muxfer_embedded::tls::anchor_from_trusted_cert;
use muxfer_embedded::tls::{CertificateDer, MAX_RECORD, Settings, TrustAnchor};
use muxfer_tests::device_tls::client::{Client, reason};
use muxfer_tests::device_tls::forger::{
    ALERT, APPLICATION, Forger, HANDSHAKE, certificates, message, record, server_hello,
};
use muxfer_tests::device_tls::pki::{Credentials, Plan, dns};
use muxfer_tests::device_tls::server::{Server, config};
use muxfer_tests::sim::Prng;
use rustls::version::{TLS12, TLS13};

const HOST: &str = "www.example.test";

/// What a forger does.
type Step = fn(&mut Forger);
/// What becomes of a message.
type Change = fn(&mut Vec<u8>);

/// One sound server for all tests.
fn credentials() -> &'static Credentials {
    static ONCE: OnceLock<Credentials> = OnceLock::new();
    ONCE.get_or_init(|| Plan::new(vec![dns(HOST)]).sign())
}

fn settings() -> &'static [Settings<'static>] {
    static ROOTS: OnceLock<[TrustAnchor<'static>; 1]> = OnceLock::new();
    static ONCE: OnceLock<[Settings<'static>; 1]> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let root = CertificateDer::from(credentials().root.as_slice());
        [anchor_from_trusted_cert(&root).expect("a root").to_owned()]
    });
    ONCE.get_or_init(|| [Settings::roots(roots)])
}

/// A client, and a forger that has seen its `ClientHello`.
fn meet() -> (Client<'static>, Forger) {
    let mut client = Client::new(settings(), HOST);
    assert!(
        client.handshake(|_| {}).is_none(),
        "a handshake without a server"
    );
    let hello = std::mem::take(&mut client.wire.to_server);
    let forger = Forger::new(&hello);
    (client, forger)
}

/// What comes of a handshake with these bytes behind the `ClientHello`.
fn after(script: impl FnOnce(&mut Forger)) -> Option<TlsError> {
    let (mut client, mut forger) = meet();
    script(&mut forger);
    client.wire.to_client.extend(&forger.out);
    let result = client.handshake(|_| {});
    // If it waits for more, what it was given was no handshake.
    let refused = reason(Some(
        result.unwrap_or(Err(IoError::Tls(TlsError::Truncated))),
    ));
    client.close();
    refused
}

/// A client and a forger with an open connection between them.
fn opened() -> (Client<'static>, Forger) {
    let (mut client, mut forger) = meet();
    forger.shake(credentials());
    client.wire.to_client.extend(forger.out.drain(..));
    assert_eq!(reason(client.handshake(|_| {})), None);
    // The client's `Finished`, which was sealed with the keys of the handshake.
    client.wire.to_server.clear();
    (client, forger)
}

/// What a client receives of these bytes.
fn receive(client: &mut Client<'_>, forger: &mut Forger) -> Option<Result<Vec<u8>, IoError>> {
    client.wire.to_client.extend(forger.out.drain(..));
    client.receive(usize::MAX, |_| {})
}

#[test]
fn the_forger_can_do_it_right() {
    assert_eq!(after(|forger| forger.shake(credentials())), None);
}

#[test]
fn a_server_without_a_certificate_is_refused() {
    let refused = after(|forger| {
        forger.extensions();
        forger.finished();
    });
    assert_eq!(refused, Some(TlsError::Protocol));
    let refused = after(|forger| {
        forger.extensions();
        forger.message(11, &certificates(&[]));
        forger.finished();
    });
    assert_eq!(refused, Some(TlsError::BadCertificate));
}

#[test]
fn a_server_that_does_not_show_its_key_is_refused() {
    let refused = after(|forger| {
        forger.extensions();
        forger.certificate(credentials());
        forger.finished();
    });
    assert_eq!(refused, Some(TlsError::Protocol));
}

#[test]
fn a_signature_is_for_servers_and_for_this_handshake() {
    for (context, flipped) in [
        ("TLS 1.3, client CertificateVerify", false),
        ("TLS 1.3, server CertificateVerify", true),
    ] {
        let refused = after(|forger| {
            forger.extensions();
            forger.certificate(credentials());
            if flipped {
                let body = forger.verify_body(credentials(), context);
                // A message more than was signed.
                forger.note(&[0]);
                forger.message(15, &body);
                let fresh = forger.verify_body(credentials(), "something else");
                assert_ne!(body, fresh);
            } else {
                let body = forger.verify_body(credentials(), context);
                forger.message(15, &body);
            }
            forger.finished();
        });
        let why = Some(TlsError::BadSignature);
        assert_eq!(refused, why, "{context}");
    }
}

#[test]
fn another_kind_of_signature_than_was_offered_is_refused() {
    let refused = after(|forger| {
        forger.extensions();
        forger.certificate(credentials());
        let mut body = forger.verify_body(credentials(), "TLS 1.3, server CertificateVerify");
        body[..2].copy_from_slice(&[8, 7]);
        forger.message(15, &body);
    });
    assert_eq!(refused, Some(TlsError::WeakSignature));
}

#[test]
fn a_finished_that_is_wrong_or_short_is_refused() {
    for length in [0, 31, 32, 33] {
        let refused = after(|forger| {
            forger.extensions();
            forger.certificate(credentials());
            forger.verify(credentials());
            forger.message(20, &vec![7; length]);
        });
        assert_eq!(refused, Some(TlsError::BadSignature), "{length}");
    }
}

#[test]
fn messages_come_once_and_in_order() {
    let steps: [(&str, Step); 4] = [
        ("extensions", Forger::extensions),
        ("certificate", |forger| forger.certificate(credentials())),
        ("verify", |forger| forger.verify(credentials())),
        ("finished", Forger::finished),
    ];
    for first in 0..steps.len() {
        for second in 0..steps.len() {
            if second == first + 1 {
                continue;
            }
            // All before the first, the first, and then what does not follow it.
            let refused = after(|forger| {
                steps[..=first].iter().for_each(|(_, step)| step(forger));
                if first < 3 {
                    steps[second].1(forger);
                    forger.sealed(APPLICATION, b"too early");
                }
            });
            let names = (steps[first].0, steps[second].0);
            if first == 3 {
                assert_eq!(refused, None);
            } else {
                assert_eq!(refused, Some(TlsError::Protocol), "{names:?}");
            }
        }
    }
}

#[test]
fn data_and_alerts_before_the_end_of_the_handshake_are_no_success() {
    for (content, why) in [
        ((APPLICATION, &b"HTTP/1.1 200 OK"[..]), TlsError::Protocol),
        ((ALERT, &[1, 0][..]), TlsError::Truncated),
        ((ALERT, &[2, 40][..]), TlsError::Alert(40)),
        ((ALERT, &[2][..]), TlsError::Protocol),
        ((HANDSHAKE, &[][..]), TlsError::Protocol),
    ] {
        let refused = after(|forger| {
            forger.extensions();
            forger.sealed(content.0, content.1);
        });
        assert_eq!(refused, Some(why), "{content:?}");
    }
}

#[test]
fn nothing_that_is_not_sealed_counts_behind_the_server_hello() {
    let forged: [(&str, Vec<u8>); 4] = [
        ("a message", record(HANDSHAKE, &message(8, &[0, 0]))),
        ("the end", record(ALERT, &[1, 0])),
        ("data", record(APPLICATION, b"HTTP/1.1 200 OK\r\n\r\n")),
        ("an alert", record(ALERT, &[2, 40])),
    ];
    for (what, bytes) in &forged {
        let refused = after(|forger| forger.out.extend(bytes));
        assert_eq!(refused, Some(TlsError::Protocol), "{what} in the handshake");
        let (mut client, mut forger) = opened();
        forger.out.extend(bytes);
        let result = receive(&mut client, &mut forger);
        let why = IoError::Tls(TlsError::Protocol);
        assert_eq!(result, Some(Err(why)), "{what} afterwards");
        client.close();
    }
}

/// What comes of a `ServerHello` after a change.
fn hello(change: impl FnOnce(&mut Vec<u8>)) -> Option<TlsError> {
    after(|forger| {
        let mut body = server_hello();
        change(&mut body);
        forger.out = record(HANDSHAKE, &message(2, &body));
    })
}

#[test]
fn a_server_hello_of_another_kind_is_refused() {
    let share = 2 + 32 + 1 + 2 + 1 + 2;
    let cases: [(&str, Change, TlsError); 11] = [
        ("no TLS 1.3", |body| body.truncate(38), TlsError::Version),
        (
            "TLS 1.2",
            |body| *body.last_mut().expect("bytes") = 3,
            TlsError::Version,
        ),
        (
            "another legacy version",
            |body| body[1] = 1,
            TlsError::Protocol,
        ),
        ("another suite", |body| body[36] = 2, TlsError::Protocol),
        ("compression", |body| body[37] = 1, TlsError::Protocol),
        ("another group", |body| body[45] = 24, TlsError::Protocol),
        (
            "a point that is none",
            |body| body[60] ^= 1,
            TlsError::Protocol,
        ),
        (
            "a compressed point",
            |body| body[48] = 2,
            TlsError::Protocol,
        ),
        ("bytes behind it", |body| body.push(0), TlsError::Protocol),
        (
            "an extension that was not offered",
            |body| body[81 + 32 + 1] = 44,
            TlsError::Protocol,
        ),
        (
            "to try again",
            |body| {
                let retry = [
                    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e,
                    0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e,
                    0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
                ];
                body[2..34].copy_from_slice(&retry);
            },
            TlsError::Protocol,
        ),
    ];
    assert_eq!(share, 40);
    for (what, change, why) in cases {
        assert_eq!(hello(change), Some(why), "{what}");
    }
}

#[test]
fn extensions_that_were_not_offered_or_come_twice_are_refused() {
    let cases: [(&str, &[u8], TlsError); 6] = [
        ("early data", &[0, 4, 0, 42, 0, 0], TlsError::Protocol),
        (
            "a limit though none was offered",
            &[0, 6, 0, 28, 0, 2, 2, 0],
            TlsError::Protocol,
        ),
        ("twice", &[0, 8, 0, 0, 0, 0, 0, 0, 0, 0], TlsError::Protocol),
        (
            "h2",
            &[0, 9, 0, 16, 0, 5, 0, 3, 2, b'h', b'2'],
            TlsError::Alpn,
        ),
        ("cut off", &[0, 4, 0, 0], TlsError::Protocol),
        ("bytes behind", &[0, 0, 0], TlsError::Protocol),
    ];
    for (what, body, why) in cases {
        let refused = after(|forger| forger.message(8, body));
        assert_eq!(refused, Some(why), "{what}");
    }
}

#[test]
fn keys_change_only_where_a_record_ends() {
    let refused = after(|forger| {
        let mut both = message(2, &server_hello());
        both.extend(message(8, &[0, 0]));
        forger.out = record(HANDSHAKE, &both);
    });
    assert_eq!(refused, Some(TlsError::Protocol));
    let (mut client, mut forger) = opened();
    let mut both = message(24, &[0]);
    both.extend(message(24, &[0]));
    forger.sealed(HANDSHAKE, &both);
    let result = receive(&mut client, &mut forger);
    assert_eq!(result, Some(Err(IoError::Tls(TlsError::Protocol))));
}

#[test]
fn messages_may_be_cut_and_joined() {
    let refused = after(|forger| {
        let mut all = message(8, &[0, 0]);
        forger.note(&message(8, &[0, 0]));
        let shown = message(11, &certificates(&credentials().chain));
        forger.note(&shown);
        all.extend(shown);
        let (first, rest) = all.split_at(9);
        forger.sealed(HANDSHAKE, first);
        for piece in rest.chunks(50) {
            forger.sealed(HANDSHAKE, piece);
        }
        forger.verify(credentials());
        forger.finished();
    });
    assert_eq!(refused, None);
}

#[test]
fn nothing_comes_between_the_pieces_of_a_message() {
    let refused = after(|forger| {
        forger.sealed(HANDSHAKE, &[8, 0]);
        forger.sealed(ALERT, &[1, 90]);
    });
    assert_eq!(refused, Some(TlsError::Protocol));
    let (mut client, mut forger) = opened();
    forger.sealed(HANDSHAKE, &[4, 0]);
    forger.sealed(APPLICATION, b"data");
    let result = receive(&mut client, &mut forger);
    assert_eq!(result, Some(Err(IoError::Tls(TlsError::Protocol))));
}

#[test]
fn records_without_a_type_and_broken_ones_are_refused() {
    let inner: [&[u8]; 3] = [&[], &[0], &[0; 40]];
    for inner in inner {
        let (mut client, mut forger) = opened();
        forger.raw(inner);
        let result = receive(&mut client, &mut forger);
        assert_eq!(
            result,
            Some(Err(IoError::Tls(TlsError::Protocol))),
            "{inner:?}"
        );
    }
    let headers: [&[u8]; 4] = [
        &[23, 3, 3, 0, 0],
        &[23, 3, 3, 0x41, 0x01],
        &[24, 3, 3, 0, 1, 0],
        b"HTTP/1.1 400 Bad Request\r\n",
    ];
    for bytes in headers {
        let (mut client, mut forger) = opened();
        forger.out.extend(bytes);
        let result = receive(&mut client, &mut forger);
        assert_eq!(
            result,
            Some(Err(IoError::Tls(TlsError::Protocol))),
            "{bytes:?}"
        );
    }
    // Padding is none of our business (RFC 8446 §5.4).
    let (mut client, mut forger) = opened();
    forger.raw(b"padded\x17\0\0\0\0");
    assert_eq!(
        receive(&mut client, &mut forger),
        Some(Ok(b"padded".to_vec()))
    );
}

#[test]
fn a_record_is_not_taken_twice_nor_out_of_order() {
    let (mut client, mut forger) = opened();
    forger.sealed(APPLICATION, b"one");
    let first = forger.out.clone();
    assert_eq!(receive(&mut client, &mut forger), Some(Ok(b"one".to_vec())));
    forger.out = first;
    let again = receive(&mut client, &mut forger);
    assert_eq!(again, Some(Err(IoError::Tls(TlsError::Protocol))));
}

#[test]
fn the_end_counts_only_if_it_was_said() {
    let (mut client, mut forger) = opened();
    forger.sealed(APPLICATION, b"all");
    forger.sealed(ALERT, &[1, 0]);
    assert_eq!(receive(&mut client, &mut forger), Some(Ok(b"all".to_vec())));
    assert_eq!(client.receive(9, |_| {}), Some(Ok(Vec::new())));
    assert_eq!(client.receive(9, |_| {}), Some(Ok(Vec::new())));
    client.close();

    let (mut client, mut forger) = opened();
    forger.sealed(APPLICATION, b"a part");
    client.wire.ended = true;
    assert_eq!(
        receive(&mut client, &mut forger),
        Some(Ok(b"a part".to_vec()))
    );
    let cut = Some(Err(IoError::Tls(TlsError::Truncated)));
    assert_eq!(client.receive(9, |_| {}), cut);
    client.close();
}

#[test]
fn a_stream_that_ends_within_the_handshake_is_cut_off_wherever_it_ends() {
    let (_, mut forger) = meet();
    forger.shake(credentials());
    for length in (0..forger.out.len()).step_by(29) {
        let (mut client, mut forger) = meet();
        forger.shake(credentials());
        client.wire.to_client.extend(&forger.out[..length]);
        client.wire.ended = true;
        let refused = reason(client.handshake(|_| {}));
        assert_eq!(refused, Some(TlsError::Truncated), "after {length} bytes");
        client.close();
    }
}

#[test]
fn no_byte_of_the_handshake_may_be_changed() {
    let (_, mut forger) = meet();
    forger.shake(credentials());
    for changed in (0..forger.out.len()).step_by(13) {
        let refused = after(|forger| {
            forger.shake(credentials());
            // The signature, and so all of it, is not always of the same length.
            let changed = changed.min(forger.out.len() - 1);
            forger.out[changed] ^= 0x41;
        });
        assert!(refused.is_some(), "byte {changed}");
    }
}

#[test]
fn keys_are_changed_when_the_server_says_so() {
    let (mut client, mut forger) = opened();
    forger.sealed(HANDSHAKE, &message(24, &[1]));
    forger.update_write();
    forger.sealed(APPLICATION, b"with new keys");
    let received = receive(&mut client, &mut forger);
    assert_eq!(received, Some(Ok(b"with new keys".to_vec())));
    client.send(b"and back", |_| {}).expect("it goes out");
    let mut sent = std::mem::take(&mut client.wire.to_server);
    let update = forger.open(&mut sent);
    assert_eq!(update, Some((HANDSHAKE, message(24, &[0]))));
    forger.update_read();
    assert_eq!(
        forger.open(&mut sent),
        Some((APPLICATION, b"and back".to_vec()))
    );
    client.close();
    let mut last = std::mem::take(&mut client.wire.to_server);
    assert_eq!(forger.open(&mut last), Some((ALERT, vec![1, 0])));
    assert!(last.is_empty());
}

#[test]
fn after_the_handshake_only_tickets_and_new_keys_are_taken() {
    for kind in 0..=255 {
        let (mut client, mut forger) = opened();
        let body = if kind == 24 { vec![0] } else { vec![0; 20] };
        forger.sealed(HANDSHAKE, &message(kind, &body));
        let result = receive(&mut client, &mut forger);
        if kind == 4 || kind == 24 {
            assert_eq!(result, None, "{kind}");
        } else {
            assert_eq!(
                result,
                Some(Err(IoError::Tls(TlsError::Protocol))),
                "{kind}"
            );
        }
    }
}

#[test]
fn a_message_that_can_never_fit_is_refused_at_once() {
    let refused = after(|forger| forger.sealed(HANDSHAKE, &[8, 0xff, 0xff, 0xff, 0]));
    assert_eq!(refused, Some(TlsError::Protocol));
}

/// Random messages, sealed as they should be: none opens the connection, none panics.
#[test]
fn random_messages_lead_nowhere() {
    let mut random = Prng::new(7);
    for round in 0..400_u32 {
        let refused = after(|forger| {
            let steps = random.below(4);
            if steps > 0 {
                forger.extensions();
            }
            if steps > 1 {
                forger.certificate(credentials());
            }
            if steps > 2 {
                forger.verify(credentials());
            }
            let length = usize::try_from(random.below(200)).expect("small");
            let mut body: Vec<u8> = (0..length).map(|_| byte(&mut random)).collect();
            if let Some([a, b, c]) = body
                .get_mut(..3)
                .and_then(|b| <&mut [u8; 3]>::try_from(b).ok())
            {
                // Lengths that are often right.
                (*a, *b) = (0, 0);
                *c = u8::try_from(length.saturating_sub(3)).unwrap_or(0);
            }
            let kinds = [8, 11, 13, 15, 20, byte(&mut random)];
            let kind = kinds[usize::try_from(random.below(6)).expect("small")];
            forger.message(kind, &body);
        });
        assert!(refused.is_some(), "round {round}");
    }
}

fn byte(random: &mut Prng) -> u8 {
    u8::try_from(random.below(256)).expect("a byte")
}

#[test]
fn random_bytes_lead_nowhere() {
    let mut random = Prng::new(8);
    for _ in 0..400 {
        let mut client: Client<'_> = Client::new(settings(), HOST);
        assert!(client.handshake(|_| {}).is_none());
        let mut bytes: Vec<u8> = (0..100).map(|_| byte(&mut random)).collect();
        // Often a record at least.
        bytes[..4].copy_from_slice(&[22, 3, 3, 0]);
        client.wire.to_client.extend(bytes);
        client.wire.ended = true;
        assert!(reason(client.handshake(|_| {})).is_some());
        client.close();
    }
}

/// A handshake and an exchange with rustls, over a stream of this shape.
fn exchange<const RX: usize, const TX: usize>(
    mut server: Server,
    lends: usize,
    takes: usize,
    down: &[u8],
    up: &[u8],
) -> Result<(), IoError> {
    let mut client: Client<'_, RX, TX> = Client::new(settings(), HOST);
    client.wire.lends = lends;
    client.wire.takes = takes;
    server.send(down);
    let mut peer = |wire: &mut muxfer_tests::device_tls::wire::Wire| {
        let sent = std::mem::take(&mut wire.to_server);
        wire.to_client.extend(server.turn(&sent));
    };
    client.handshake(&mut peer).expect("an end")?;
    client.send(up, &mut peer)?;
    let mut received = Vec::new();
    while received.len() < down.len() {
        received.extend(client.receive(1000, &mut peer).expect("more")?);
    }
    assert!(received == down, "what came is not what was sent");
    client.close();
    peer(&mut client.wire);
    assert!(server.received == up, "what was sent did not come");
    // It is said as far as it goes without waiting.
    assert!(server.ended || takes < 64, "the end was not said");
    Ok(())
}

fn sound_server() -> Server {
    Server::new(config(credentials(), &[&TLS13]))
}

#[test]
fn bytes_may_come_and_go_one_by_one() {
    for (lends, takes) in [
        (1, usize::MAX),
        (usize::MAX, 1),
        (1, 1),
        (3, 100),
        (4096, 17),
    ] {
        let done = exchange::<MAX_RECORD, 512>(sound_server(), lends, takes, b"down", b"up");
        assert_eq!(done, Ok(()));
    }
}

#[test]
fn long_bodies_go_both_ways() {
    let mut random = Prng::new(9);
    let body: Vec<u8> = (0..300_000).map(|_| byte(&mut random)).collect();
    let mut server = sound_server();
    server.tls.set_buffer_limit(None);
    let done = exchange::<MAX_RECORD, 2048>(server, 5000, 3000, &body, &body);
    assert_eq!(done, Ok(()));
}

#[test]
fn a_server_with_short_records_needs_little_room() {
    let mut config = config(credentials(), &[&TLS13]);
    config.max_fragment_size = Some(512);
    let mut server = Server::new(config);
    server.tls.set_buffer_limit(None);
    let body = vec![7; 20_000];
    assert_eq!(
        exchange::<2048, 512>(server, 900, 900, &body, &body),
        Ok(())
    );
}

#[test]
fn a_record_longer_than_the_room_ends_the_connection() {
    let mut server = sound_server();
    server.tls.set_buffer_limit(None);
    let done = exchange::<2048, 512>(server, 900, 900, &[7; 20_000], b"up");
    assert_eq!(done, Err(IoError::Tls(TlsError::Protocol)));
}

#[test]
fn an_older_server_is_refused() {
    let done = exchange::<MAX_RECORD, 512>(
        Server::new(config(credentials(), &[&TLS12])),
        900,
        900,
        b"down",
        b"up",
    );
    // rustls says it with an alert, protocol_version.
    assert_eq!(done, Err(IoError::Tls(TlsError::Alert(70))));
}

#[test]
fn a_server_may_change_its_keys() {
    let mut server = sound_server();
    server.tls.set_buffer_limit(None);
    let mut client: Client<'_> = Client::new(settings(), HOST);
    let turn = |wire: &mut muxfer_tests::device_tls::wire::Wire, server: &mut Server| {
        let sent = std::mem::take(&mut wire.to_server);
        wire.to_client.extend(server.turn(&sent));
    };
    let shaken = client.handshake(|wire| turn(wire, &mut server));
    assert_eq!(reason(shaken), None);
    turn(&mut client.wire, &mut server);
    for round in 0..5_u8 {
        server
            .tls
            .refresh_traffic_keys()
            .expect("an open connection");
        server.send(&[round; 100]);
        let got = client.receive(1000, |wire| turn(wire, &mut server));
        assert_eq!(got, Some(Ok(vec![round; 100])));
        client
            .send(&[round; 50], |wire| turn(wire, &mut server))
            .expect("it goes out");
        turn(&mut client.wire, &mut server);
        assert_eq!(server.error, None);
    }
    assert_eq!(server.received.len(), 250);
}

/// A client certificate that the server would like, but can do without.
#[test]
fn a_server_that_asks_who_we_are_gets_an_empty_answer() {
    use rustls::server::WebPkiClientVerifier;
    use std::sync::Arc;
    let mut roots = rustls::RootCertStore::empty();
    let root = rustls::pki_types::CertificateDer::from(credentials().root.clone());
    roots.add(root).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    for optional in [true, false] {
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots.clone()),
            Arc::clone(&provider),
        );
        let verifier = if optional {
            verifier.allow_unauthenticated()
        } else {
            verifier
        };
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(credentials().key.clone().into());
        let chain = credentials().chain.iter().cloned();
        let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .expect("a version")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(chain.map(Into::into).collect(), key)
            .expect("a key");
        let done = exchange::<MAX_RECORD, 512>(Server::new(config), 900, 900, b"down", b"up");
        let wanted = if optional {
            Ok(())
        } else {
            // certificate_required, which comes behind the client's `Finished`.
            Err(IoError::Tls(TlsError::Alert(116)))
        };
        assert_eq!(done, wanted);
    }
}
