//! Telemetry uploads: known length and chunked, redirects, busy servers, sources that fail.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use muxfer_core::easy::{Auth, Given};
use muxfer_core::net::IoError;
use muxfer_core::{Config, Error, Multi};
use muxfer_embedded::retry::Backoff;
use muxfer_embedded::telemetry::{Delivered, Fault, Method, Report, Source, Upload, UploadOptions};
use muxfer_embedded::{Either, Step};
use muxfer_linux::{Capacity, Memory};
use muxfer_tests::device::{self, Ran, run};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, Listen, Request, Sim, http};

const URL: &str = "http://10.0.0.1/collect";
const BODY: &[u8] = b"temperature=21;voltage=3.29;";

/// A network with a collector on two hosts, and what it was sent.
struct Collector {
    sim: Sim,
    got: Rc<RefCell<Vec<Request>>>,
    options: UploadOptions,
}

impl Collector {
    /// A collector that answers the nth request with the nth of these, and later ones with 204.
    fn new(answers: &[&str]) -> Self {
        let mut sim = Sim::new(3);
        sim.faults.window = 7;
        sim.faults.ragged = true;
        let got = Rc::new(RefCell::new(Vec::<Request>::new()));
        let answers: Rc<Vec<String>> = Rc::new(answers.iter().map(ToString::to_string).collect());
        for host in ["10.0.0.1:80", "10.0.0.2:80"] {
            let (got, answers) = (Rc::clone(&got), Rc::clone(&answers));
            sim.serve(
                host,
                http(move |request| {
                    let nth = got.borrow().len();
                    got.borrow_mut().push(request.clone());
                    let answer = answers
                        .get(nth)
                        .map_or("204 No Content\r\n\r\n", |text| text);
                    match answer {
                        "" => vec![Act::Close],
                        answer => vec![Act::text(&format!("HTTP/1.1 {answer}"))],
                    }
                }),
            );
        }
        let backoff = Backoff {
            attempts: 3,
            ..Backoff::DEFAULT
        };
        let options = UploadOptions {
            backoff,
            ..UploadOptions::DEFAULT
        };
        Self { sim, got, options }
    }

    fn send<S: Source>(&mut self, report: Report<'_>, source: S) -> Ran<Delivered, Fault> {
        let mut upload: Upload<'_, S> = Upload::new(report, source, self.options);
        run(&mut self.sim, &mut upload)
    }

    /// Method, host and body of each request.
    fn got(&self) -> Vec<(String, String, Vec<u8>)> {
        let got = self.got.borrow();
        let parts = |request: &Request| {
            let host = request.field("host").unwrap_or("").to_owned();
            (request.method().to_owned(), host, request.body.clone())
        };
        got.iter().map(parts).collect()
    }
}

fn report(method: Method) -> Report<'static> {
    Report {
        length: Some(BODY.len() as u64),
        ..Report::new(method, URL, "text/plain")
    }
}

fn put() -> Report<'static> {
    report(Method::Put)
}

fn delivered(status: u16) -> Result<Delivered, Fault> {
    Ok(Delivered {
        status,
        is_cut: false,
    })
}

fn entry(method: &str, host: &str) -> (String, String, Vec<u8>) {
    (method.to_owned(), host.to_owned(), BODY.to_vec())
}

#[test]
fn a_body_goes_out_with_its_length_or_chunked() {
    for length in [Some(BODY.len() as u64), None] {
        for (method, name) in [(Method::Put, "PUT"), (Method::Post, "POST")] {
            let mut collector = Collector::new(&[]);
            let report = Report {
                length,
                ..report(method)
            };
            assert_eq!(collector.send(report, BODY).end, delivered(204));
            assert_eq!(collector.got(), [entry(name, "10.0.0.1")]);
            let got = collector.got.borrow();
            assert_eq!(got[0].field("content-type"), Some("text/plain"));
            let chunked = length.is_none().then_some("chunked");
            assert_eq!(got[0].field("transfer-encoding"), chunked);
        }
    }
}

