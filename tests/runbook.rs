//! What operators rely on: each alarm has an entry in the runbook, and what the workflows install is what is tested here.

use std::collections::BTreeSet;
use std::fs;

use crate::template::{resources, root};

fn runbook() -> String {
    fs::read_to_string(root().join("infra/RUNBOOK.md")).unwrap()
}

fn alarms() -> Vec<(String, String)> {
    resources().into_iter().filter(|(_, block)| block.contains("Type: AWS::CloudWatch::Alarm")).collect()
}

#[test]
fn each_alarm_has_an_entry_that_says_who_suffers_how_to_look_and_how_to_mend() {
    let text = runbook();
    let alarms: BTreeSet<String> = alarms().into_iter().map(|(name, _)| name).collect();
    assert!(alarms.len() > 10, "{alarms:?}");
    let entries: Vec<(&str, &str)> = text.split("\n## ").skip(1).filter_map(|entry| entry.split_once('\n')).collect();
    let described: BTreeSet<String> = entries.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(described, alarms);
    for (name, entry) in entries {
        for part in ["**Users:**", "**Look:**", "**Mend:**"] {
            assert!(entry.contains(part), "{name} has no {part}");
        }
    }
}

#[test]
fn the_role_that_deploys_may_make_each_kind_of_resource_and_reads_no_data() {
    let policy = fs::read_to_string(root().join("infra/github.yaml")).unwrap();
    let actions: BTreeSet<&str> = policy
        .split(|c: char| c.is_whitespace() || "[],\"".contains(c))
        .filter(|word| {
            word.split_once(':').is_some_and(|(_, action)| action.starts_with(|c: char| c.is_ascii_uppercase()))
        })
        .collect();
    // What makes a resource of each kind. SAM makes the rest of a function and of the API.
    let makers = |kind: &str| match kind {
        "AWS::Serverless::Function" => vec![
            "lambda:CreateFunction",
            "lambda:PublishVersion",
            "lambda:CreateAlias",
            "lambda:AddPermission",
            "lambda:CreateEventSourceMapping",
            "lambda:PutFunctionEventInvokeConfig",
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "iam:PassRole",
            "codedeploy:CreateDeploymentGroup",
            "scheduler:CreateSchedule",
        ],
        "AWS::Serverless::HttpApi" => vec!["apigateway:POST", "logs:CreateLogDelivery"],
        "AWS::DynamoDB::Table" => vec!["dynamodb:CreateTable", "dynamodb:UpdateTimeToLive"],
        "AWS::S3::Bucket" => vec!["s3:CreateBucket", "s3:PutLifecycleConfiguration"],
        "AWS::S3::BucketPolicy" => vec!["s3:PutBucketPolicy"],
        "AWS::SQS::Queue" => vec!["sqs:CreateQueue", "sqs:SetQueueAttributes"],
        "AWS::SecretsManager::Secret" => vec!["secretsmanager:CreateSecret"],
        "AWS::SNS::Topic" => vec!["sns:CreateTopic", "sns:Subscribe"],
        "AWS::Logs::LogGroup" => vec!["logs:CreateLogGroup", "logs:PutRetentionPolicy"],
        "AWS::Logs::MetricFilter" => vec!["logs:PutMetricFilter"],
        "AWS::CloudWatch::Alarm" => vec!["cloudwatch:PutMetricAlarm"],
        "AWS::CloudWatch::Dashboard" => vec!["cloudwatch:PutDashboard"],
        "AWS::CloudFormation::Stack" => vec!["cloudformation:CreateStack"],
        other => panic!("what makes {other}? Say it here and in infra/github.yaml"),
    };
    let kinds: BTreeSet<String> = resources()
        .into_iter()
        .filter_map(|(_, block)| Some(block.split("    Type: ").nth(1)?.lines().next()?.to_owned()))
        .collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    for action in kinds.iter().flat_map(|kind| makers(kind)) {
        assert!(actions.contains(action), "infra/github.yaml lacks {action}");
    }
    for action in actions {
        let reads_data =
            ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "sqs:ReceiveMessage", "logs:GetLogEvents"];
        assert!(!reads_data.contains(&action) && !action.starts_with("lambda:Invoke"), "{action}");
    }
    let is_whole = |word: &&str| word.ends_with(":*") && !word.starts_with("arn:");
    let whole_services: Vec<&str> = policy.split(['"', ' ', ',']).filter(is_whole).collect();
    assert_eq!(whole_services, ["iam:*", "cloudformation:*"], "these it denies itself");
    assert_eq!(policy.matches("GetSecretValue").count(), 1);
    assert_eq!(
        policy.matches("Resource: \"*\"").count(),
        3,
        "what cannot be named: log deliveries, and what feeds functions"
    );
}

#[test]
fn an_alarm_names_its_entry_tells_somebody_and_is_on_the_dashboard() {
    let dashboard = resources().into_iter().find(|(name, _)| name == "Dashboard").unwrap().1;
    for (name, block) in alarms() {
        assert!(block.contains(&format!("infra/RUNBOOK.md, {name}\n")), "{name}");
        assert!(block.contains("AlarmActions: !If [HasAlarmEmail, [!Ref AlarmTopic]"), "{name} tells nobody");
        assert!(dashboard.contains(&format!("${{{name}.Arn}}")), "{name} is not on the dashboard");
    }
}

