//! The command line. Shared options are spelled as curl spells them.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use muxfer_linux::Choice;

use crate::secure::SecureArgs;

/// How many connections are open at once if nobody says otherwise.
const CONNECTIONS: u32 = 100;

/// Runs many HTTP transfers at once. Shared options mean what they mean in curl.
#[derive(Parser, Debug, Clone)]
#[command(
    name = "muxfer",
    version,
    disable_version_flag = true,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "The exit status is libcurl's code for one transfer, and that of the first one \
                  that failed for many; 2 is wrong usage."
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// What to fetch; http:// is assumed where no scheme is given
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,

    /// Read further URLs, one a line, from FILE; "-" is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,

    /// Write to FILE; "-" is standard output. The nth one is for the nth URL, the last one for all lines of --from
    #[arg(short = 'o', long, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,

    /// Write to a file named like the last part of the URL's path
    #[arg(short = 'O', long, num_args = 0, default_missing_value = "true", action = ArgAction::Append)]
    pub(crate) remote_name: Vec<bool>,

    /// Like -O for every URL
    #[arg(long)]
    pub(crate) remote_name_all: bool,

    /// The folder for -o and -O
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,

    /// Make the folders that are missing
    #[arg(long)]
    pub(crate) create_dirs: bool,

    /// Remove the output file of a transfer that failed
    #[arg(long)]
    pub(crate) remove_on_error: bool,

    /// The most connections at once
    #[arg(long, value_name = "N", alias = "parallel-max", default_value_t = CONNECTIONS,
          value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub(crate) max_connections: u32,

    /// The most connections to one host at once; 0 is no limit of its own
    #[arg(long, value_name = "N", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=65_535))]
    pub(crate) max_per_host: u32,

    /// In how many threads to work, at most one for each connection that a host may have. Limits hold for all together
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) threads: u32,

    /// How to wait for events: epoll, uring, or auto, which is io_uring where it works. MUXFER_BACKEND says it for all runs
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) backend: Choice,

    /// Accepted: transfers always run in parallel
    #[arg(short = 'Z', long)]
    pub(crate) parallel: bool,

    /// Follow redirects
    #[arg(short = 'L', long)]
    pub(crate) location: bool,

    /// The most redirects; -1 is no limit
    #[arg(long, value_name = "N", default_value_t = 50, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i32).range(-1..65_535))]
    pub(crate) max_redirs: i32,

    /// Send this header. "Name:" takes a default header away, "Name;" sends it empty, "@FILE" reads a file of them
    #[arg(short = 'H', long, value_name = "HEADER")]
    pub(crate) header: Vec<String>,

    /// The request's method
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) request: Option<String>,

    /// POST this; "@FILE" reads it from a file without its line ends. Several are joined with "&"
    #[arg(
        short = 'd',
        long,
        value_name = "DATA",
        alias = "data-ascii",
        allow_hyphen_values = true
    )]
    pub(crate) data: Vec<OsString>,

    /// Like -d, and keeps the line ends of a file
    #[arg(long, value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data_binary: Vec<OsString>,

    /// Like -d, and "@" means nothing
    #[arg(long, value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data_raw: Vec<OsString>,

    /// Put the data of -d into the URL's query and GET it
    #[arg(short = 'G', long)]
    pub(crate) get: bool,

    /// PUT this file; "-" is standard input, sent chunked. The nth one is for the nth URL
    #[arg(short = 'T', long, value_name = "FILE")]
    pub(crate) upload_file: Vec<PathBuf>,

    /// Ask for the headers alone and print them
    #[arg(short = 'I', long)]
    pub(crate) head: bool,

    /// Ask for these bytes: 0-499, 500-, -500, 0-0,-1
    #[arg(short = 'r', long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) range: Option<String>,

    /// Go on from this byte of the file; "-" looks at what is already there
    #[arg(short = 'C', long, value_name = "OFFSET", allow_hyphen_values = true, value_parser = resume)]
    pub(crate) continue_at: Option<Resume>,

    /// Name and password
    #[arg(short = 'u', long, value_name = "USER:PASSWORD", allow_hyphen_values = true, value_parser = credentials)]
    pub(crate) user: Option<(String, String)>,

    /// Send this bearer token
    #[arg(
        long,
        value_name = "TOKEN",
        allow_hyphen_values = true,
        conflicts_with = "user"
    )]
    pub(crate) oauth2_bearer: Option<String>,

    /// Send this as User-Agent
    #[arg(short = 'A', long, value_name = "NAME", allow_hyphen_values = true)]
    pub(crate) user_agent: Option<String>,

    /// Send this as Referer
    #[arg(short = 'e', long, value_name = "URL")]
    pub(crate) referer: Option<String>,

    /// Fail on a status of 400 and up, with code 22
    #[arg(short = 'f', long)]
    pub(crate) fail: bool,

    /// The most time for a transfer
    #[arg(short = 'm', long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) max_time: Option<Duration>,

    /// The most time until it is connected
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) connect_timeout: Option<Duration>,

    /// End a transfer that is slower than this many bytes a second
    #[arg(short = 'Y', long, value_name = "SPEED")]
    pub(crate) speed_limit: Option<u32>,

    /// For how long it may be that slow
    #[arg(short = 'y', long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) speed_time: Option<u32>,

    /// The most bytes a second for each transfer; k, M and G may follow, 0 is no limit
    #[arg(long, value_name = "SPEED", value_parser = bytes)]
    pub(crate) limit_rate: Option<u64>,

    /// The longest body that is accepted; k, M and G may follow, 0 is no limit
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) max_filesize: Option<u64>,

    /// How long to wait for 100 Continue
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) expect100_timeout: Option<Duration>,

    /// Use these addresses for this host and port
    #[arg(long, value_name = "HOST:PORT:ADDRESS[,ADDRESS]...", value_parser = pin)]
    pub(crate) resolve: Vec<Pin>,

    #[command(flatten, next_help_heading = "HTTPS")]
    pub(crate) secure: SecureArgs,

    /// No progress, no summary, no error messages
    #[arg(short = 's', long)]
    pub(crate) silent: bool,

    /// With -s: error messages all the same
    #[arg(short = 'S', long)]
    pub(crate) show_error: bool,

    /// No progress and no summary
    #[arg(long)]
    pub(crate) no_progress_meter: bool,

    /// Say on standard error what happens
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,

    /// Write the response's headers before its body
    #[arg(short = 'i', long)]
    pub(crate) include: bool,

    /// Write the response's headers to FILE; "-" is standard output
    #[arg(short = 'D', long, value_name = "FILE")]
    pub(crate) dump_header: Option<PathBuf>,

    /// Print this after each transfer; %{http_code}, %{size_download} and others are filled in
    #[arg(short = 'w', long, value_name = "FORMAT", allow_hyphen_values = true)]
    pub(crate) write_out: Option<String>,

    /// Accepted: braces and brackets in URLs mean nothing here
    #[arg(short = 'g', long)]
    pub(crate) globoff: bool,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    pub(crate) version: Option<bool>,

    /// What -o and -O said, in their order.
    #[arg(skip)]
    pub(crate) targets: Vec<Target>,

    /// What -d and its like said, in their order.
    #[arg(skip)]
    pub(crate) posts: Vec<Post>,
}