#[test]
fn a_source_is_asked_from_front_to_back_and_may_pause_nothing() {
    let mut collector = Collector::new(&[]);
    let mut next = 0;
    let source = |at: u64, into: &mut [u8]| {
        assert_eq!(at, next);
        let at = usize::try_from(at).expect("small");
        let n = into.len().min(3).min(BODY.len() - at);
        into[..n].copy_from_slice(&BODY[at..at + n]);
        next += n as u64;
        if n == 0 { Given::End } else { Given::Bytes(n) }
    };
    let chunked = Report {
        length: None,
        ..put()
    };
    assert_eq!(collector.send(chunked, source).end, delivered(204));
    assert_eq!(collector.got(), [entry("PUT", "10.0.0.1")]);
}

#[test]
fn a_redirect_takes_the_body_along_and_leaves_credentials_behind() {
    for code in [301, 302, 307, 308] {
        for method in [Method::Put, Method::Post] {
            let answer = format!(
                "{code} Elsewhere\r\nLocation: http://10.0.0.2/there\r\nContent-Length: 0\r\n\r\n"
            );
            let mut collector = Collector::new(&[&answer]);
            let report = Report {
                auth: Auth::Bearer("secret"),
                ..report(method)
            };
            assert_eq!(collector.send(report, BODY).end, delivered(204), "{code}");
            let name = collector.got()[0].0.clone();
            let both = [entry(&name, "10.0.0.1"), entry(&name, "10.0.0.2")];
            assert_eq!(collector.got(), both, "{code}");
            let got = collector.got.borrow();
            assert_eq!(got[0].field("authorization"), Some("Bearer secret"));
            assert_eq!(got[1].field("authorization"), None);
        }
    }
}

#[test]
fn what_was_taken_and_is_to_be_seen_elsewhere_is_no_delivery() {
    let see = "303 See Other\r\nLocation: http://10.0.0.2/x\r\nContent-Length: 0\r\n\r\n";
    let mut collector = Collector::new(&[see]);
    assert_eq!(collector.send(put(), BODY).end, Err(Fault::Status(303)));
    assert_eq!(collector.got().len(), 1);
}

#[test]
fn a_busy_server_gets_it_later() {
    let busy = "503 Busy\r\nRetry-After: 20\r\nContent-Length: 4\r\n\r\nlate";
    let mut collector = Collector::new(&[busy]);
    let ran = collector.send(put(), BODY);
    assert_eq!(ran.end, delivered(204));
    assert_eq!(ran.attempts, [Err(Error::HttpStatus(503)), Ok(())]);
    assert!(ran.pauses[0] >= Duration::from_secs(20), "{:?}", ran.pauses);
    assert_eq!(
        collector.got(),
        [entry("PUT", "10.0.0.1"), entry("PUT", "10.0.0.1")]
    );
}

#[test]
fn attempts_are_bounded_and_404_is_final() {
    let mut collector = Collector::new(&["", "", "", ""]);
    let ran = collector.send(put(), BODY);
    assert_eq!(ran.end, Err(Fault::Transfer(Error::EmptyReply)));
    assert_eq!(collector.got().len(), 3);
    let mut collector = Collector::new(&["404 No\r\nContent-Length: 0\r\n\r\n"]);
    let ran = collector.send(put(), BODY);
    assert_eq!(ran.end, Err(Fault::Transfer(Error::HttpStatus(404))));
    assert_eq!(ran.attempts.len(), 1);
}

#[test]
fn a_post_is_not_repeated_unless_asked_for() {
    let busy = "503 Busy\r\nContent-Length: 0\r\n\r\n";
    for answer in [busy, ""] {
        let mut collector = Collector::new(&[answer]);
        let ran = collector.send(report(Method::Post), BODY);
        assert!(ran.end.is_err());
        assert_eq!(collector.got().len(), 1);
        let mut collector = Collector::new(&[answer]);
        collector.options.repeat_post = true;
        let ran = collector.send(report(Method::Post), BODY);
        assert_eq!(ran.end, delivered(204));
        assert_eq!(collector.got().len(), 2);
    }
    // It can't have arrived where nobody was reached.
    let mut collector = Collector::new(&[]);
    let refuse = Listen::Refuse(Duration::from_millis(1));
    collector.sim.listen("10.0.0.1:80", refuse);
    let ran = collector.send(report(Method::Post), BODY);
    let refused = Error::Connect(IoError::Refused);
    assert_eq!(ran.end, Err(Fault::Transfer(refused)));
    assert_eq!(ran.attempts, [Err(refused); 3]);
}

