//! The Lambdas of the workspace: `functions/<area>/src/bin/<function>.rs`.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Outcome};
use crate::places;

/// The crates under `functions/`, by name (which is their folder).
pub fn crates() -> Outcome<Vec<String>> {
    entries(&places::root().join("functions"), "Cargo.toml")
}

/// Every function's binary, sorted.
pub fn binaries() -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    for area in crates()? {
        let folder = places::root().join("functions").join(area).join("src/bin");
        if !folder.is_dir() {
            continue;
        }
        for name in entries(&folder, "")? {
            found.extend(name.strip_suffix(".rs").map(ToOwned::to_owned));
        }
    }
    found.sort();
    Ok(found)
}

/// Names in a folder, sorted; with `inside` only folders that hold such a file.
fn entries(folder: &Path, inside: &str) -> Outcome<Vec<String>> {
    let listing = fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    let mut names: Vec<String> = listing
        .filter_map(Result::ok)
        .filter(|entry| inside.is_empty() || entry.path().join(inside).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}