#[derive(Subcommand, Debug, Clone)]
pub(crate) enum Command {
    /// Run transfers against a server inside this process, check every byte and print a table
    Demo,
}

/// Where one response goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Stdout,
    /// A file of this name.
    File(PathBuf),
    /// A file named like the last part of the URL's path.
    Remote,
}

/// Where a download goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// At the end of the file that is already there.
    FromFile,
    /// At this byte.
    At(u64),
}

/// One piece of a body that is posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    /// These bytes.
    Bytes(OsString),
    /// What is in this file; "-" is standard input.
    File { path: PathBuf, keep_line_ends: bool },
}

/// Addresses that are used for a host and port instead of what a look-up would find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) addresses: Vec<IpAddr>,
}

/// Reads the command line; ends the program with status 2 and a message if it is wrong.
pub(crate) fn parse() -> Args {
    match try_parse(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => error.exit(),
    }
}

fn try_parse(line: impl IntoIterator<Item = OsString>) -> Result<Args, clap::Error> {
    let matches = Args::command().try_get_matches_from(line)?;
    let mut args = Args::from_arg_matches(&matches)?;
    if args.command.is_some() {
        return Ok(args);
    }
    args.targets = targets(&args, &matches);
    args.posts = posts(&args, &matches);
    check(&args).map_err(|why| Args::command().error(ErrorKind::ArgumentConflict, why))?;
    Ok(args)
}

