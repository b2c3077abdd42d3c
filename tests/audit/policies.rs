//! What the roles grant, read from the `Policies` of `template.yaml`.

use crate::seen::Call;
use crate::template;

/// Everything that functions are granted by their own policies. SAM adds managed ones: writing logs and traces, and for
/// Lambda's own pollers reading a queue or a stream. Functions use none of those themselves.
pub fn grants() -> Vec<Call> {
    template::functions().iter().flat_map(|f| function_grants(&f.logical_id, &f.block)).collect()
}

fn function_grants(function: &str, block: &str) -> Vec<Call> {
    let Some(policies) = block.split("      Policies:\n").nth(1) else { return Vec::new() };
    let lines = policies.lines().take_while(|line| line.starts_with("        ")).map(str::trim);
    let mut grants = Vec::new();
    for line in lines.filter(|line| !line.starts_with('#') && *line != "- Statement:") {
        // One form for all statements: what cannot be read here cannot be held against what was seen.
        let statement = line.strip_prefix("- { Effect: Allow, Action: ").and_then(|l| l.strip_suffix(" }"));
        let statement = statement.unwrap_or_else(|| panic!("{function}: a policy this test cannot read: {line}"));
        let (actions, resources) = statement.split_once(", Resource: ").expect("an Action, then a Resource");
        for action in list(actions) {
            for resource in list(resources) {
                grants.push(Call {
                    function: function.to_owned(),
                    action: action.to_owned(),
                    resource: resource_words(resource),
                });
            }
        }
    }
    grants
}

fn list(text: &str) -> Vec<&str> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    inner.map_or_else(|| vec![text], |inner| inner.split(", ").collect())
}

/// `!GetAtt State.Outputs.TableArn` and `!Sub "${State.Outputs.TableArn}/index/gsi1"` as `Table.Arn` and `Table.Arn/index/gsi1`: what the
/// output stands for in `infra/state.yaml`, without what YAML needs.
fn resource_words(resource: &str) -> String {
    let bare = resource.trim_start_matches("!GetAtt ").trim_start_matches("!Sub ").trim_matches('"');
    let bare = bare.replace("${", "").replace('}', "");
    let named = bare.strip_prefix("State.Outputs.").unwrap_or_else(|| panic!("not of infra/state.yaml: {resource}"));
    let (output, rest) = named.split_at(named.find('/').unwrap_or(named.len()));
    let state = std::fs::read_to_string(template::root().join("infra/state.yaml")).unwrap();
    let value = state.split(&format!("\n  {output}: {{ Value: ")).nth(1).expect(output).split(" }").next().unwrap();
    format!("{}{rest}", value.trim_start_matches("!Ref ").trim_start_matches("!GetAtt "))
}

#[test]
fn policies_are_read_as_they_are_written() {
    let block = "      CodeUri: x\n      Policies:\n        - Statement:\n            # Why.\n            - { Effect: Allow, \
                 Action: [dynamodb:GetItem, dynamodb:Query], Resource: [!GetAtt State.Outputs.TableArn, !Sub \
                 \"${State.Outputs.TableArn}/index/gsi1\"] }\n            - { Effect: Allow, Action: a:B, Resource: !GetAtt \
                 State.Outputs.StreamSecretArn }\n      Events:\n        X: y\n";
    let read: Vec<String> =
        function_grants("F", block).iter().map(|g| format!("{} {}", g.action, g.resource)).collect();
    assert_eq!(
        read,
        [
            "dynamodb:GetItem Table.Arn",
            "dynamodb:GetItem Table.Arn/index/gsi1",
            "dynamodb:Query Table.Arn",
            "dynamodb:Query Table.Arn/index/gsi1",
            "a:B StreamSecret",
        ]
    );
}
