//! What templates, manuals and folders have to say of each provider in the table, and of no other.

use std::collections::BTreeSet;
use std::fs;

use ::providers::Provider;

use crate::template::{resources, root, text};

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn nothing_is_missing_that_a_provider_needs() {
    let (template, state) = (text(), read("infra/state.yaml"));
    let mut missing = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            missing.push(what);
        }
    };
    for provider in Provider::ALL {
        let (name, secret) = (provider.name(), provider.secret_resource());
        let parameter = format!(
            "\n  {}:\n    Type: String\n    Default: {}\n",
            provider.base_url_parameter(),
            provider.public_address()
        );
        expect(template.contains(&parameter), format!("template.yaml: the parameter{parameter}"));
        let made = format!(
            "\n  {secret}:\n    Type: AWS::SecretsManager::Secret\n    Properties: {{ Name: !Sub \"${{StackName}}/{name}\", SecretString: '{{\"placeholder\":\"true\"}}' }}\n"
        );
        expect(state.contains(&made), format!("infra/state.yaml: the secret{made}"));
        let output = format!("\n  {secret}Arn: {{ Value: !Ref {secret} }}\n");
        expect(state.contains(&output), format!("infra/state.yaml: the output{output}"));
        for page in ["infra/README.md", "infra/RUNBOOK.md"] {
            let example = provider.example();
            expect(read(page).contains(&example), format!("{page}: how the secret of {name} is filled, {example}"));
        }
        for folder in [format!("shared/providers/src/{name}"), format!("infra/simulators/src/{name}")] {
            expect(root().join(&folder).is_dir(), format!("the folder {folder}"));
        }
    }
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}

#[test]
fn templates_know_no_other_provider() {
    let parameters: BTreeSet<String> = Provider::ALL.map(Provider::base_url_parameter).into();
    let template = text();
    let declared: BTreeSet<String> = template
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   ") && line.ends_with("BaseUrl:"))
        .map(|line| line.trim().trim_end_matches(':').to_owned())
        .collect();
    assert_eq!(declared, parameters);
    let secrets = resources().into_iter().filter(|(_, block)| block.contains("Type: AWS::SecretsManager::Secret"));
    let secrets: BTreeSet<String> = secrets.map(|(name, _)| name).collect();
    let known: BTreeSet<String> = Provider::ALL.map(Provider::secret_resource).into();
    assert_eq!(secrets, known);
    let given = template.lines().filter_map(|line| line.trim().split_once("_BASE_URL: !Ref "));
    for (name, parameter) in given {
        let variable = format!("{name}_BASE_URL");
        let provider = Provider::ALL.into_iter().find(|provider| provider.base_url_variable() == variable);
        assert_eq!(provider.map(Provider::base_url_parameter).as_deref(), Some(parameter), "{variable}");
    }
}
