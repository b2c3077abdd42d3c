//! Where things are. Everything the commands make lies in `target/` or `.greenroom/`, both ignored by git.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::settings;

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Virtual environments and the data of local stacks.
pub fn greenroom() -> PathBuf {
    root().join(".greenroom")
}

/// Programs built in the dev profile.
pub fn dev_binaries() -> PathBuf {
    settings::variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("debug")
}

/// The scripts of the local stack.
pub fn script(name: &str) -> PathBuf {
    root().join("infra/local").join(name)
}

/// Where a stack with its data in `data` writes down how it can be reached while it runs.
pub fn stack_file(data: &Path) -> PathBuf {
    if data == default_data() { greenroom().join("stack.json") } else { data.join("stack.json") }
}

/// How the stack with its data in `data` can be reached, by its own words.
pub fn running_stack(data: &Path) -> Outcome<Value> {
    let file = stack_file(data);
    let text = fs::read_to_string(&file).map_err(|_| {
        let data = data.display();
        Failure::new(format!(
            "no local stack is running on {data}: start one with `cargo xtask up`, or name its data in GREENROOM_DATA"
        ))
    })?;
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}

/// The data of the stack that `cargo xtask up` starts when nothing else is said.
pub fn default_data() -> PathBuf {
    greenroom().join("state")
}

/// Makes a folder and those above it.
pub fn make(folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))
}

/// Removes a folder with everything in it; one that is not there is fine.
pub fn remove(folder: &Path) -> Outcome<()> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(|error| Failure::file(folder, &error)) } else { Ok(()) }
}
