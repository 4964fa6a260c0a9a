//! What a plain GET adds to the flash of a device: the programs of `platform-embedded/proof/size`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::shell::{self, Fault};

const MANIFEST: &str = "platform-embedded/proof/size/Cargo.toml";
const TARGET: &str = "thumbv7em-none-eabihf";
const OUT: &str = "target/flash";
/// The most that the plain GET may add, in bytes.
const MOST: u64 = 16 * 1024;
/// How many symbols are listed.
const SYMBOLS: usize = 30;

/// What is left out of, or added to, a plain GET.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Features of the core, by commas; `all` is every one. The default is the least: `small` alone
    #[arg(long, default_value = "small")]
    features: String,
}

/// Builds the programs, and prints what each adds and what that consists of. More than was promised is
/// a fault, if nothing was asked for besides a plain GET.
pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    build(&options.features)?;
    let bare = flash("bare")?;
    println!("the firmware without HTTP: {bare} bytes of flash");
    let get = flash("get")?.saturating_sub(bare);
    let fetch = flash("fetch")?.saturating_sub(bare);
    println!("a plain GET adds           {get}");
    println!("the same by `Fetch`        {fetch}");
    let symbols = symbols("get")?;
    let mut modules = BTreeMap::<&str, u64>::new();
    for (size, name) in &symbols {
        *modules.entry(module(name)).or_default() += size;
    }
    let mut modules: Vec<_> = modules.into_iter().collect();
    modules.sort_by_key(|(_, size)| core::cmp::Reverse(*size));
    println!("\nby module of `get` (what is inlined counts where it was put)");
    for (name, size) in modules {
        println!("{size:>7} {name}");
    }
    println!("\nthe largest symbols");
    for (size, name) in symbols.iter().take(SYMBOLS) {
        println!("{size:>7} {name}");
    }
    if options.features == "small" && get > MOST {
        return Err(Fault(format!("{get} bytes, but {MOST} were promised")));
    }
    Ok(())
}

/// With Debian's compiler, which has the source of its library: rustup's targets are not needed.
fn build(features: &str) -> Result<(), Fault> {
    let mut cargo = Command::new("/usr/bin/cargo");
    let of_core = |name: &str| match name {
        "all" | "small" => name.to_owned(),
        name => format!("muxfer-core/{name}"),
    };
    let features: Vec<_> = features.split(',').map(of_core).collect();
    cargo
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "-Zbuild-std=core",
        ])
        .args(["--manifest-path", MANIFEST, "--target", TARGET])
        .args(["--target-dir", OUT, "--features", &features.join(",")])
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        // The platform is never there: nothing is known of what it does.
        .env(
            "RUSTFLAGS",
            "-Clinker=ld.lld -Clink-arg=--unresolved-symbols=ignore-all",
        );
    shell::run(cargo)
}

/// All that lies in flash.
fn flash(program: &str) -> Result<u64, Fault> {
    let table = output("llvm-size", &["-A"], program)?;
    let in_flash = [".text", ".rodata", ".data"];
    let sizes = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next().filter(|name| in_flash.contains(name));
        name.and(words.next())?.parse::<u64>().ok()
    });
    Ok(sizes.sum())
}

/// Sizes and names, the largest first.
fn symbols(program: &str) -> Result<Vec<(u64, String)>, Fault> {
    let arguments = [
        "--print-size",
        "--size-sort",
        "--reverse-sort",
        "--radix=d",
        "-C",
    ];
    let list = output("llvm-nm", &arguments, program)?;
    let symbol = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let size = words.nth(1)?.parse().ok()?;
        let is_in_flash = !words.next()?.eq_ignore_ascii_case("b");
        is_in_flash.then_some((size, words.next()?.to_owned()))
    };
    Ok(list.lines().filter_map(symbol).collect())
}

/// `multi` of `<muxfer_core::multi::Multi<…>>::run`; the crate if it is another.
fn module(symbol: &str) -> &str {
    let path = symbol.trim_start_matches('<');
    let path = path.strip_prefix("muxfer_core::").unwrap_or(path);
    path.split("::").next().unwrap_or(path)
}

fn output(tool: &str, arguments: &[&str], program: &str) -> Result<String, Fault> {
    let file = Path::new(OUT).join(TARGET).join("release").join(program);
    let output = Command::new(tool)
        .args(arguments)
        .arg(file)
        .output()
        .map_err(|error| {
            Fault(format!(
                "{tool}: {error}; install lld, llvm, rustc-web, rust-web-src and cargo-web"
            ))
        })?;
    if !output.status.success() {
        return Err(Fault(format!("{tool} failed on {program}")));
    }
    String::from_utf8(output.stdout).map_err(|error| Fault(format!("{tool}: {error}")))
}
