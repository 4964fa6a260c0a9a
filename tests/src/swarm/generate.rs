//! Scripts from choices.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use muxfer_core::Config;
use muxfer_core::easy::Expect;
use muxfer_core::net::IoError;

use super::draw::Draw;
use super::script::{
    Abort, Bad, Fault, Framing, Hop, Host, Job, Location, Op, Script, Secret, Setup, Upload,
    UploadKind,
};
use crate::sim::{Faults, Listen};

/// A script from these choices.
pub fn script(draw: &mut impl Draw) -> Script {
    let setup = setup(draw);
    let count = draw.between(1, setup.transfers + 6);
    let jobs: Vec<Job> = (0..count).map(|_| job(draw, &setup)).collect();
    let ops = ops(draw, count);
    Script { setup, jobs, ops }
}

fn setup(draw: &mut impl Draw) -> Setup {
    let names = names(draw);
    let hosts = hosts(draw, names.len());
    let listens = listens(draw, &names, &hosts);
    let conns = draw.between(1, 8);
    let rough = draw.chance(70);
    Setup {
        seed: draw.below(1 << 32),
        transfers: draw.between(1, 12),
        conns,
        origins: draw.between(1, 6),
        lines: draw.between(1, conns),
        config: config(draw, conns),
        names,
        hosts,
        listens,
        faults: if rough {
            faults(draw)
        } else {
            Faults::default()
        },
        send_window: draw.pick(&[1 << 20, 64 * 1024, 4096, 300, 40]),
        descriptors: if draw.chance(10) {
            draw.between(1, conns)
        } else {
            usize::MAX
        },
        dns_delay: Duration::from_millis(draw.pick(&[0, 1, 30, 400])),
        dns_keep: Duration::from_millis(draw.pick(&[60_000, 100, 0])),
        late_ms: draw.pick(&[0, 0, 1, 50, 1500]),
    }
}

fn names(draw: &mut impl Draw) -> Vec<(&'static str, Vec<IpAddr>)> {
    let literal = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
    let mut names = vec![("10.0.0.1", vec![literal(1)])];
    let pool = ["a.test", "b.test", "a.test.", "c.test", "10.0.0.2"];
    for name in &pool[..draw.between(0, pool.len())] {
        if *name == "10.0.0.2" {
            names.push((name, vec![literal(2)]));
            continue;
        }
        let count = draw.pick(&[1, 1, 1, 1, 2, 2, 3, 3, 0]);
        // Few addresses for many names: the same peer behind several of them.
        let addresses = (0..count).map(|_| match draw.between(1, 9) {
            last @ 8.. => format!("2001:db8::{last}").parse().expect("an address"),
            last => literal(u8::try_from(last).unwrap_or(1)),
        });
        names.push((name, addresses.collect()));
    }
    names
}

fn hosts(draw: &mut impl Draw, names: usize) -> Vec<Host> {
    let mut hosts = vec![Host { name: 0, port: 80 }];
    for name in 0..names {
        for port in [80, 8080] {
            let host = Host { name, port };
            if !hosts.contains(&host) && draw.chance(60) {
                hosts.push(host);
            }
        }
    }
    hosts
}

