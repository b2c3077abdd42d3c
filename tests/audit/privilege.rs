//! Functions ask for nothing that their role does not grant, and roles grant nothing that nobody asks for.

use std::collections::{BTreeMap, BTreeSet};

use crate::policies::grants;
use crate::seen::{self, Call};

/// Resources with a wildcard, each where AWS has nothing narrower.
const WILDCARDS: [(&str, &str); 2] = [
    ("MediaBucket.Arn/recordings/*", "an object is named by the booking it belongs to"),
    ("MediaBucket.Arn/transcripts/*", "an object is named by the booking it belongs to"),
];

/// Who may read which secret.
const SECRETS: [(&str, &[&str]); 3] = [
    ("ClerkSecret", &["ClerkWebhookFunction"]),
    (
        "StreamSecret",
        &["GetCallFunction", "RunStreamFunction", "RunMediaFunction", "StreamWebhookFunction", "RunSettlementFunction"],
    ),
    ("GeminiSecret", &["RunGenerationFunction", "SuggestQuestionsFunction"]),
];

/// What is granted and not asked for in a test run: function, action, why it is needed all the same.
const UNSEEN: &[(&str, &str, &str)] = &[
    (
        "SyncUserFunction",
        "dynamodb:UpdateItem",
        "an interviewer whom a later deployment names as admin is not bookable",
    ),
    ("SyncUserFunction", "dynamodb:DeleteItem", "an interviewer whom a later deployment names as admin is not listed"),
    ("GetFeedbackFunction", "dynamodb:Query", "a call's door has closed and no feedback is stored"),
    ("SweepBookingsFunction", "dynamodb:DeleteItem", "a due row that is of no booking goes aside"),
    ("RunSettlementFunction", "dynamodb:UpdateItem", "the lock of an interviewer has run out"),
    ("RunMediaFunction", "s3:AbortMultipartUpload", "a large recording breaks off while it is copied"),
    ("RunMediaFunction", "s3:ListMultipartUploadParts", "a large recording is gone on with"),
    ("RunMediaFunction", "dynamodb:DeleteItem", "the upload of a large recording has ended"),
    ("RunMediaFunction", "s3:DeleteObject", "consent is withdrawn while a file is copied"),
    ("RunMediaFunction", "sqs:ChangeMessageVisibility", "the back-off after a failed attempt"),
    ("RunGenerationFunction", "sqs:ChangeMessageVisibility", "the back-off after a failed attempt"),
    ("RunSettlementFunction", "sqs:ChangeMessageVisibility", "the back-off after a failed attempt"),
];

#[test]
fn no_action_and_no_resource_is_a_wildcard_but_where_aws_has_none_narrower() {
    for grant in grants() {
        assert!(!grant.action.contains('*'), "{grant:?}");
        let named = WILDCARDS.iter().any(|(resource, _)| *resource == grant.resource);
        assert!(named || !grant.resource.contains('*'), "{grant:?}");
    }
}

#[test]
fn secrets_are_readable_only_where_declared() {
    let mut readers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for grant in grants().into_iter().filter(|g| g.action.starts_with("secretsmanager:")) {
        // When a value was put there may be asked without reading it.
        if (&*grant.action, &*grant.function) == ("secretsmanager:ListSecretVersionIds", "CheckSecretsFunction") {
            continue;
        }
        assert_eq!(grant.action, "secretsmanager:GetSecretValue");
        readers.entry(grant.resource).or_default().insert(grant.function);
    }
    let declared: BTreeMap<String, BTreeSet<String>> = SECRETS
        .iter()
        .map(|(secret, functions)| ((*secret).to_owned(), functions.iter().map(|f| (*f).to_owned()).collect()))
        .collect();
    assert_eq!(readers, declared);
}

#[test]
fn every_call_that_was_seen_is_granted_by_the_role_of_who_made_it() {
    let granted: BTreeSet<Call> = grants().into_iter().collect();
    let (allowed, denied) = seen::calls();
    let outside: Vec<&Call> = allowed.difference(&granted).collect();
    println!("{} different calls of {} functions", allowed.len(), functions(&allowed).len());
    assert!(denied.is_empty(), "refused by the emulator, as AWS would: {denied:#?}");
    assert!(outside.is_empty(), "not in the Policies of template.yaml: {outside:#?}");
}

#[test]
fn everything_that_a_role_grants_was_asked_for() {
    let granted: BTreeSet<Call> = grants().into_iter().collect();
    let (allowed, _) = seen::calls();
    let idle: BTreeSet<String> = functions(&granted).difference(&functions(&allowed)).cloned().collect();
    assert!(idle.is_empty(), "granted something and never seen; drive them in tests/audit/drive.rs: {idle:?}");
    let mut unexplained = Vec::new();
    println!("granted and not seen:");
    for grant in granted.difference(&allowed) {
        let reason = UNSEEN.iter().find(|(function, action, _)| *function == grant.function && *action == grant.action);
        let reason = reason.map(|(_, _, why)| *why);
        println!("  {:<28} {:<30} {:<30} {}", grant.function, grant.action, grant.resource, reason.unwrap_or("?"));
        if reason.is_none() {
            unexplained.push(grant);
        }
    }
    assert!(unexplained.is_empty(), "take these out of template.yaml, or say why they stay: {unexplained:#?}");
    for (function, action, why) in UNSEEN {
        let is_granted = granted.iter().any(|g| g.function == *function && g.action == *action);
        assert!(is_granted, "nobody grants {function} {action} any more ({why})");
    }
}

fn functions(calls: &BTreeSet<Call>) -> BTreeSet<String> {
    calls.iter().map(|call| call.function.clone()).collect()
}