#[test]
fn each_metric_of_ours_that_an_alarm_watches_is_counted_somewhere() {
    let telemetry = fs::read_to_string(root().join("shared/kit/src/telemetry.rs")).unwrap();
    let mut watched = 0;
    for (name, block) in alarms().into_iter().filter(|(_, block)| block.contains("Namespace: Greenroom")) {
        for metric in block.split("MetricName: ").skip(1) {
            let metric = metric.split([' ', ',', '\n']).next().unwrap();
            let filtered = resources().iter().any(|(_, b)| b.contains("MetricFilter") && b.contains(metric));
            assert!(
                filtered || telemetry.contains(&format!("\"{metric}\"")),
                "{name} waits for {metric}, which nobody counts"
            );
            watched += 1;
        }
    }
    assert!(watched >= 7, "{watched}");
}

#[test]
fn alarms_that_take_a_deployment_back_are_known_by_their_names() {
    for (name, block) in alarms() {
        assert!(block.contains(&format!("AlarmName: !Sub \"${{StackName}}-{name}\"\n")), "{name}");
    }
    let template = crate::template::text();
    let list = template.split("      Alarms: !If [IsCautious, [").nth(1).unwrap().split(']').next().unwrap();
    let named = |alarm: &str| alarm.strip_prefix("!Sub \"${AWS::StackName}-")?.strip_suffix('"').map(str::to_owned);
    let shifting: BTreeSet<String> = list.split(", ").map(|alarm| named(alarm).expect(alarm)).collect();
    let deploy = fs::read_to_string(root().join("infra/deploy.py")).unwrap();
    let list = deploy.split("\nTAKING_BACK = (").nth(1).unwrap().split(')').next().unwrap();
    let triggers: BTreeSet<String> = list.split(", ").map(|alarm| alarm.trim_matches('"').to_owned()).collect();
    assert_eq!(shifting, triggers, "the shift of traffic and the deployment are taken back by the same");
    let known: BTreeSet<String> = alarms().into_iter().map(|(name, _)| name).collect();
    assert!(!triggers.is_empty() && triggers.is_subset(&known), "{triggers:?}");
    let told: BTreeSet<String> = runbook()
        .split("\n## ")
        .skip(1)
        .filter(|entry| entry.contains("takes a deployment back"))
        .map(|entry| entry.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(told, triggers, "the runbook says of these, and of no others, that they take a deployment back");
}

#[test]
fn the_workflows_install_the_versions_that_are_pinned_here() {
    let workflow = fs::read_to_string(root().join(".github/workflows/deploy-stage.yml")).unwrap();
    for (list, package) in [("requirements.txt", "boto3"), ("requirements-check.txt", "aws-sam-cli")] {
        let pins = fs::read_to_string(root().join("infra/local").join(list)).unwrap();
        let pin = pins.lines().find(|line| line.starts_with(&format!("{package}=="))).unwrap();
        assert!(workflow.contains(pin), "the workflow does not install {pin}");
    }
}

/// The names of the template's parameters.
fn parameters() -> BTreeSet<String> {
    let template = crate::template::text();
    let parameters = template.split("\nParameters:\n").nth(1).unwrap().split("\nConditions:\n").next().unwrap();
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
    parameters.lines().filter(is_name).map(|line| line.trim().trim_end_matches(':').to_owned()).collect()
}

#[test]
fn the_page_of_parameters_names_those_of_the_template_and_no_others() {
    let page = fs::read_to_string(root().join("infra/PARAMETERS.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let named: BTreeSet<String> =
        rows.flat_map(|cell| cell.split(',')).map(|name| name.trim().trim_matches('`').to_owned()).collect();
    assert_eq!(named, parameters());
}

#[test]
fn every_parameter_is_used_in_the_template_but_the_one_that_only_the_smoke_test_reads() {
    let template = crate::template::text();
    let body = template.split("\nConditions:\n").nth(1).unwrap();
    let refers = |name: &str| {
        let (plain, within) = (format!("!Ref {name}"), format!("${{{name}}}"));
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        body.split(&plain).skip(1).any(ends) || body.contains(&within)
    };
    let unused: Vec<String> = parameters().into_iter().filter(|name| !refers(name)).collect();
    assert_eq!(unused, ["ClerkApiBaseUrl"], "cfn-lint is told not to look at this (W2001), so that is done here");
}

#[test]
fn what_the_workflow_gives_a_deployment_are_parameters_of_the_template() {
    let workflow = fs::read_to_string(root().join(".github/workflows/deploy-stage.yml")).unwrap();
    let names: BTreeSet<String> = parameters().iter().map(|name| name.to_uppercase()).collect();
    let step = workflow.split("- name: deploy\n").nth(1).unwrap().split("run: ").next().unwrap();
    let given: Vec<&str> =
        step.lines().filter_map(|line| line.trim().split_once(": ${{")).map(|(name, _)| name).collect();
    assert!(given.len() >= 9, "{given:?}");
    for variable in given {
        assert!(names.contains(&variable.replace('_', "")), "{variable} is no parameter");
    }
}
