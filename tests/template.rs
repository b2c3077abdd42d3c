//! What `template.yaml` and the stacks within it say, read by their layout: one block per resource, two spaces in.

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
    read("template.yaml")
}

/// One of the templates, as text.
fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The resources of the template and of the stacks within it: logical id and text.
pub fn resources() -> Vec<(String, String)> {
    ["template.yaml", "infra/state.yaml", "infra/watch.yaml"].into_iter().flat_map(|file| blocks(&read(file))).collect()
}

/// The top-level blocks of a template's resources.
fn blocks(template: &str) -> Vec<(String, String)> {
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

    fn between(&self, before: &str, after: &str) -> Option<&str> {
        self.block.split(before).nth(1)?.split(after).next()
    }
}

#[test]
fn functions_whose_bad_version_costs_money_or_loses_facts_get_their_traffic_by_an_alias() {
    const MARK: &str = "      AutoPublishAlias: live\n      VersionDeletionPolicy: Delete\n      DeploymentPreference: { Enabled: true }\n";
    for function in functions() {
        let marked = function.block.contains(MARK);
        assert_eq!(function.block.matches("AutoPublishAlias").count(), usize::from(marked), "{}", function.logical_id);
        let told_once = ["Type: SQS\n", "Type: DynamoDB\n", "/api/webhooks/"];
        let name = function.binary();
        let moves_credits = ["onboard", "adjust_credits", "complete_booking"].contains(&name)
            || ["create_booking", "cancel_booking", "reschedule_booking"].contains(&name);
        let expected = moves_credits || told_once.iter().any(|words| function.block.contains(words));
        assert_eq!(marked, expected, "{name}");
    }
}
