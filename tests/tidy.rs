//! The house rules that a program can see.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::template::{functions, resources, root};

fn binaries() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for area in fs::read_dir(root().join("functions")).unwrap() {
        let area = area.unwrap();
        for binary in fs::read_dir(area.path().join("src/bin")).unwrap() {
            let name = binary.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
            let area = area.file_name().to_str().unwrap().to_owned();
            assert_eq!(found.insert(name.clone(), area), None, "two binaries are called {name}");
        }
    }
    found
}

#[test]
fn every_binary_is_a_function_of_the_template_and_every_function_a_binary() {
    let deployed: BTreeSet<String> = functions().iter().map(|f| f.binary().to_owned()).collect();
    let built: BTreeSet<String> = binaries().into_keys().collect();
    assert_eq!(built, deployed);
}

#[test]
fn a_function_is_called_after_its_binary() {
    for function in functions() {
        let pascal: String = function.binary().split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        assert_eq!(function.logical_id, format!("{pascal}Function"));
    }
}

#[test]
fn every_route_has_the_path_method_and_binary_that_the_template_gives_it() {
    let deployed: BTreeMap<String, (String, String)> = functions()
        .iter()
        .filter_map(|f| f.route().map(|(method, path)| (f.binary().to_owned(), (method.to_owned(), path.to_owned()))))
        .collect();
    let served: BTreeMap<String, (String, String)> =
        tests::all_routes().iter().map(|r| (r.name.to_owned(), (r.method.to_owned(), r.path.to_owned()))).collect();
    assert_eq!(served, deployed);
}

#[test]
fn a_route_can_read_the_secrets_it_declares_and_no_others() {
    let functions: BTreeMap<String, String> =
        functions().into_iter().map(|f| (f.binary().to_owned(), f.block)).collect();
    for route in tests::all_routes() {
        let block = &functions[route.name];
        for (provider, secret) in [("clerk", "ClerkSecret"), ("stream", "StreamSecret"), ("gemini", "GeminiSecret")] {
            let declared = route.needs.iter().any(|p| p.name() == provider);
            assert_eq!(block.contains(secret), declared, "{} and {secret}", route.name);
        }
    }
}

#[test]
fn no_function_may_do_everything() {
    for function in functions() {
        let actions = function.block.split("Action:").skip(1).map(|rest| rest.split("Resource").next().unwrap());
        for action in actions {
            assert!(!action.contains('*'), "{} may do {action}", function.logical_id);
        }
        for resource in function.block.split("Resource:").skip(1) {
            let resource = resource.lines().next().unwrap().trim();
            assert!(!resource.starts_with("\"*\"") && !resource.starts_with("'*'"), "{}", function.logical_id);
        }
    }
}

#[test]
fn every_queue_has_a_dead_letter_queue_and_every_worker_reports_single_failures() {
    for (name, block) in resources() {
        let is_queue = block.contains("Type: AWS::SQS::Queue\n");
        let is_last = name.ends_with("DeadLetterQueue") || name == "RelayFailureQueue";
        if is_queue && !is_last {
            let receives = number_after(&block, "maxReceiveCount: ");
            assert_eq!(receives, Some(domain::patience::RECEIVES.into()), "{name} sets nothing aside");
            let worker =
                functions().into_iter().find(|f| f.block.contains(&format!("Queue: !GetAtt State.Outputs.{name}Arn")));
            let timeout = number_after(&worker.unwrap_or_else(|| panic!("{name} has no worker")).block, "Timeout: ");
            let visibility = number_after(&block, "VisibilityTimeout: ");
            assert_eq!(visibility, timeout.map(|seconds| 6 * seconds), "{name}, beside its worker's time-out");
            // As long as any wait that a worker may ask for, each time.
            let longest = u64::from(domain::patience::RECEIVES) * 12 * 60 * 60;
            assert!(number_after(&block, "MessageRetentionPeriod: ") > Some(longest), "{name} forgets what waits");
        }
        if is_queue && is_last {
            let alarmed = resources().iter().any(|(_, b)| b.contains("AWS::CloudWatch::Alarm") && b.contains(&name));
            assert!(alarmed, "{name} fills without an alarm");
        }
        if block.contains("Type: SQS\n") {
            assert!(block.contains("ReportBatchItemFailures"), "{name} repeats whole batches");
            assert!(
                block.contains("BatchSize: 1\n"),
                "{name} could not fail an invocation by the fault of one message"
            );
        }
    }
}

/// The first number behind `words`.
fn number_after(block: &str, words: &str) -> Option<u64> {
    let digits = block.split(words).nth(1)?;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn every_queue_that_a_row_can_name_has_an_address_where_rows_are_sent() {
    for function in functions().iter().filter(|f| ["relay_outbox", "redrive_outbox"].contains(&f.binary())) {
        let pairs = function.block.split("QUEUES: !Sub \"").nth(1).unwrap().split('"').next().unwrap();
        let named: BTreeSet<&str> = pairs.split(',').map(|pair| pair.split('=').next().unwrap()).collect();
        let written: BTreeSet<&str> = store::outbox::Queue::ALL.into_iter().map(store::outbox::Queue::name).collect();
        assert_eq!(named, written, "{}", function.logical_id);
        for queue in pairs.split("${").skip(1).map(|rest| rest.split("Url}").next().unwrap()) {
            assert!(
                function.block.contains(&format!("!GetAtt {queue}Arn")),
                "{} cannot send to {queue}",
                function.logical_id
            );
        }
    }
}

#[test]
fn function_crates_do_not_depend_on_each_other_and_the_domain_on_nothing_outside() {
    let areas: BTreeSet<String> = binaries().into_values().collect();
    let dependencies = |path: &str| -> Vec<String> {
        let manifest = fs::read_to_string(root().join(path).join("Cargo.toml")).unwrap();
        let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
        section.lines().filter_map(|l| l.split(['.', ' ', '=']).next()).map(str::to_owned).collect()
    };
    for area in &areas {
        let foreign: Vec<String> =
            dependencies(&format!("functions/{area}")).into_iter().filter(|d| areas.contains(d)).collect();
        assert!(foreign.is_empty(), "{area} depends on {foreign:?}");
    }
    for (library, forbidden) in [
        ("domain", vec!["store", "providers", "kit", "tokio", "reqwest", "axum", "http", "aws-sdk-dynamodb"]),
        ("store", vec!["providers", "kit", "views", "reqwest", "axum"]),
        ("providers", vec!["store", "kit", "views", "axum"]),
        ("views", vec!["store", "providers", "kit", "axum", "http", "aws-sdk-dynamodb"]),
    ] {
        for dependency in dependencies(&format!("shared/{library}")) {
            assert!(!forbidden.contains(&dependency.as_str()), "{library} depends on {dependency}");
        }
    }
}
