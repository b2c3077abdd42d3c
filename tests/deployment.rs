//! What `infra/deploy.py` asks of AWS, with a program in place of `sam` and `aws` that writes down what it is asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::template::root;

const STAND_IN: &str = r#"#!/bin/sh
for argument; do
  case "$argument" in
    file://*/rollback.json) cp "${argument#file://}" "$ASKED" ;;
    CREATE | UPDATE) echo "$argument" > "$ASKED.kind" ;;
    /*/template.yaml) [ "$1" = package ] && echo "TemplateURL: https://s3.eu-west-1.amazonaws.com/b/k/1.template" > "$argument" ;;
  esac
done
case "$2" in
  describe-stacks) if [ -n "$STATUS" ]; then echo "\"$STATUS\""; else echo "stack does not exist" >&2; exit 254; fi ;;
  describe-alarms) echo "$ALARMS" ;;
esac
"#;

/// A `python3` that chooses among several puts its own programs first, so the stand-ins come before them here.
const RUN: &str = r#"
import os, runpy
os.environ["PATH"] = os.pathsep.join([os.environ["STAND_INS"], os.environ["PATH"]])
runpy.run_path("infra/deploy.py", run_name="__main__")
"#;

/// The kind of the change set and its rollback triggers.
fn asked(name: &str, arguments: &[&str], status: &str, alarms: &Value) -> (String, Value) {
    let folder = std::env::temp_dir().join(format!("greenroom-deployment-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for program in ["sam", "aws"] {
        fs::write(folder.join(program), STAND_IN).unwrap();
        fs::set_permissions(folder.join(program), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("python3");
    command.args(["-c", RUN]).args(arguments);
    command.current_dir(root()).env("STAND_INS", &folder).env("ASKED", folder.join("asked")).env("CI", "1");
    command.env("STATUS", status).env("ALARMS", alarms.to_string()).env_remove("CAUTIOUS");
    command.env("CLERK_ISSUER", "https://clerk.example.test").env("ALLOWED_ORIGINS", "https://app.example.test");
    let output = command.env("CLERK_JWKS", r#"{"keys":[]}"#).output().unwrap();
    let asked = fs::read_to_string(folder.join("asked"));
    let kind = fs::read_to_string(folder.join("asked.kind"));
    fs::remove_dir_all(&folder).unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    (kind.expect(&told).trim().to_owned(), serde_json::from_str(&asked.expect(&told)).unwrap())
}

#[test]
fn a_deployment_is_taken_back_by_the_alarms_that_are_there_unless_they_are_to_be_disregarded() {
    let alarms = json!(["arn:of:greenroom-FaultyAnswerAlarm", "arn:of:greenroom-FunctionErrorAlarm"]);
    let triggers: Vec<Value> =
        alarms.as_array().unwrap().iter().map(|arn| json!({ "Arn": arn, "Type": "AWS::CloudWatch::Alarm" })).collect();
    let none = json!({ "RollbackTriggers": [], "MonitoringTimeInMinutes": 0 });
    for (name, arguments, status, alarms, kind, expected) in [
        ("first", &["prod"][..], "", json!([]), "CREATE", none.clone()),
        ("begun", &["prod"], "REVIEW_IN_PROGRESS", json!([]), "CREATE", none.clone()),
        (
            "later",
            &["prod"],
            "UPDATE_COMPLETE",
            alarms.clone(),
            "UPDATE",
            json!({ "RollbackTriggers": triggers, "MonitoringTimeInMinutes": 5 }),
        ),
        (
            "staging",
            &["staging"],
            "UPDATE_COMPLETE",
            alarms.clone(),
            "UPDATE",
            json!({ "RollbackTriggers": triggers, "MonitoringTimeInMinutes": 0 }),
        ),
        // An empty list, and not none: CloudFormation would keep those of the deployment before.
        ("back", &["prod", "--despite-alarms"], "UPDATE_COMPLETE", alarms.clone(), "UPDATE", none.clone()),
    ] {
        assert_eq!(asked(name, arguments, status, &alarms), (kind.to_owned(), expected), "{name}");
    }
}