fn listens(
    draw: &mut impl Draw,
    names: &[(&'static str, Vec<IpAddr>)],
    hosts: &[Host],
) -> Vec<(SocketAddr, Listen)> {
    let mut listens = Vec::new();
    let ms = Duration::from_millis;
    for host in hosts {
        for ip in &names[host.name].1 {
            let what = match draw.between(0, 19) {
                0..=15 => Listen::Accept(ms(draw.pick(&[0, 1, 5, 150, 600]))),
                16 | 17 => Listen::Refuse(ms(draw.pick(&[0, 3, 250]))),
                18 => Listen::Silent,
                _ => Listen::Fail(draw.pick(&[IoError::Unreachable, IoError::AddressUnusable])),
            };
            let address = SocketAddr::new(*ip, host.port);
            if !listens.iter().any(|(at, _)| *at == address) {
                listens.push((address, what));
            }
        }
    }
    listens
}

fn config(draw: &mut impl Draw, conns: usize) -> Config {
    let most = u32::try_from(conns).unwrap_or(1);
    let ms = Duration::from_millis;
    let limit = |draw: &mut dyn FnMut() -> usize| u32::try_from(draw()).unwrap_or(0).min(most);
    Config {
        max_total_connections: limit(&mut || draw.pick(&[0, 0, 1, 2, 4])),
        max_connections_per_host: limit(&mut || draw.pick(&[0, 0, 1, 2])),
        max_idle: limit(&mut || draw.pick(&[0, 0, 1, 2])),
        idle: ms(draw.pick(&[118_000, 1000, 5])),
        lifetime: ms(draw.pick(&[86_400_000, 2000, 50])),
        budget: draw.pick(&[1 << 20, 4096, 100, 7]),
        eyeballs: ms(draw.pick(&[200, 10, 1])),
        overtakes: draw.pick(&[16, 1, 0]),
        drain_bytes: draw.pick(&[64 * 1024, 100, 0]),
        seed: draw.below(1 << 16),
        ..Config::DEFAULT
    }
}

fn faults(draw: &mut impl Draw) -> Faults {
    Faults {
        split: draw.pick(&[0, 0, 1, 3, 50, 1000]),
        window: draw.pick(&[0, 0, 1, 5, 30, 500]),
        ragged: draw.chance(50),
        would_block: draw.pick(&[0, 10, 40]),
        eager: draw.pick(&[0, 20, 100]),
        spurious: draw.pick(&[0, 10, 60]),
        masks: draw.pick(&[0, 10, 50]),
        stale: draw.pick(&[0, 30]),
        double: draw.pick(&[0, 30]),
        slow_names: draw.pick(&[0, 30]),
        shuffle: draw.chance(50),
        latency: Duration::from_millis(draw.pick(&[0, 0, 1, 40])),
    }
}

fn job(draw: &mut impl Draw, setup: &Setup) -> Job {
    let method = draw.pick(&["GET", "GET", "GET", "POST", "PUT", "HEAD"]);
    let longest = if setup.config.budget < 64 {
        300
    } else {
        20_000
    };
    let hops = hops(draw, setup.hosts.len(), longest);
    let upload = upload(draw, method, longest);
    let most = hops.iter().map(|hop| hop.body).max().unwrap_or(0);
    let rate = |draw: &mut dyn FnMut() -> bool, len: usize| {
        let rate = u32::try_from(len / 2 + 50).unwrap_or(50);
        draw().then_some(rate)
    };
    let mut job = Job {
        method,
        settings: u32::from(draw.chance(20)),
        hops,
        follow: if draw.chance(80) {
            Some(draw.pick(&[10, 10, u16::MAX, 1, 0]))
        } else {
            None
        },
        stop_at: draw.chance(5).then(|| draw.between(0, 2)),
        keep_post: draw.chance(15),
        secret: draw.pick(&[
            Secret::None,
            Secret::Basic,
            Secret::Bearer,
            Secret::Url,
            Secret::Cookie,
        ]),
        pauses: (0..draw.pick(&[0, 0, 0, 1, 3]))
            .map(|_| draw.between(0, most))
            .collect(),
        abort: abort(draw, most),
        total_ms: draw.chance(25).then(|| draw.pick(&[5000, 20_000, 300, 20])),
        connect_ms: draw.chance(20).then(|| draw.pick(&[10_000, 500, 15])),
        low_speed: draw.chance(10).then(|| (draw.pick(&[10, 1000]), 2)),
        receive_rate: rate(&mut || draw.chance(8), most),
        send_rate: rate(&mut || draw.chance(8), upload.len),
        progress_ms: draw.chance(15).then(|| draw.pick(&[1000, 100])),
        expect: draw.pick(&[Expect::Auto, Expect::Auto, Expect::Always, Expect::Never]),
        fail_on_error: draw.chance(20),
        fresh: draw.chance(10),
        forbid: draw.chance(8),
        max_body: draw.chance(8).then(|| draw.below(200)),
        upload,
    };
    if job.may_hang() && job.total_ms.is_none() {
        job.total_ms = Some(draw.pick(&[20_000, 2000, 300]));
    }
    job
}

fn upload(draw: &mut impl Draw, method: &str, longest: usize) -> Upload {
    let kinds = [UploadKind::Bytes, UploadKind::Sized, UploadKind::Chunked];
    let kind = match method {
        "POST" | "PUT" => draw.pick(&kinds),
        _ => UploadKind::None,
    };
    let len = match kind {
        UploadKind::None => 0,
        UploadKind::Bytes | UploadKind::Sized | UploadKind::Chunked => length(draw, longest),
    };
    Upload {
        kind,
        len,
        pauses: (0..draw.pick(&[0, 0, 1, 2]))
            .map(|_| draw.between(0, len))
            .collect(),
        fails_at: draw.chance(5).then(|| draw.between(0, len)),
        can_rewind: draw.chance(70),
    }
}

fn length(draw: &mut impl Draw, longest: usize) -> usize {
    let most = draw.pick(&[40, 0, 1, 300, 3000, 20_000]);
    draw.between(0, most.min(longest))
}

fn abort(draw: &mut impl Draw, most: usize) -> Option<Abort> {
    if !draw.chance(8) {
        return None;
    }
    Some(match draw.between(0, 3) {
        0 => Abort::Status,
        1 => Abort::Head,
        2 => Abort::Progress,
        _ => Abort::Body(draw.between(0, most)),
    })
}

fn hops(draw: &mut impl Draw, hosts: usize, longest: usize) -> Vec<Hop> {
    let count = draw.pick(&[1, 1, 1, 2, 3, 4]);
    let mut hops: Vec<Hop> = Vec::new();
    for nth in 0..count {
        let last = nth + 1 == count;
        let host = match hops.last() {
            Some(before) if draw.chance(50) => before.host,
            Some(_) | None => draw.between(0, hosts - 1),
        };
        hops.push(hop(draw, host, last, longest));
    }
    hops
}

fn hop(draw: &mut impl Draw, host: usize, last: bool, longest: usize) -> Hop {
    let status = if last {
        draw.pick(&[200, 200, 200, 200, 206, 404, 500, 204, 304])
    } else {
        draw.pick(&[301, 302, 303, 307, 308])
    };
    // 206 would have to be asked for.
    let status = if status == 206 { 201 } else { status };
    let body = length(draw, longest);
    Hop {
        host,
        status,
        location: draw.pick(&[Location::Absolute, Location::SchemeRelative, Location::Path]),
        framing: match draw.between(0, 9) {
            0..=5 => Framing::Sized,
            6..=8 => Framing::Chunked(draw.pick(&[1000, 16, 1]).max(body / 40).max(1)),
            _ => Framing::Close,
        },
        body,
        interim: draw.pick(&[0, 0, 0, 1, 3]),
        continues: draw.chance(60),
        refuses_expect: draw.chance(15),
        early: draw.chance(10),
        close: draw.chance(15),
        patience_ms: draw.chance(30).then(|| draw.pick(&[5000, 100, 10, 0])),
        wait_ms: draw.pick(&[0, 0, 1, 20, 300]),
        piece: draw.pick(&[0, 0, 1, 10, 100]),
        gap_ms: draw.pick(&[0, 1, 10]),
        fault: fault(draw),
    }
}

fn fault(draw: &mut impl Draw) -> Option<Fault> {
    const BAD: [Bad; 10] = [
        Bad::NotHttp,
        Bad::Lengths,
        Bad::Conflict,
        Bad::ChunkSize,
        Bad::ChunkEnd,
        Bad::Folded,
        Bad::Coding,
        Bad::Upgrade,
        Bad::Interim,
        Bad::Line,
    ];
    if !draw.chance(25) {
        return None;
    }
    let reset = draw.chance(50);
    Some(match draw.between(0, 11) {
        0..=3 => Fault::Cut {
            at: draw.between(0, 3000),
            reset,
        },
        4 => Fault::Stall(draw.between(0, 3000)),
        5 => Fault::Deaf,
        6 => Fault::Extra,
        7 | 8 => Fault::Drop {
            times: draw.pick(&[1, 2, 9]),
            reset,
        },
        _ => Fault::Bad(draw.pick(&BAD)),
    })
}

fn ops(draw: &mut impl Draw, jobs: usize) -> Vec<Op> {
    let mut ops = Vec::new();
    let mut added = 0;
    for _ in 0..draw.between(jobs, jobs * 4 + 10) {
        let op = match draw.between(0, 33) {
            0..=11 if added < jobs => {
                added += 1;
                Op::Add(added - 1)
            }
            0..=19 => Op::Turns(draw.pick(&[1, 2, 5, 20])),
            20 | 21 => Op::Remove(draw.between(0, jobs - 1)),
            22 | 23 => Op::Pause(draw.between(0, jobs - 1), draw.chance(70), draw.chance(40)),
            24 | 25 => Op::Unpause(draw.between(0, jobs - 1)),
            26 => Op::Sleep(draw.pick(&[1, 10, 300, 3000])),
            27 | 28 => Op::Read(draw.between(0, 3)),
            29 => Op::FireTimer,
            30 => Op::Perform,
            31 => Op::NetworkChanged,
            32 => Op::Disturb(draw.between(0, 7), draw.chance(50)),
            _ if draw.chance(10) => Op::CloseAll,
            _ => Op::Descriptors(draw.pick(&[1, 3, usize::MAX])),
        };
        ops.push(op);
    }
    ops.extend((added..jobs).map(Op::Add));
    ops
}

impl Job {
    /// Can a peer keep it waiting for ever? Then it must have a limit of its own.
    #[must_use]
    pub fn may_hang(&self) -> bool {
        self.hops
            .iter()
            .any(|hop| matches!(hop.fault, Some(Fault::Stall(_) | Fault::Deaf)))
    }
}
