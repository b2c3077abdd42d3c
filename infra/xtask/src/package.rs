//! `cargo xtask package`: release artifacts as `template.yaml` expects them, in `target/lambda/<function>/bootstrap`.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use tokio::process::Command;

use crate::failure::{Failure, Outcome};
use crate::python::Python;
use crate::run::{run, timed, try_output};
use crate::{functions, places};

/// The C library of Lambda's Amazon Linux 2023: a program that wants a newer one does not start there.
const NEWEST_GLIBC: (u32, u32) = (2, 34);
/// A cold start downloads and unpacks the artifact.
pub const LARGEST_ZIP: usize = 5 * 1024 * 1024;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Architecture {
    Arm64,
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// That of the machine this runs on, whose programs can be started here.
    pub fn of_this_machine() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 }
    }

    /// As the template names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::Arm64 => "--arm64",
            Self::X86_64 => "--x86-64",
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The processor that the programs are to run on
    #[arg(long = "arch", value_enum, default_value_t = Architecture::Arm64)]
    architecture: Architecture,
    /// Only this function; may be given several times
    #[arg(long = "function", value_name = "NAME")]
    functions: Vec<String>,
}

pub async fn package(options: &Options) -> Outcome<()> {
    let known = functions::binaries()?;
    if let Some(unknown) = options.functions.iter().find(|name| !known.contains(name)) {
        return Err(Failure::new(format!("there is no function {unknown}; there are {}", known.join(", "))));
    }
    let wanted = if options.functions.is_empty() { &known } else { &options.functions };
    if wanted.is_empty() {
        return Err(Failure::new("there are no functions in functions/*/src/bin"));
    }
    let folder = places::root().join("target/lambda");
    timed("release build", build(options.architecture, wanted, &folder)).await?;
    report(wanted)
}

/// Builds release programs as `<folder>/<program>/bootstrap`.
pub async fn build(architecture: Architecture, wanted: &[String], folder: &Path) -> Outcome<()> {
    let python = Python::with("requirements-package.txt").await?;
    let path = python.path();
    let installed = try_output(Command::new("rustup").args(["target", "list", "--installed"])).await;
    if installed.is_some_and(|targets| !targets.lines().any(|target| target == architecture.target())) {
        run("rustup target add", Command::new("rustup").args(["target", "add", architecture.target()])).await?;
    }
    // Called by its path, with the linker (zig) found on PATH.
    let mut command = Command::new(python.program("cargo-lambda"));
    command
        .args(["lambda", "build", "--profile", "lambda", "--locked", architecture.flag(), "--lambda-dir"])
        .arg(folder)
        .current_dir(places::root())
        .env("PATH", path)
        // Without this the crypto library gathers randomness from the CPU's jitter at its first use, which took 20 ms of
        // every start. It is seeded by the kernel instead, and by the CPU's own generator.
        .env("AWS_LC_SYS_NO_JITTER_ENTROPY", "1");
    for name in wanted {
        command.args(["--bin", name]);
    }
    run("cargo lambda build", &mut command).await
}

/// A table of sizes; fails when an artifact could not start on Lambda or is too large.
fn report(wanted: &[String]) -> Outcome<()> {
    let mut trouble = Vec::new();
    eprintln!("{:<24} {:>10} {:>10}  newest GLIBC", "function", "program", "zipped");
    for name in wanted {
        let path = places::root().join("target/lambda").join(name).join("bootstrap");
        let bytes = fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        let zipped = zipped_size(&path, &bytes)?;
        let glibc = newest_glibc(&bytes);
        let shown = glibc.map_or_else(|| "none".to_owned(), |(major, minor)| format!("{major}.{minor}"));
        eprintln!("{name:<24} {:>10} {:>10}  {shown}", size(bytes.len()), size(zipped));
        if glibc > Some(NEWEST_GLIBC) {
            trouble.push(format!("{name} needs GLIBC {shown}, Lambda has {}.{}", NEWEST_GLIBC.0, NEWEST_GLIBC.1));
        }
        if zipped > LARGEST_ZIP {
            trouble.push(format!("{name} is {} zipped, more than {}", size(zipped), size(LARGEST_ZIP)));
        }
    }
    if trouble.is_empty() { Ok(()) } else { Err(Failure::new(trouble.join("; "))) }
}

/// What a program weighs in a zip archive.
pub fn zipped_size(path: &Path, bytes: &[u8]) -> Outcome<usize> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .map(|packed| packed.len())
        .map_err(|error| Failure::file(path, &error))
}

/// The newest version among the symbol versions that a program names.
fn newest_glibc(program: &[u8]) -> Option<(u32, u32)> {
    const MARK: &[u8] = b"GLIBC_";
    let version = |start: usize| {
        let text: String = program[start..]
            .iter()
            .take(8)
            .map(|byte| char::from(*byte))
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        let mut numbers = text.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let marks = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.filter_map(|(at, _)| version(at + MARK.len())).max()
}

/// Megabytes with two digits, rounded down.
pub fn size(bytes: usize) -> String {
    format!("{}.{:02} MB", bytes / 1_000_000, bytes % 1_000_000 / 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_by_number_and_not_by_text() {
        assert_eq!(newest_glibc(b"\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.9\0"), Some((2, 34)));
        assert_eq!(newest_glibc(b"GLIBC_PRIVATE\0GLIBC_2.17"), Some((2, 17)));
        assert_eq!(newest_glibc(b"static"), None);
    }

    #[test]
    fn sizes_are_megabytes() {
        assert_eq!(size(3_222_555), "3.22 MB");
    }
}