/// What clap can't know: options that contradict each other.
fn check(args: &Args) -> Result<(), &'static str> {
    let posting = !args.posts.is_empty();
    let uploading = !args.upload_file.is_empty();
    if args.urls.is_empty() && args.from.is_none() {
        Err("no URL given: name one, or a list with --from (see --help)")
    } else if [posting && !args.get, uploading, args.head]
        .iter()
        .filter(|&&is| is)
        .count()
        > 1
    {
        Err("-d, -T and -I ask for different methods: use one of them")
    } else if args.range.is_some() && args.continue_at.is_some() {
        Err("-r and -C exclude each other")
    } else if args.continue_at.is_some() && (uploading || args.head || (posting && !args.get)) {
        Err("-C goes with downloads only")
    } else if args.from.is_some() && uploading {
        Err("-T can't be used with --from")
    } else if uploading && args.upload_file.len() > args.urls.len() {
        Err("-T is given more often than there are URLs")
    } else if args.upload_file.iter().filter(|path| is_dash(path)).count() > 1 {
        Err("standard input can be uploaded only once")
    } else if args.continue_at == Some(Resume::FromFile) && args.prints() {
        Err("-C - needs an output file: name one with -o or -O")
    } else if stdin_uses(args) > 1 {
        Err("standard input can be read only once: --from, -T and -d @ can't share it")
    } else {
        Ok(())
    }
}

fn stdin_uses(args: &Args) -> usize {
    let posts = args
        .posts
        .iter()
        .filter(|post| matches!(post, Post::File { path, .. } if is_dash(path)));
    usize::from(args.from.as_deref().is_some_and(is_dash))
        + args.upload_file.iter().filter(|path| is_dash(path)).count()
        + posts.count()
}

/// Does the path mean a standard stream?
pub(crate) fn is_dash(path: &std::path::Path) -> bool {
    path.as_os_str() == "-"
}

impl Args {
    /// Where the response of the nth URL of the command line goes. Beside a list -O is the default
    /// for it, too.
    pub(crate) fn target(&self, nth: usize) -> Target {
        match self.targets.get(nth) {
            Some(target) => target.clone(),
            None if self.remote_name_all || self.from.is_some() => Target::Remote,
            None => Target::Stdout,
        }
    }

    /// Does any response go to standard output?
    pub(crate) fn prints(&self) -> bool {
        (0..self.urls.len()).any(|nth| self.target(nth) == Target::Stdout)
            || (self.from.is_some() && self.list_target() == Target::Stdout)
    }

    /// Where the responses of a list go.
    pub(crate) fn list_target(&self) -> Target {
        match self.targets.last() {
            Some(target) if self.targets.len() > self.urls.len() => target.clone(),
            Some(_) | None => Target::Remote,
        }
    }
}

/// The places of an option on the command line.
fn places(matches: &ArgMatches, id: &str) -> Vec<usize> {
    matches.indices_of(id).into_iter().flatten().collect()
}

