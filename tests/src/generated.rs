//! The blocks of `template.yaml` and the binaries, made from what the functions say of themselves.

use std::fmt::Write;

use kit::config::Setting;
use kit::function::Function;
use kit::needs::{Needs, Object, Table};
use kit::secrets::Provider;
use kit::task::Trigger;
use store::outbox::Queue;

/// The blocks of all areas.
pub fn blocks(areas: &[(&str, Vec<Function>)]) -> String {
    let mut text = String::new();
    for (area, functions) in areas {
        write!(text, "  # Area: {area}\n\n").unwrap();
        for function in functions {
            text += &block(function);
            text.push('\n');
        }
    }
    text
}

/// The binary that serves a function of `area`.
pub fn binary(area: &str, function: &Function) -> String {
    let name = function.name();
    let (about, call) = match function {
        Function::Route(_) => (format!("Serves `{name}`"), format!("serve_http({area}::{name}::route())")),
        Function::Worker(_) => {
            (format!("Works off the queue of `{name}`"), format!("serve_queue({area}::{name}::worker())"))
        }
        Function::Task(_) => (format!("Runs `{name}`"), format!("serve_task({area}::{name}::task())")),
        Function::UnknownAddress => {
            ("Serves every address that no route has".to_owned(), "serve_unknown_addresses()".to_owned())
        }
    };
    format!("//! {about}.\nfn main() -> std::process::ExitCode {{\n    kit::serve::{call}\n}}\n")
}

/// `run_media` as `RunMedia`.
fn pascal(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn block(function: &Function) -> String {
    let (name, needs) = (function.name(), function.needs());
    let mut text = comment(function);
    write!(
        text,
        "  {}Function:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: target/lambda/{name}/\n",
        pascal(name)
    )
    .unwrap();
    if function.is_shifted_gradually() {
        text += "      AutoPublishAlias: live\n      VersionDeletionPolicy: Delete\n      DeploymentPreference: { Enabled: true }\n";
    }
    if needs.memory_mb != Needs::NOTHING.memory_mb {
        writeln!(text, "      MemorySize: {}", needs.memory_mb).unwrap();
    }
    if needs.timeout_seconds != Needs::NOTHING.timeout_seconds {
        writeln!(text, "      Timeout: {}", needs.timeout_seconds).unwrap();
    }
    if is_scheduled(function) {
        text += "      # A scheduled run is an asynchronous invocation, which Lambda would repeat twice; the next run does what this one left.\n";
        text += "      EventInvokeConfig: { MaximumRetryAttempts: 0 }\n";
    }
    let variables = variables(function);
    if !variables.is_empty() {
        text += "      Environment:\n        Variables:\n";
        for (name, value) in variables {
            writeln!(text, "          {name}: {value}").unwrap();
        }
    }
    let statements = statements(function);
    if !statements.is_empty() {
        text += "      Policies:\n        - Statement:\n";
        for (actions, resources) in statements {
            let (actions, resources) = (one_or_list(&actions), one_or_list(&resources));
            writeln!(text, "            - {{ Effect: Allow, Action: {actions}, Resource: {resources} }}").unwrap();
        }
    }
    text + "      Events:\n" + &event(function)
}

fn comment(function: &Function) -> String {
    match function {
        Function::Route(_) => String::new(),
        Function::Worker(worker) => format!("  # Queue {}: {}\n", worker.queue.name(), worker.about),
        Function::Task(task) => format!("  # {}\n", task.about),
        Function::UnknownAddress => "  # Every address that no route has, and other methods of those that cannot be got: answered in the same form as everything else.\n".to_owned(),
    }
}

fn is_scheduled(function: &Function) -> bool {
    matches!(function, Function::Task(task) if matches!(task.trigger, Trigger::Schedule(..)))
}

/// The variables it is given beside those of every function.
pub fn variables(function: &Function) -> Vec<(&'static str, String)> {
    let given = function.given().settings;
    let settings = Setting::ALL.into_iter().filter(|setting| given.contains(setting));
    let names = settings.flat_map(|setting| setting.variables().iter().copied());
    names.map(|name| (name, value(name, function))).collect()
}

fn value(variable: &str, function: &Function) -> String {
    let address = |queue: Queue| format!("{}=${{{}Url}}", queue.name(), queue_output(queue));
    match (variable, function) {
        ("ALLOWED_ORIGINS", _) => "!Join [\",\", !Ref AllowedOrigins]".to_owned(),
        ("QUEUES", _) => format!("!Sub \"{}\"", Queue::ALL.map(address).join(",")),
        ("QUEUE_URL", Function::Worker(worker)) => format!("!GetAtt {}Url", queue_output(worker.queue)),
        ("MEDIA_BUCKET", _) => "!GetAtt State.Outputs.MediaBucketName".to_owned(),
        _ => format!("!Ref {}", pascal(&variable.to_lowercase())),
    }
}

/// What the state's outputs of a queue begin with.
fn queue_output(queue: Queue) -> String {
    format!("State.Outputs.{}Queue", pascal(queue.name()))
}

fn secret(provider: Provider) -> String {
    format!("!GetAtt State.Outputs.{}Arn", provider.secret_resource())
}

/// What its role allows: actions, and on which resources.
fn statements(function: &Function) -> Vec<(Vec<String>, Vec<String>)> {
    let needs = function.needs();
    let of_queue = |queue| format!("!GetAtt {}Arn", queue_output(queue));
    let mut statements = Vec::new();
    let mut allow = |actions: Vec<&str>, resources: Vec<String>| {
        if !actions.is_empty() && !resources.is_empty() {
            statements.push((actions.into_iter().map(str::to_owned).collect(), resources));
        }
    };
    allow(
        needs.table.iter().map(|action| on_table(*action)).collect(),
        vec!["!GetAtt State.Outputs.TableArn".to_owned()],
    );
    let index = |name: &&str| format!("!Sub \"${{State.Outputs.TableArn}}/index/{name}\"");
    allow(vec!["dynamodb:Query"], needs.indexes.iter().map(index).collect());
    if needs.sends {
        allow(vec!["sqs:SendMessage"], Queue::ALL.map(of_queue).into());
    }
    if let Function::Worker(worker) = function {
        allow(vec!["sqs:ChangeMessageVisibility"], vec![of_queue(worker.queue)]);
    }
    if needs.ages_of_secrets {
        allow(vec!["secretsmanager:ListSecretVersionIds"], Provider::ALL.map(secret).into());
    }
    allow(vec!["secretsmanager:GetSecretValue"], function.given().secrets.into_iter().map(secret).collect());
    for (actions, folders) in needs.media {
        let folder = |name: &&str| format!("!Sub \"${{State.Outputs.MediaBucketArn}}/{name}/*\"");
        allow(actions.iter().map(|action| on_object(*action)).collect(), folders.iter().map(folder).collect());
    }
    statements
}

fn on_table(action: Table) -> &'static str {
    match action {
        Table::Get => "dynamodb:GetItem",
        Table::BatchGet => "dynamodb:BatchGetItem",
        Table::QueryTable => "dynamodb:Query",
        Table::Scan => "dynamodb:Scan",
        Table::Put => "dynamodb:PutItem",
        Table::Update => "dynamodb:UpdateItem",
        Table::Delete => "dynamodb:DeleteItem",
        Table::Check => "dynamodb:ConditionCheckItem",
    }
}

