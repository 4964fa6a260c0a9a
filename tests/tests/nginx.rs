//! End to end: the program `muxfer` against a real nginx.

use std::fmt::Write as _;
use std::process::Command;
use std::{fs, io};

use muxfer_tests::files::{Content, Folder};
use muxfer_tests::nginx::Nginx;
use muxfer_tests::program::{self, Build};

const FILES: u64 = 10_000;
const FILE_BYTES: u64 = 1024;
const LARGE_BYTES: u64 = 64 << 20;

#[test]
fn ten_thousand_files_arrive_over_a_hundred_connections_byte_for_byte() -> io::Result<()> {
    let muxfer = program::muxfer(Build::Debug)?;
    let nginx = Nginx::start()?;
    let mut urls = String::new();
    for number in 0..FILES {
        let name = name(number);
        Content::new(number, FILE_BYTES).write_to(&nginx.site().join(&name))?;
        writeln!(urls, "{}", nginx.url(&name)).map_err(io::Error::other)?;
    }
    let folder = Folder::new("many")?;
    let (list, into) = (folder.path().join("list"), folder.path().join("files"));
    fs::write(&list, urls)?;
    fs::create_dir(&into)?;

    let mut fetch = Command::new(muxfer);
    fetch.arg("--from").arg(&list);
    fetch.arg("--output-dir").arg(&into);
    fetch.args(["--max-connections", "100"]);
    program::succeed(&mut fetch)?;

    for number in 0..FILES {
        Content::new(number, FILE_BYTES).compare(&into.join(name(number)))?;
    }
    let count = fs::read_dir(&into)?.count();
    assert_eq!(count as u64, FILES, "no other files are left behind");
    Ok(())
}

#[test]
fn a_large_file_arrives_byte_for_byte() -> io::Result<()> {
    program::fetch_one(Build::Debug, LARGE_BYTES).map(drop)
}

fn name(number: u64) -> String {
    format!("file-{number:05}")
}
