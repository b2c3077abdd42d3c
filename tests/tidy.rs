//! The house rules that a program can see.

use std::collections::BTreeSet;
use std::fs;

use crate::template::{functions, resources, root, text};

#[test]
fn every_crate_under_functions_is_an_area_and_no_two_functions_share_a_name() {
    let folders: BTreeSet<String> = fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|area| area.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, areas());
    let mut names = BTreeSet::new();
    for function in tests::all_functions() {
        assert!(names.insert(function.name()), "two functions are called {}", function.name());
    }
}

fn areas() -> BTreeSet<String> {
    tests::areas().into_iter().map(|(area, _)| area.to_owned()).collect()
}

/// A value as long as it may become: an issuer with three keys of 2048 bits, ten admins, five origins, nine queues.
fn length(variable: &str) -> usize {
    let key =
        r#"{"use":"sig","kty":"RSA","kid":"","alg":"RS256","n":"","e":"AQAB"},"#.len() + 36 + 2048usize.div_ceil(6);
    match variable {
        "CLERK_JWKS" => 12 + 3 * key,
        "ADMIN_USER_IDS" => 10 * 33,
        "ALLOWED_ORIGINS" => 5 * 40,
        "QUEUES" => 9 * 110,
        "MEDIA_BUCKET" => 63,
        "QUEUE_URL" | "TABLE_NAME" => 128,
        name if name.ends_with("_BASE_URL") || name == "CLERK_ISSUER" => 64,
        _ => 40,
    }
}

#[test]
fn the_environment_of_every_function_leaves_room_for_nine_providers_within_4_kb() {
    let template = text();
    let globals =
        template.split("    Environment:\n      Variables:\n").nth(1).unwrap().split("\nResources:").next().unwrap();
    let names =
        globals.lines().map(str::trim).filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
    let shared: usize = names.map(|(name, _)| name.len() + length(name)).sum();
    assert!(shared > 0);
    // Six providers are still to come; one function could call them all, each with an address and two further parameters.
    let to_come = 6 * ("PROVIDER_BASE_URL".len() + 64 + 2 * ("PROVIDER_MODEL".len() + 40));
    let mut most = (0, "");
    for function in tests::all_functions() {
        let own: usize = tests::generated::variables(&function).iter().map(|(name, _)| name.len() + length(name)).sum();
        most = most.max((shared + own, function.name()));
    }
    println!("the largest environment: {} bytes, {}", most.0, most.1);
    assert!(most.0 + to_come < 4096, "{most:?} and {to_come} to come");
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
fn what_functions_say_of_themselves_is_logged() {
    for area in areas() {
        assert!(kit::telemetry::OURS.contains(&&*area), "{area} is missing in shared/kit/src/telemetry.rs");
    }
}

#[test]
fn function_crates_do_not_depend_on_each_other_and_the_domain_on_nothing_outside() {
    let areas = areas();
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

#[test]
fn the_readme_is_a_front_page() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let long: Vec<&str> = page.lines().filter(|line| line.chars().count() > 160).collect();
    assert!(long.is_empty(), "lines of more than 160 characters: {long:#?}");
    assert!(page.lines().count() <= 250, "{} lines: details live where they belong", page.lines().count());
}
