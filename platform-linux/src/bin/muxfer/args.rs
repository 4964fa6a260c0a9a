//! The command line. Options that curl has are spelled as curl spells them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser};

/// Fetches URLs, many at once. `muxfer demo` shows what it does on a server of its own.
#[derive(Debug, Parser)]
#[command(name = "muxfer", version, about, disable_version_flag = true)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(crate) struct Args {
    /// What to fetch; `http://` is meant if no scheme is named.
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// Read URLs from a file, one a line; `-` is standard input. They start as they are read.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Write to a file instead of standard output. The nth goes with the nth URL.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,
    /// Write to a file with the name that the URL ends with. The default with --from.
    #[arg(short = 'O', long)]
    pub(crate) remote_name: bool,
    /// The folder for output files.
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Make the folders of output files if they are missing.
    #[arg(long)]
    pub(crate) create_dirs: bool,
    /// The most connections at once.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) max_connections: u32,
    /// The most connections to one host; 0 is no limit of its own.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) max_per_host: u32,
    /// Follow redirects.
    #[arg(short = 'L', long)]
    pub(crate) location: bool,
    /// The most redirects; -1 is no limit.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 30,
        allow_negative_numbers = true
    )]
    pub(crate) max_redirs: i64,
    /// Send this header; `Name:` takes a default one away, `Name;` sends an empty one.
    #[arg(short = 'H', long = "header", value_name = "LINE")]
    pub(crate) headers: Vec<String>,
    /// Use this method.
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// Send this in a POST; `@FILE` sends a file without its line ends.
    #[arg(short, long, value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data: Vec<String>,
    /// Send this in a POST; `@FILE` sends a file as it is.
    #[arg(long, value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data_binary: Vec<String>,
    /// Send just this in a POST.
    #[arg(long, value_name = "DATA", allow_hyphen_values = true)]
    pub(crate) data_raw: Vec<String>,
    /// Upload a file with PUT; `-` is standard input.
    #[arg(short = 'T', long, value_name = "FILE")]
    pub(crate) upload_file: Option<PathBuf>,
    /// Ask for the headers only.
    #[arg(short = 'I', long)]
    pub(crate) head: bool,
    /// Ask for a range of bytes.
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub(crate) range: Option<String>,
    /// Resume at this byte; `-` resumes at the end of the output file.
    #[arg(short = 'C', long, value_name = "OFFSET", allow_hyphen_values = true)]
    pub(crate) continue_at: Option<String>,
    /// User name and password for Basic authentication.
    #[arg(short, long, value_name = "USER:PASSWORD", allow_hyphen_values = true)]
    pub(crate) user: Option<String>,
    /// Token for Bearer authentication.
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) oauth2_bearer: Option<String>,
    /// The User-Agent header.
    #[arg(short = 'A', long, value_name = "NAME", allow_hyphen_values = true)]
    pub(crate) user_agent: Option<String>,
    /// The Referer header.
    #[arg(short = 'e', long, value_name = "URL")]
    pub(crate) referer: Option<String>,
    /// A status of 400 or more is a failure.
    #[arg(short, long)]
    pub(crate) fail: bool,
    /// The most seconds for each transfer.
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) max_time: Option<Duration>,
    /// The most seconds for getting a connection.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) connect_timeout: Option<Duration>,
    /// Seconds to wait for `100 Continue`.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) expect100_timeout: Option<Duration>,
    /// Give up a transfer that is slower than this many bytes a second.
    #[arg(short = 'Y', long, value_name = "BYTES")]
    pub(crate) speed_limit: Option<u32>,
    /// … for this many seconds.
    #[arg(short = 'y', long, value_name = "SECONDS")]
    pub(crate) speed_time: Option<u32>,
    /// The most bytes a second for each transfer; K, M and G are understood.
    #[arg(long, value_name = "SPEED", value_parser = bytes)]
    pub(crate) limit_rate: Option<u64>,
    /// The longest body that is accepted; K, M and G are understood.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) max_filesize: Option<u64>,
    /// Use these addresses for a host and port.
    #[arg(long, value_name = "HOST:PORT:ADDRESS[,ADDRESS]")]
    pub(crate) resolve: Vec<String>,
    /// Print no progress and no errors.
    #[arg(short, long)]
    pub(crate) silent: bool,
    /// With -s: print errors all the same.
    #[arg(short = 'S', long)]
    pub(crate) show_error: bool,
    /// Print what happens to standard error.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Write the response's headers before its body.
    #[arg(short, long)]
    pub(crate) include: bool,
    /// Write the response's headers to a file; `-` is standard output.
    #[arg(short = 'D', long, value_name = "FILE")]
    pub(crate) dump_header: Option<PathBuf>,
    /// Print the version.
    #[arg(short = 'V', long, action = ArgAction::Version)]
    pub(crate) version: Option<bool>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_string())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "not a time that can be waited for".to_string())
}

fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: u64 = match text
        .get(digits.len()..)
        .unwrap_or("")
        .to_ascii_uppercase()
        .as_str()
    {
        "" | "B" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return Err("the units are K, M and G".to_string()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "not a number of bytes".to_string())?;
    number
        .checked_mul(unit)
        .ok_or_else(|| "too large".to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
        let words = [
            "muxfer",
            "-sSfLO",
            "-m",
            "1.5",
            "-C",
            "-",
            "--limit-rate",
            "2K",
            "a.test",
        ];
        let args = Args::try_parse_from(words).unwrap();
        assert!(args.silent && args.show_error && args.fail && args.location && args.remote_name);
        assert_eq!(args.max_time, Some(Duration::from_millis(1500)));
        assert_eq!(args.continue_at.as_deref(), Some("-"));
        assert_eq!(args.limit_rate, Some(2048));
        assert!(Args::try_parse_from(["muxfer", "-m", "-1", "a"]).is_err());
    }
}