#[test]
fn a_source_that_fails_or_is_short_is_final() {
    for end in [Given::Abort, Given::End] {
        let mut collector = Collector::new(&[]);
        let source = move |at: u64, into: &mut [u8]| match at {
            0 => {
                into[0] = b'x';
                Given::Bytes(1)
            }
            _ => end,
        };
        let ran = collector.send(put(), source);
        assert_eq!(ran.end, Err(Fault::Transfer(Error::Read)), "{end:?}");
        assert_eq!(ran.attempts.len(), 1);
        assert!(collector.got().is_empty());
    }
    // One that can't be read twice says so when it is asked for its first byte again.
    let mut given = false;
    let once = move |_, into: &mut [u8]| {
        if std::mem::replace(&mut given, true) {
            return Given::Abort;
        }
        let n = into.len().min(BODY.len());
        into[..n].copy_from_slice(&BODY[..n]);
        Given::Bytes(n)
    };
    let mut collector = Collector::new(&[""]);
    collector.sim.faults.window = 0;
    let ran = collector.send(put(), once);
    assert_eq!(ran.end, Err(Fault::Transfer(Error::Read)));
    assert_eq!(ran.attempts, [Err(Error::EmptyReply), Err(Error::Read)]);
}

#[test]
fn the_front_of_the_answer_is_kept() {
    let answer = "200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
    for (first, answers) in [
        (0, vec![answer]),
        (1, vec!["503 X\r\nContent-Length: 1\r\n\r\n?", answer]),
    ] {
        let mut collector = Collector::new(&answers);
        let mut upload: Upload<'_, _, 4> = Upload::new(put(), BODY, collector.options);
        let ran = run(&mut collector.sim, &mut upload);
        let cut = Delivered {
            status: 200,
            is_cut: true,
        };
        assert_eq!((ran.end, ran.pauses.len()), (Ok(cut), first));
        assert_eq!(upload.answer(), b"0123");
        let mut collector = Collector::new(&answers);
        let mut upload: Upload<'_, _, 10> = Upload::new(put(), BODY, collector.options);
        let ran = run(&mut collector.sim, &mut upload);
        assert_eq!(ran.end, delivered(200));
        assert_eq!(upload.answer(), b"0123456789");
    }
}

#[test]
fn one_engine_holds_an_upload_and_another_kind_of_transfer() {
    let mut collector = Collector::new(&["200 OK\r\nContent-Length: 2\r\n\r\nhi"; 2]);
    let sim = &mut collector.sim;
    let mut upload: Upload<'_, _, 4> = Upload::new(put(), BODY, UploadOptions::DEFAULT);
    assert_eq!(upload.step(sim.now), Step::Start);
    let mut memory = Memory::new(Capacity::new(2, 2));
    let mut multi = Multi::new(memory.storage(), Config::DEFAULT).expect("a sound configuration");
    let uploads = multi.add(sim.now, sim, Either::Left(&mut upload));
    let gets = multi.add(sim.now, sim, Either::Right(Recorder::get(URL)));
    let (uploads, gets) = (uploads.expect("a place"), gets.expect("a place"));
    while multi.counts().done < 2 {
        assert!(device::step(&mut multi, sim, None), "nothing happens");
    }
    match multi.remove(sim.now, sim, gets) {
        Some(Either::Right(get)) => assert_eq!(get.text(), "hi"),
        Some(Either::Left(_)) | None => panic!("not the get"),
    }
    let result = multi.result(uploads).expect("an end");
    match multi.remove(sim.now, sim, uploads) {
        Some(Either::Left(upload)) => upload.ended(sim.now, result),
        Some(Either::Right(_)) | None => panic!("not the upload"),
    }
    multi.close_all(sim.now, sim);
    let whole = Delivered {
        status: 200,
        is_cut: false,
    };
    assert_eq!(upload.step(collector.sim.now), Step::Complete(whole));
    assert_eq!(upload.answer(), b"hi");
}