fn on_object(action: Object) -> &'static str {
    match action {
        Object::Get => "s3:GetObject",
        Object::Put => "s3:PutObject",
        Object::Delete => "s3:DeleteObject",
        Object::AbortUpload => "s3:AbortMultipartUpload",
        Object::ListParts => "s3:ListMultipartUploadParts",
    }
}

fn one_or_list(items: &[String]) -> String {
    if let [one] = items { one.clone() } else { format!("[{}]", items.join(", ")) }
}

/// What starts it.
fn event(function: &Function) -> String {
    match function {
        Function::Route(route) => {
            let method = if route.method == "GET" { "ANY" } else { route.method };
            format!(
                "        Route:\n          Type: HttpApi\n          Properties: {{ ApiId: !Ref HttpApi, Method: {method}, Path: \"{}\" }}\n",
                route.path
            )
        }
        Function::UnknownAddress => {
            "        Everything:\n          Type: HttpApi\n          Properties: { ApiId: !Ref HttpApi }\n".to_owned()
        }
        Function::Worker(worker) => format!(
            "        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt {}Arn
            BatchSize: 1
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {{ MaximumConcurrency: {} }}
",
            queue_output(worker.queue),
            worker.concurrency
        ),
        Function::Task(task) => match task.trigger {
            Trigger::Schedule(name, expression) => format!(
                "        {name}:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: {expression}
            OmitName: true
            RetryPolicy: {{ MaximumRetryAttempts: 0 }}
"
            ),
            Trigger::OutboxRows => OUTBOX_ROWS.to_owned(),
        },
    }
}

const OUTBOX_ROWS: &str = r#"        Outbox:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt State.Outputs.TableStreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 100
            BisectBatchOnFunctionError: true
            FunctionResponseTypes: [ReportBatchItemFailures]
            MaximumRetryAttempts: 10
            MaximumRecordAgeInSeconds: 3600
            DestinationConfig:
              OnFailure: { Type: SQS, Destination: !GetAtt State.Outputs.RelayFailureQueueArn }
            FilterCriteria:
              Filters:
                - Pattern: '{"eventName":["INSERT"],"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"OUTBOX#"}]}}}}'
"#;
