//! What `template.yaml` says of the functions, read by its layout: one block per function, two spaces in.

use std::fs;
use std::path::PathBuf;

/// One function of the template.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its logical id.
    pub logical_id: String,
    /// Its block, as text.
    pub block: String,
}

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The template, as text.
pub fn text() -> String {
    fs::read_to_string(root().join("template.yaml")).unwrap()
}

/// The top-level blocks of its resources: logical id and text.
pub fn resources() -> Vec<(String, String)> {
    let template = text();
    let resources = template.split("\nResources:\n").nth(1).unwrap().split("\nOutputs:\n").next().unwrap();
    let mut blocks: Vec<(String, String)> = Vec::new();
    for line in resources.lines() {
        let is_head = line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':') && !line.contains('#');
        if is_head {
            blocks.push((line.trim().trim_end_matches(':').to_owned(), String::new()));
        } else if let Some((_, block)) = blocks.last_mut() {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks
}

/// The functions.
pub fn functions() -> Vec<Function> {
    resources()
        .into_iter()
        .filter(|(_, block)| block.contains("Type: AWS::Serverless::Function"))
        .map(|(logical_id, block)| Function { logical_id, block })
        .collect()
}

impl Function {
    /// The binary it runs.
    pub fn binary(&self) -> &str {
        self.between("CodeUri: target/lambda/", "/").unwrap()
    }

    /// Its method and path, if it is a route. What can be got is declared with `ANY`, see the template.
    pub fn route(&self) -> Option<(&str, &str)> {
        let method = self.between("Method: ", ",")?;
        assert_ne!(method, "GET", "{}: ANY, so that it answers HEAD too, and 405", self.logical_id);
        Some((if method == "ANY" { "GET" } else { method }, self.between("Path: \"", "\"")?))
    }

    fn between(&self, before: &str, after: &str) -> Option<&str> {
        self.block.split(before).nth(1)?.split(after).next()
    }
}
