//! What all transfers of a run have in common.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muxfer_core::easy::{Expect, LowSpeed, Options, Redirects};

use crate::args::Args;
use crate::headers::Headers;

/// Where a download resumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// At the end of the output file.
    AtEnd,
    /// At this byte.
    At(u64),
}

/// The settings of a run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) method: String,
    pub(crate) headers: Headers,
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) upload: Option<PathBuf>,
    pub(crate) range: Option<String>,
    pub(crate) resume: Option<Resume>,
    pub(crate) user: Option<(String, String)>,
    pub(crate) bearer: Option<String>,
    pub(crate) options: Options,
    pub(crate) include: bool,
    pub(crate) verbose: bool,
    pub(crate) create_dirs: bool,
}

impl Settings {
    pub(crate) fn new(args: &Args) -> Result<Self, String> {
        let data = data(args)?;
        if args.urls.is_empty() && args.from.is_none() {
            return Err("no URL; see --help".to_string());
        }
        if args.max_connections == 0 {
            return Err("--max-connections must be at least 1".to_string());
        }
        if data.is_some() && args.upload_file.is_some() {
            return Err("-d and -T exclude each other".to_string());
        }
        // The file would be sent whole, with a range that means nothing in a PUT.
        if args.continue_at.is_some() && args.upload_file.is_some() {
            return Err("uploads can't be resumed: -C and -T exclude each other".to_string());
        }
        if args.range.is_some() && args.continue_at.is_some() {
            return Err("-r and -C exclude each other".to_string());
        }
        let agent = concat!("muxfer/", env!("CARGO_PKG_VERSION"));
        let mut defaults = vec![
            ("User-Agent", args.user_agent.as_deref().unwrap_or(agent)),
            ("Accept", "*/*"),
        ];
        defaults.extend(args.referer.as_deref().map(|referer| ("Referer", referer)));
        if data.is_some() {
            defaults.push(("Content-Type", "application/x-www-form-urlencoded"));
        }
        defaults.retain(|(_, value)| !value.is_empty());
        let headers = Headers::new(&defaults, &args.headers)?;
        let method = match (&args.method, args.head, &data, &args.upload_file) {
            (Some(method), ..) => method.as_str(),
            (None, true, ..) => "HEAD",
            (None, _, Some(_), _) => "POST",
            (None, _, _, Some(_)) => "PUT",
            (None, _, None, None) => "GET",
        };
        Ok(Self {
            method: method.to_string(),
            options: options(args, &headers),
            headers,
            data,
            upload: args.upload_file.clone(),
            range: args.range.clone(),
            resume: args.continue_at.as_deref().map(resume).transpose()?,
            user: args.user.as_deref().map(credentials),
            bearer: args.oauth2_bearer.clone(),
            include: args.include || args.head,
            verbose: args.verbose,
            create_dirs: args.create_dirs,
        })
    }
}

fn resume(text: &str) -> Result<Resume, String> {
    match text {
        "-" => Ok(Resume::AtEnd),
        digits => digits
            .parse()
            .map(Resume::At)
            .map_err(|_| format!("not an offset: {digits}")),
    }
}

fn credentials(text: &str) -> (String, String) {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    (user.to_string(), password.to_string())
}

/// All that `-d` and its like give, joined by `&`.
fn data(args: &Args) -> Result<Option<Vec<u8>>, String> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for text in &args.data {
        let mut bytes = text_or_file(text)?;
        if text.starts_with('@') {
            bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
        }
        parts.push(bytes);
    }
    for text in &args.data_binary {
        parts.push(text_or_file(text)?);
    }
    parts.extend(args.data_raw.iter().map(|text| text.clone().into_bytes()));
    Ok((!parts.is_empty()).then(|| parts.join(&b'&')))
}

fn text_or_file(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix('@') {
        Some(path) => fs::read(Path::new(path)).map_err(|error| format!("{path}: {error}")),
        None => Ok(text.as_bytes().to_vec()),
    }
}

fn options(args: &Args, headers: &Headers) -> Options {
    let most = u16::try_from(args.max_redirs).unwrap_or(u16::MAX);
    let rate = args
        .limit_rate
        .and_then(|rate| NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX)));
    let slow = match (args.speed_limit, args.speed_time) {
        (None, None) => None,
        // curl's defaults for the one that is not given.
        (limit, time) => NonZeroU32::new(limit.unwrap_or(1)).map(|bytes_per_second| LowSpeed {
            bytes_per_second,
            time: Duration::from_secs(time.unwrap_or(30).into()),
        }),
    };
    let nonzero = |time: Option<Duration>| time.filter(|time| !time.is_zero());
    Options {
        redirects: if args.location {
            Redirects::Follow(most)
        } else {
            Redirects::Deliver
        },
        // A method that was asked for by name is kept, as curl does.
        keep_post: args.method.is_some(),
        total: nonzero(args.max_time),
        connect: nonzero(args.connect_timeout).unwrap_or(Options::DEFAULT.connect),
        low_speed: slow,
        expect: if headers.no_expect {
            Expect::Never
        } else {
            Expect::Auto
        },
        expect_wait: args
            .expect100_timeout
            .unwrap_or(Options::DEFAULT.expect_wait),
        receive_rate: rate,
        send_rate: rate,
        fail_on_error: args.fail,
        max_body: args.max_filesize,
        ..Options::DEFAULT
    }
}
