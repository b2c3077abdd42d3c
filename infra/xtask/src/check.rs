//! `cargo xtask check`: everything that can be judged without running the product.

use tokio::process::Command;

use crate::failure::Outcome;
use crate::places;
use crate::python::Python;
use crate::run::{cargo, run, timed, try_output};

pub async fn check() -> Outcome<()> {
    timed("format", run("cargo fmt", cargo().args(["fmt", "--all", "--check"]))).await?;
    let mut lints = cargo();
    lints.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
    timed("lints", run("cargo clippy", &mut lints)).await?;
    // No tests that `cargo test` runs by itself, and so none of "all targets".
    let mut others = cargo();
    others.args([
        "clippy",
        "--package",
        "tests",
        "--test",
        "audit",
        "--test",
        "simulation",
        "--",
        "--deny",
        "warnings",
    ]);
    timed("lints of audit and simulation", run("cargo clippy --package tests", &mut others)).await?;
    let mut documentation = cargo();
    documentation.args(["doc", "--workspace", "--no-deps", "--lib"]).env("RUSTDOCFLAGS", "--deny warnings");
    timed("documentation", run("cargo doc", &mut documentation)).await?;
    timed("templates", templates()).await?;
    timed("licences, bans and sources", dependencies()).await
}

async fn templates() -> Outcome<()> {
    let python = Python::with("requirements-check.txt").await?;
    let mut sam = Command::new(python.program("sam"));
    sam.args(["validate", "--lint", "--template", "template.yaml"])
        .current_dir(places::root())
        .env("AWS_DEFAULT_REGION", "eu-west-1")
        .env("SAM_CLI_TELEMETRY", "0");
    run("sam validate", &mut sam).await?;
    let mut lint = Command::new(python.program("cfn-lint"));
    let others = ["infra/state.yaml", "infra/watch.yaml", "infra/github.yaml"];
    lint.args(["--regions", "eu-west-1", "--"]).args(others).current_dir(places::root());
    run("cfn-lint", &mut lint).await?;
    let mut limits = python.script("limits.py");
    run("limits.py", limits.env("AWS_DEFAULT_REGION", "eu-west-1")).await
}

/// cargo-deny takes minutes to build, so it is used where someone installed it.
async fn dependencies() -> Outcome<()> {
    if try_output(cargo().args(["deny", "--version"])).await.is_none() {
        eprintln!(
            "cargo-deny is not installed, so licences, bans and sources were not checked (cargo install cargo-deny)"
        );
        return Ok(());
    }
    run("cargo deny", cargo().args(["deny", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"])).await
}
