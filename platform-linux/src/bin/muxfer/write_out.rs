//! `-w`: what is printed after each transfer.

use muxfer_core::Info;

use crate::failure::Failure;
use crate::job::Job;
use crate::url::without_userinfo;

/// The format with all that is known of a transfer filled in. As in curl, `%%` is a percent sign,
/// `\n`, `\r` and `\t` are understood, and a variable that is not known is empty.
pub(crate) fn filled_in(
    format: &str,
    info: &Info,
    job: &Job,
    result: &Result<(), Failure>,
) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        let (plain, special) = rest.split_at(at);
        text.push_str(plain);
        rest = special.get(2..).unwrap_or("");
        match special.get(..2) {
            Some("%%") => text.push('%'),
            Some("\\n") => text.push('\n'),
            Some("\\r") => text.push('\r'),
            Some("\\t") => text.push('\t'),
            Some("%{") if rest.contains('}') => {
                let (name, behind) = rest.split_once('}').unwrap_or((rest, ""));
                text.push_str(&value(name, info, job, result));
                rest = behind;
            }
            // Not one of ours: the sign stands for itself.
            Some(_) | None => {
                text.push_str(&special[..1]);
                rest = &special[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

fn value(name: &str, info: &Info, job: &Job, result: &Result<(), Failure>) -> String {
    let seconds = |time: std::time::Duration| format!("{:.6}", time.as_secs_f64());
    let failure = result.as_ref().err();
    match name {
        "http_code" | "response_code" => format!("{:03}", info.status),
        "size_download" => info.received.to_string(),
        "size_upload" => info.sent.to_string(),
        "size_header" => info.head_received.to_string(),
        "size_request" => info.head_sent.to_string(),
        "time_namelookup" => seconds(info.name_lookup),
        "time_connect" => seconds(info.connect),
        "time_pretransfer" => seconds(info.pretransfer),
        "time_starttransfer" => seconds(info.start_transfer),
        "time_total" => seconds(info.total),
        "num_connects" => info.connects.to_string(),
        "num_redirects" => info.redirects.to_string(),
        "remote_ip" => info
            .peer
            .map_or_else(String::new, |peer| peer.ip().to_string()),
        "remote_port" => info.peer.map_or(0, |peer| peer.port()).to_string(),
        "method" => job.settings.method.clone(),
        "url" => without_userinfo(&job.given),
        "url_effective" => without_userinfo(&job.url),
        "filename_effective" if !job.output.is_stdout() => job.output.name(),
        "exitcode" => failure.map_or(0, |failure| failure.code).to_string(),
        "errormsg" => failure.map_or_else(String::new, |failure| failure.why.clone()),
        _ => String::new(),
    }
}
