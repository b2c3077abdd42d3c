//! The schedule that looks at how long the providers' keys are in force: nothing else would remind anybody to change them.

use jiff::Timestamp;
use kit::error::Error;
use kit::needs::Needs;
use kit::secrets::Provider;
use kit::task::Trigger;
use kit::telemetry::{Metric, count};
use kit::{App, BoxFuture, Task};
use serde_json::{Value, json};

/// After so many days an operator is asked to change a key; the alarm in `infra/watch.yaml` says the same.
const OLD_AFTER_DAYS: u64 = 90;

/// The schedule.
pub fn task() -> Task {
    Task {
        name: "check_secrets",
        about: "Every day: how long the providers' keys are in force.",
        trigger: Trigger::Schedule("EveryDay", "cron(43 6 * * ? *)"),
        handler: check_secrets,
        needs: Needs::NOTHING.ages_of_secrets(),
    }
}

/// Tells how old the oldest key is.
pub fn check_secrets(app: App, _: Value) -> BoxFuture<'static, Result<Value, Error>> {
    Box::pin(async move {
        let mut oldest = 0;
        for provider in Provider::ALL {
            for (key, since) in app.secrets.since(provider).await?.unwrap_or_default() {
                let days = whole_days(since, app.now());
                if days > OLD_AFTER_DAYS {
                    tracing::warn!(secret = provider.name(), key, days, "a secret is old");
                }
                oldest = oldest.max(days);
            }
        }
        count(Metric::SecretAgeDays, oldest, app.now());
        tracing::info!(oldest.days = oldest, "secrets checked");
        Ok(json!({ "oldestDays": oldest }))
    })
}

fn whole_days(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_hours() / 24).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use kit::secret_age;
    use kit::secrets::Secrets;
    use testing::noon;

    use super::*;
    use crate::stage::Stage;

    #[tokio::test]
    async fn the_oldest_secret_in_force_is_told_and_no_value_is_read() {
        let stage = Stage::new().await;
        let days_ago = |days: i64| (noon() - SignedDuration::from_hours(24 * days)).as_second();
        let version = |stage: &str, days| json!({ "VersionStages": [stage], "CreatedDate": days_ago(days) });
        stage.aws.kept().secrets = [
            ("greenroom/clerk", json!([version("AWSPREVIOUS", 400), version("AWSCURRENT", 5)])),
            ("greenroom/stream", json!([version("AWSCURRENT", 91)])),
            ("greenroom/gemini", json!([version("AWSCURRENT", 90)])),
        ]
        .map(|(name, versions)| (name.to_owned(), versions))
        .into();
        let mut app = stage.app.clone();
        app.secrets = Secrets::in_manager(kit::aws::Aws::at(&stage.aws.url), "greenroom");
        assert_eq!(check_secrets(app.clone(), Value::Null).await.unwrap(), json!({ "oldestDays": 91 }));
        // Another key of the same secret was changed just now: the one that was not is as old as it was.
        let since = [("apiKey", noon() - SignedDuration::from_hours(24 * 93)), ("apiSecret", noon())];
        let mut rotated = version("AWSCURRENT", 0);
        rotated["VersionId"] = json!(secret_age::version_id(&since, app.ids.unique(noon())));
        stage.aws.kept().secrets.insert("greenroom/stream".to_owned(), json!([rotated]));
        assert_eq!(check_secrets(app.clone(), Value::Null).await.unwrap(), json!({ "oldestDays": 93 }));
        stage.aws.kept().secrets.remove("greenroom/gemini");
        let error = check_secrets(app, Value::Null).await.unwrap_err();
        assert_eq!(error.code(), Some("upstream_unavailable"), "silence must not look like health");
    }

    #[tokio::test]
    async fn a_secret_that_may_not_be_read_is_named_and_asked_for_once_a_minute() {
        let stage = Stage::new().await;
        let secrets = Secrets::in_manager(kit::aws::Aws::at(&stage.aws.url), "greenroom");
        for (second, asked) in [(0, 1), (1, 1), (59, 1), (60, 2)] {
            let now = noon() + SignedDuration::from_secs(second);
            let Err(Error::Refused(problem)) = secrets.get(Provider::Stream, now).await else { panic!("it was read") };
            assert_eq!((problem.code(), problem.retry_after_seconds()), ("upstream_unavailable", Some(60)));
            let told = problem.to_string();
            assert!(told.contains("secret greenroom/stream") && told.contains("GetSecretValue"), "{told}");
            assert_eq!(stage.aws.kept().operations.len(), asked, "after {second} s");
        }
    }

    #[test]
    fn days_are_whole_and_never_negative() {
        let after = |hours| whole_days(noon(), noon() + SignedDuration::from_hours(hours));
        assert_eq!([after(-30), after(0), after(23), after(24), after(24 * 91 - 1)], [0, 0, 0, 1, 90]);
    }
}
