//! `ota`: an update, over resets of the device and of the network.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::{Scenario, words};
use crate::embedded::Machine;
use crate::embedded::http::{Act, File, Request, Server};
use crate::embedded::lab::{Boot, digest};
use crate::files::{Content, Folder};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "ota over two boots: killed in the middle, mps2-an386",
        run: || two_boots(Machine::Mps2An386),
    },
    Scenario {
        name: "ota over two boots: killed in the middle, lm3s6965evb",
        run: || two_boots(Machine::Lm3s6965evb),
    },
    Scenario {
        name: "ota: reset, then goes on",
        run: || goes_on(|| vec![Act::Wait(Duration::from_millis(300)), Act::Reset]),
    },
    Scenario {
        name: "ota: stalls, then goes on",
        run: || goes_on(|| vec![Act::Stay]),
    },
    Scenario {
        name: "ota: truncated, then goes on",
        run: || goes_on(|| vec![Act::Close]),
    },
    Scenario {
        name: "ota: 503 with Retry-After, then fine",
        run: unavailable,
    },
    Scenario {
        name: "ota: 200 to a range starts over, or fails as told",
        run: whole_to_a_range,
    },
    Scenario {
        name: "ota: another image with another tag starts over",
        run: changed,
    },
    Scenario {
        name: "ota: redirected to another host",
        run: redirected,
    },
    Scenario {
        name: "ota: the wrong image is never complete",
        run: wrong,
    },
    Scenario {
        name: "ota over a line that loses and doubles frames",
        run: over_a_bad_line,
    },
];

/// Of the firmware's layout: records first, then the image.
const RECORDS: usize = 8192;
const FLASH: usize = RECORDS + 1024 * 1024;

/// A device with its flash in a file.
struct Device {
    folder: Folder,
    machine: Machine,
}

impl Device {
    fn new(machine: Machine) -> Result<Self, String> {
        let folder = Folder::new("flash").map_err(words)?;
        let device = Self { folder, machine };
        fs::write(device.flash(), vec![0xFF; FLASH]).map_err(words)?;
        Ok(device)
    }

    fn flash(&self) -> PathBuf {
        self.folder.path().join("flash.bin")
    }

    /// A boot that wants this image.
    fn boot(&self, url: &str, image: &[u8]) -> Boot {
        let boot = Boot::of(self.machine, "ota").with("flash", self.flash().display());
        let boot = boot.with("url", url).with("sha256", digest(image));
        boot.with("idle", 2000)
    }

    /// What is where the image belongs.
    fn image(&self, length: usize) -> Result<Vec<u8>, String> {
        let flash = fs::read(self.flash()).map_err(words)?;
        Ok(flash[RECORDS..RECORDS + length].to_vec())
    }

    /// Boots, and holds the end and the flash against this image.
    fn complete(&self, url: &str, image: &[u8]) -> Result<(), String> {
        let sum = digest(image);
        let line = format!("info: ota: complete bytes={} sha256={sum}", image.len());
        self.boot(url, image).expect(0, &line)?;
        if self.image(image.len())? == image {
            Ok(())
        } else {
            Err("it is called complete, but the flash holds something else".to_owned())
        }
    }
}

fn image(seed: u64) -> File {
    File {
        bytes: Content::new(seed, 200_000).into_bytes(),
        etag: format!("\"{seed}\""),
    }
}

/// Head and the first part of the body.
fn part(file: &File, request: &Request, bytes: usize) -> Act {
    let mut answer = file.answer(request);
    let head = answer.len() - file.bytes.len() + request.from().unwrap_or(0);
    answer.truncate(head + bytes);
    Act::Send(answer)
}

/// The first bytes that the requests ask for: 0 without a range.
fn starts(server: &Server) -> Vec<usize> {
    let requests = server.requests();
    requests
        .iter()
        .map(|request| request.from().unwrap_or(0))
        .collect()
}

fn two_boots(machine: Machine) -> Result<String, String> {
    const WRITTEN: usize = 100_000;
    let file = image(1);
    let served = file.clone();
    let server = Server::start(Box::new(move |request| match request.nth {
        1 => vec![part(&served, request, 120_000), Act::Stay],
        _ => vec![Act::Send(served.answer(request))],
    }));
    let server = server.map_err(words)?;
    let device = Device::new(machine)?;
    let url = server.guest_url("/image");
    // A long limit: the first boot must not give up by itself.
    let first = device.boot(&url, &file.bytes).with("idle", 60_000);
    let written = || {
        device
            .image(WRITTEN)
            .is_ok_and(|flash| flash == file.bytes[..WRITTEN])
    };
    let outcome = first.start()?.wait_or(written).map_err(words)?;
    if outcome.status.is_some() {
        return Err(format!("it was not killed: {outcome:?}"));
    }
    device.complete(&url, &file.bytes)?;
    match starts(&server)[..] {
        [0, from] if from > 0 && from <= 120_000 => Ok(format!("went on from {from}")),
        _ => Err(format!("asked from {:?}", starts(&server))),
    }
}

