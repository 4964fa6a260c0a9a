//! What all transfers of a run have in common.

use std::fs;
use std::io::{self, Read};
use std::num::NonZeroU32;
use std::time::Duration;

use muxfer_core::easy::{LowSpeed, Options, Redirects};

use crate::args::{Args, Post, Resume, is_dash};
use crate::failure::Failure;
use crate::headers::Headers;

/// The settings of a run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) method: String,
    pub(crate) headers: Headers,
    /// What is posted.
    pub(crate) data: Option<Vec<u8>>,
    /// What `-G` puts into the query.
    pub(crate) query: Option<String>,
    pub(crate) range: Option<String>,
    pub(crate) resume: Option<Resume>,
    pub(crate) user: Option<(String, String)>,
    pub(crate) bearer: Option<String>,
    pub(crate) options: Options,
    pub(crate) include: bool,
    pub(crate) verbose: bool,
}

impl Settings {
    pub(crate) fn new(args: &Args) -> Result<Self, Failure> {
        let posted = data(&args.posts)?;
        let (data, query) = match posted {
            Some(posted) if args.get => (None, Some(as_query(posted)?)),
            posted => (posted, None),
        };
        let headers = headers(args, data.is_some())?;
        let method = match (&args.request, args.head, &data, args.upload_file.as_slice()) {
            (Some(method), ..) => method.as_str(),
            (None, true, ..) => "HEAD",
            (None, false, Some(_), _) => "POST",
            (None, false, None, [_, ..]) => "PUT",
            (None, false, None, []) => "GET",
        };
        Ok(Self {
            method: method.to_string(),
            options: options(args, &headers),
            headers,
            data,
            query,
            range: args.range.clone(),
            resume: args.continue_at,
            user: args.user.clone(),
            bearer: args.oauth2_bearer.clone(),
            include: args.include || args.head,
            verbose: args.verbose,
        })
    }
}

fn headers(args: &Args, posting: bool) -> Result<Headers, Failure> {
    let agent = concat!("muxfer/", env!("CARGO_PKG_VERSION"));
    let mut defaults = vec![
        ("User-Agent", args.user_agent.as_deref().unwrap_or(agent)),
        ("Accept", "*/*"),
    ];
    defaults.extend(args.referer.as_deref().map(|referer| ("Referer", referer)));
    if posting {
        defaults.push(("Content-Type", "application/x-www-form-urlencoded"));
    }
    // -A "" sends none, as in curl.
    defaults.retain(|(_, value)| !value.is_empty());
    Headers::new(&defaults, &args.header)
}

fn as_query(posted: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(posted).map_err(|_| Failure::usage("-G: the data is not UTF-8"))
}

/// All that `-d` and its like give, joined by `&`.
fn data(posts: &[Post]) -> Result<Option<Vec<u8>>, Failure> {
    let parts: Vec<Vec<u8>> = posts.iter().map(piece).collect::<Result<_, _>>()?;
    Ok((!parts.is_empty()).then(|| parts.join(&b'&')))
}

fn piece(post: &Post) -> Result<Vec<u8>, Failure> {
    match post {
        Post::Bytes(text) => Ok(text.as_encoded_bytes().to_vec()),
        Post::File {
            path,
            keep_line_ends,
        } => {
            let mut bytes = Vec::new();
            let read = if is_dash(path) {
                io::stdin().read_to_end(&mut bytes).map(|_| bytes)
            } else {
                fs::read(path)
            };
            let mut bytes = read.map_err(|error| Failure::reading(path, &error))?;
            if !keep_line_ends {
                bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
            }
            Ok(bytes)
        }
    }
}

fn options(args: &Args, headers: &Headers) -> Options {
    // -1 is no limit.
    let most = u16::try_from(args.max_redirs).unwrap_or(u16::MAX);
    let rate = args
        .limit_rate
        .and_then(|rate| NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX)));
    Options {
        redirects: if args.location {
            Redirects::Follow(most)
        } else {
            Redirects::Deliver
        },
        // A method that was asked for by name is kept, as curl does.
        keep_post: args.request.is_some(),
        total: nonzero(args.max_time),
        connect: nonzero(args.connect_timeout).unwrap_or(Options::DEFAULT.connect),
        low_speed: low_speed(args),
        expect: headers.expect,
        expect_wait: args
            .expect100_timeout
            .unwrap_or(Options::DEFAULT.expect_wait),
        receive_rate: rate,
        send_rate: rate,
        fail_on_error: args.fail,
        max_body: args.max_filesize.filter(|&most| most > 0),
        ..Options::DEFAULT
    }
}

/// In curl a limit of 0 seconds is none.
fn nonzero(time: Option<Duration>) -> Option<Duration> {
    time.filter(|time| !time.is_zero())
}

fn low_speed(args: &Args) -> Option<LowSpeed> {
    if args.speed_limit.is_none() && args.speed_time.is_none() {
        return None;
    }
    // curl's defaults for the one that is not given.
    let bytes_per_second = NonZeroU32::new(args.speed_limit.unwrap_or(1))?;
    let time = Duration::from_secs(args.speed_time.unwrap_or(30).into());
    Some(LowSpeed {
        bytes_per_second,
        time,
    })
}