fn in_order<T>(mut placed: Vec<(usize, T)>) -> Vec<T> {
    placed.sort_by_key(|&(place, _)| place);
    placed.into_iter().map(|(_, what)| what).collect()
}

fn targets(args: &Args, matches: &ArgMatches) -> Vec<Target> {
    let named = args.output.iter().map(|path| match is_dash(path) {
        true => Target::Stdout,
        false => Target::File(path.clone()),
    });
    let mut placed: Vec<_> = places(matches, "output").into_iter().zip(named).collect();
    let remote = places(matches, "remote_name");
    placed.extend(remote.into_iter().map(|place| (place, Target::Remote)));
    in_order(placed)
}

fn posts(args: &Args, matches: &ArgMatches) -> Vec<Post> {
    let mut placed = Vec::new();
    let mut take = |id: &str, values: &[OsString], file: Option<bool>| {
        for (place, value) in places(matches, id).into_iter().zip(values) {
            let named = value.as_encoded_bytes().strip_prefix(b"@");
            let post = match (named, file) {
                (Some(path), Some(keep_line_ends)) => Post::File {
                    path: path_of(path),
                    keep_line_ends,
                },
                (Some(_) | None, Some(_) | None) => Post::Bytes(value.clone()),
            };
            placed.push((place, post));
        }
    };
    take("data", &args.data, Some(false));
    take("data_binary", &args.data_binary, Some(true));
    take("data_raw", &args.data_raw, None);
    in_order(placed)
}

fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

/// A time in seconds, with decimals.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| String::from("not a number of seconds"))?;
    // As in curl, 0 is no limit of one's own; it is left out where it is used.
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A number of bytes, maybe with k, M or G behind it.
fn bytes(text: &str) -> Result<u64, String> {
    let shift = match text.as_bytes().last() {
        Some(b'k' | b'K') => 10,
        Some(b'm' | b'M') => 20,
        Some(b'g' | b'G') => 30,
        Some(_) | None => 0,
    };
    let digits = text.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G']);
    if text.len() > digits.len() + 1 {
        return Err(String::from("one unit only: k, M or G"));
    }
    let number: u64 = digits
        .parse()
        .map_err(|_| String::from("not a number of bytes, maybe with k, M or G behind it"))?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| String::from("too large"))
}

fn resume(text: &str) -> Result<Resume, String> {
    if text == "-" {
        return Ok(Resume::FromFile);
    }
    let at = text
        .parse()
        .map_err(|_| String::from("not a byte offset, and not \"-\""))?;
    Ok(Resume::At(at))
}

fn credentials(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((user, password)) => Ok((user.to_owned(), password.to_owned())),
        None => Err(String::from(
            "no colon: write USER:PASSWORD (nobody is asked for it)",
        )),
    }
}