/// The first answer breaks off in the middle, the second is good.
fn goes_on(breaks: fn() -> Vec<Act>) -> Result<String, String> {
    let file = image(2);
    let served = file.clone();
    let server = Server::start(Box::new(move |request| match request.nth {
        1 => [vec![part(&served, request, 120_000)], breaks()].concat(),
        _ => vec![Act::Send(served.answer(request))],
    }));
    let server = server.map_err(words)?;
    let device = Device::new(Machine::Mps2An386)?;
    device.complete(&server.guest_url("/image"), &file.bytes)?;
    match starts(&server)[..] {
        [0, from] if from > 0 => Ok(format!("went on from {from}")),
        _ => Err(format!("asked from {:?}", starts(&server))),
    }
}

fn unavailable() -> Result<String, String> {
    const AFTER: Duration = Duration::from_secs(2);
    let file = image(3);
    let served = file.clone();
    let server = Server::start(Box::new(move |request| match request.nth {
        1 => {
            let head = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n";
            vec![Act::text(&format!("{head}Content-Length: 4\r\n\r\nbusy"))]
        }
        _ => vec![Act::Send(served.answer(request))],
    }));
    let server = server.map_err(words)?;
    let device = Device::new(Machine::Mps2An386)?;
    device.complete(&server.guest_url("/image"), &file.bytes)?;
    match &server.requests()[..] {
        [first, second] if second.at - first.at >= AFTER => {
            let waited = second.at - first.at;
            Ok(format!("asked again after {:.1} s", waited.as_secs_f64()))
        }
        requests => Err(format!("asked {} times, or too soon", requests.len())),
    }
}

fn whole_to_a_range() -> Result<String, String> {
    for whole in ["restart", "fail"] {
        let file = image(4);
        let served = file.clone();
        let server = Server::start(Box::new(move |request| match request.nth {
            1 => vec![part(&served, request, 120_000), Act::Close],
            _ => vec![Act::Send(served.whole())],
        }));
        let server = server.map_err(words)?;
        let device = Device::new(Machine::Mps2An386)?;
        let url = server.guest_url("/image");
        if whole == "restart" {
            device.complete(&url, &file.bytes)?;
        } else {
            let boot = device.boot(&url, &file.bytes).with("whole", whole);
            boot.expect(114, "info: ota: failed, whole")?;
        }
        if !matches!(starts(&server)[..], [0, from] if from > 0) {
            return Err(format!("{whole}: asked from {:?}", starts(&server)));
        }
    }
    Ok(String::new())
}

fn changed() -> Result<String, String> {
    let (old, new) = (image(5), image(6));
    let served = new.clone();
    let server = Server::start(Box::new(move |request| match request.nth {
        1 => vec![part(&old, request, 120_000), Act::Close],
        _ => vec![Act::Send(served.answer(request))],
    }));
    let server = server.map_err(words)?;
    let device = Device::new(Machine::Mps2An386)?;
    device.complete(&server.guest_url("/image"), &new.bytes)?;
    match &server.requests()[..] {
        [_, second] if second.field("if-range") == Some("\"5\"") => Ok(String::new()),
        requests => Err(format!("{requests:?}")),
    }
}

fn redirected() -> Result<String, String> {
    let file = image(7);
    let served = file.clone();
    let other = Server::start(Box::new(move |request| match request.nth {
        1 => vec![part(&served, request, 120_000), Act::Close],
        _ => vec![Act::Send(served.answer(request))],
    }));
    let other = other.map_err(words)?;
    let port = other.port();
    let server = Server::start(Box::new(move |_| {
        let head = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://other.test:{port}/image\r\n"
        );
        vec![Act::text(&format!("{head}Content-Length: 3\r\n\r\nno\n"))]
    }));
    let server = server.map_err(words)?;
    let device = Device::new(Machine::Mps2An386)?;
    device.complete(&server.guest_url("/image"), &file.bytes)?;
    match (starts(&server).len(), &starts(&other)[..]) {
        (2, [0, from]) if *from > 0 => Ok(format!("went on from {from}")),
        (asked, starts) => Err(format!(
            "asked {asked} times, and the other from {starts:?}"
        )),
    }
}

fn wrong() -> Result<String, String> {
    let (wanted, found) = (image(8), image(9));
    let server = Server::start(Box::new(move |request| {
        vec![Act::Send(found.answer(request))]
    }));
    let server = server.map_err(words)?;
    let device = Device::new(Machine::Mps2An386)?;
    let boot = device.boot(&server.guest_url("/image"), &wanted.bytes);
    let outcome = boot.expect(117, "info: ota: failed, digest")?;
    let complete = outcome.lines.iter().any(|line| line.contains("complete"));
    if complete {
        Err("it is called complete".to_owned())
    } else {
        Ok(String::new())
    }
}

fn over_a_bad_line() -> Result<String, String> {
    let file = image(10);
    let served = file.clone();
    let server = Server::start(Box::new(move |request| {
        vec![Act::Send(served.answer(request))]
    }));
    let server = server.map_err(words)?;
    let device = Device::new(Machine::Mps2An386)?;
    let sum = digest(&file.bytes);
    let boot = device
        .boot(&server.guest_url("/image"), &file.bytes)
        .with("seed", 11);
    let boot = boot.with("lost", 3).with("doubled", 3);
    let outcome = boot.expect(
        0,
        &format!(
            "info: ota: complete bytes={} sha256={sum}",
            file.bytes.len()
        ),
    )?;
    Ok(format!(
        "{} frames lost",
        outcome.number("info: line:", "lost")?
    ))
}