fn pin(text: &str) -> Result<Pin, String> {
    let wrong = || String::from("not of the form HOST:PORT:ADDRESS[,ADDRESS]...");
    // A "+" lets curl's cache forget the entry in time; here it lasts as long as the program.
    let text = text.strip_prefix('+').unwrap_or(text);
    let mut parts = text.splitn(3, ':');
    let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let port = port.parse().map_err(|_| wrong())?;
    if host.is_empty() {
        return Err(wrong());
    }
    let addresses = addresses
        .split(',')
        .map(|address| {
            let bare = address
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            bare.unwrap_or(address)
                .parse()
                .map_err(|_| format!("{address} is no IP address"))
        })
        .collect::<Result<_, _>>()?;
    Ok(Pin {
        host: host.to_ascii_lowercase(),
        port,
        addresses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Args, clap::Error> {
        let words = std::iter::once("muxfer").chain(line.split_whitespace());
        try_parse(words.map(OsString::from))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn outputs_pair_with_urls_in_their_order() {
        let args = parsed("-o a u1 -O u2 u3 -o - u4").unwrap();
        assert_eq!(args.target(0), Target::File("a".into()));
        assert_eq!(args.target(1), Target::Remote);
        assert_eq!(args.target(2), Target::Stdout);
        assert_eq!(args.target(3), Target::Stdout);
        let args = parsed("-OO u1 u2 u3").unwrap();
        assert_eq!(args.targets, [Target::Remote, Target::Remote]);
    }

    #[test]
    fn a_list_goes_to_remote_names_unless_told_otherwise() {
        assert_eq!(parsed("--from l").unwrap().list_target(), Target::Remote);
        let dropped = parsed("--from l -o /dev/null").unwrap();
        assert_eq!(dropped.list_target(), Target::File("/dev/null".into()));
        let both = parsed("--from l -o a u1").unwrap();
        assert_eq!(both.list_target(), Target::Remote);
    }

    #[test]
    fn data_keeps_its_order() {
        let args = parsed("-d a --data-raw @b -d @c --data-binary @d u").unwrap();
        let file = |path: &str, keep_line_ends| Post::File {
            path: path.into(),
            keep_line_ends,
        };
        let wanted = [
            Post::Bytes("a".into()),
            Post::Bytes("@b".into()),
            file("c", false),
            file("d", true),
        ];
        assert_eq!(args.posts, wanted);
    }

    #[test]
    fn wrong_usage_is_refused() {
        let wrong = [
            "",
            "-d a -T b u",
            "-I -d a u",
            "-r 0-1 -C 5 u",
            "-C - u",
            "-T a -T b u",
            "--from - -T - u",
            "--max-connections 0 u",
            "-m x u",
            "-m -1 u",
            "-u name u",
            "--resolve host:80 u",
            "--limit-rate 1kk u",
            "--no-such-option u",
            "demo now",
        ];
        for line in wrong {
            let error = parsed(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn times_and_speeds_take_decimals_and_suffixes() {
        let args = parsed("-m 1.5 --limit-rate 2k -C 7 u").unwrap();
        assert_eq!(args.max_time, Some(Duration::from_millis(1500)));
        assert_eq!(args.limit_rate, Some(2048));
        assert_eq!(args.continue_at, Some(Resume::At(7)));
    }

    #[test]
    fn pins_take_several_addresses_of_both_kinds() {
        let args = parsed("--resolve +Host.example:80:127.0.0.1,[::1] u").unwrap();
        let wanted = Pin {
            host: "host.example".into(),
            port: 80,
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        };
        assert_eq!(args.resolve, [wanted]);
    }

    #[test]
    fn short_options_are_those_of_curl() {
        // The long name that curl gives to each short option.
        let curl = [
            ('o', "output"),
            ('O', "remote-name"),
            ('Z', "parallel"),
            ('L', "location"),
            ('H', "header"),
            ('X', "request"),
            ('d', "data"),
            ('G', "get"),
            ('T', "upload-file"),
            ('I', "head"),
            ('r', "range"),
            ('C', "continue-at"),
            ('u', "user"),
            ('A', "user-agent"),
            ('e', "referer"),
            ('E', "cert"),
            ('k', "insecure"),
            ('f', "fail"),
            ('m', "max-time"),
            ('Y', "speed-limit"),
            ('y', "speed-time"),
            ('s', "silent"),
            ('S', "show-error"),
            ('v', "verbose"),
            ('i', "include"),
            ('D', "dump-header"),
            ('w', "write-out"),
            ('g', "globoff"),
            ('V', "version"),
            ('h', "help"),
        ];
        let mut command = Args::command();
        command.build();
        for arg in command.get_arguments() {
            if let (Some(short), Some(long)) = (arg.get_short(), arg.get_long()) {
                assert!(
                    curl.contains(&(short, long)),
                    "-{short} is not --{long} in curl"
                );
            }
        }
    }
}
