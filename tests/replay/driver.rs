//! What every function goes through: done once, done twice, and done again after each trouble at each request that it makes.
//! Whatever happens in between, the world must end as if it had been done once.

use testing::Answer;
use tests::line::{Counts, Cut, Kind, Then};

use super::invariants;
use super::scene::{Act, Awaited, HOUR, MINUTE, Outcome, Scene};
use super::snapshot::Snapshot;

/// What the second of two identical invocations answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// The first answer, replayed.
    Replayed,
    /// The same status; or, where nothing is answered, nothing again.
    Same,
    /// This status and code.
    Refused(u16, &'static str),
}

/// Where a world may differ from the one in which the act was done once, and why that is right.
#[derive(Debug, Clone, Copy)]
pub enum Allowance {
    /// The model may be asked again where a run was cut off, and is never asked again once its answer is stored.
    AsksAgainAfterTrouble(&'static str),
    /// Each invocation takes a rate token and asks the model.
    CostsEachTime(&'static str),
    /// It writes, and what it writes is no fact of the world.
    ShowsNothing(&'static str),
    /// After trouble, this member of items, or the items with this prefix, may differ.
    Differs(&'static str, &'static str),
}

impl Allowance {
    /// Why it is right.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::AsksAgainAfterTrouble(reason)
            | Self::CostsEachTime(reason)
            | Self::ShowsNothing(reason)
            | Self::Differs(_, reason) => reason,
        }
    }
}

/// One function in one situation.
#[derive(Clone)]
pub struct Case {
    pub function: &'static str,
    pub situation: &'static str,
    /// Brings the scene to where the act is due.
    pub arrange: fn(&Scene) -> Awaited<'_, Act>,
    pub second: Second,
    pub allowances: &'static [Allowance],
    /// What follows the act by itself before the world is looked at.
    pub followed_by: &'static [Act],
}

/// What a case took, and what was wrong.
#[derive(Debug, Default)]
pub struct Report {
    pub counts: Counts,
    pub runs: usize,
    pub failures: Vec<String>,
}

impl Report {
    fn note(&mut self, what: &str, outcome: Result<(), String>) {
        self.runs += 1;
        self.failures.extend(outcome.err().map(|why| format!("{what}: {why}")));
    }
}

/// How often something is tried before it counts as never answered.
const TRIES: u32 = domain::patience::RECEIVES;

struct Stand {
    scene: Scene,
    act: Act,
}

impl Stand {
    async fn new(case: &Case) -> Self {
        let scene = Scene::new().await;
        let act = (case.arrange)(&scene).await;
        assert_eq!(act.function(), case.function);
        scene.begin();
        Self { scene, act }
    }

    /// One invocation. Nothing where the process stopped in it.
    async fn invoke(&self, receives: u32) -> Option<Outcome> {
        tokio::select! {
            biased;
            () = self.scene.lines.stopped() => None,
            outcome = self.scene.perform(&self.act, receives) => Some(outcome),
        }
    }

    /// Invokes until there is an answer, as clients, queues and schedules do.
    async fn persist(&self, received: u32) -> Result<Outcome, String> {
        let mut last = String::new();
        for receives in received..=TRIES {
            let outcome = self.invoke(receives).await.ok_or("the process stopped without a cause")?;
            if outcome.is_final() {
                return Ok(outcome);
            }
            if !self.act.is_request() {
                // A message comes back after a while, and so does a schedule.
                self.scene.stage.advance(16 * MINUTE);
            }
            last = outcome.told();
        }
        Err(format!("it is never answered: {last}"))
    }

    async fn look(&self, case: &Case) -> Result<Snapshot, String> {
        for act in case.followed_by {
            let outcome = self.scene.perform(act, 1).await;
            if !outcome.is_final() {
                return Err(format!("what follows failed: {}", outcome.told()));
            }
        }
        Ok(Snapshot::of(&self.scene).await)
    }
}

/// What was found when the act was done once.
struct Reference {
    outcome: Outcome,
    snapshot: Snapshot,
    counts: Counts,
}

/// Takes one case through everything.
pub async fn replay(case: &Case) -> Report {
    let mut report = Report::default();
    let reference = match once(case).await {
        Ok(reference) => reference,
        Err(why) => {
            report.note("once", Err(why));
            return report;
        }
    };
    report.counts = reference.counts;
    report.note("once", Ok(()));
    report.note("twice", twice(case, &reference).await);
    for cut in cuts(reference.counts) {
        report.note(&cut.to_string(), cut_off(case, &reference, cut).await);
    }
    if matches!(reference.outcome, Outcome::Answer(_)) {
        for cut in cuts(reference.counts).filter(|cut| cut.then == Then::Stop) {
            report.note(&format!("{cut}, and nobody asks again"), abandoned(case, cut).await);
        }
    }
    report
}

/// Every trouble at every request that changes something or goes to a provider.
fn cuts(counts: Counts) -> impl Iterator<Item = Cut> {
    let places = [(Kind::Write, counts.writes), (Kind::Provider, counts.provider)];
    places.into_iter().flat_map(|(kind, count)| (0..count).map(move |number| (kind, number))).flat_map(
        |(kind, number)| {
            [Then::Stop, Then::Outage, Then::Nothing]
                .into_iter()
                .flat_map(move |then| [false, true].map(|takes_effect| Cut { kind, number, takes_effect, then }))
        },
    )
}

async fn once(case: &Case) -> Result<Reference, String> {
    let stand = Stand::new(case).await;
    let before = Snapshot::of(&stand.scene).await;
    let outcome = stand.invoke(1).await.ok_or("the process stopped without a cause")?;
    let counts = stand.scene.lines.counts();
    if !outcome.is_final() {
        return Err(outcome.told());
    }
    if let Outcome::Answer(Answer { status: 400.., body, .. }) = &outcome {
        return Err(format!("refused: {body}"));
    }
    let snapshot = stand.look(case).await?;
    let is_change = snapshot.difference(&before, &[]).is_some() || snapshot.answers > before.answers;
    let may_be_unseen = case.allowances.iter().any(|a| matches!(a, Allowance::ShowsNothing(_)));
    if is_change == may_be_unseen {
        return Err(format!("it made {counts:?}, and it is {is_change} that something shows of that"));
    }
    Ok(Reference { outcome, snapshot, counts })
}

async fn twice(case: &Case, reference: &Reference) -> Result<(), String> {
    let stand = Stand::new(case).await;
    stand.invoke(1).await.ok_or("the process stopped without a cause")?;
    let outcome = stand.invoke(1).await.ok_or("the process stopped without a cause")?;
    answers_again(case, reference, &outcome)?;
    compare(case, reference, &stand.look(case).await?, false)
}

/// The act meets a trouble, and is done again until it is answered.
async fn cut_off(case: &Case, reference: &Reference, cut: Cut) -> Result<(), String> {
    let stand = Stand::new(case).await;
    stand.scene.lines.cut(cut);
    let first = stand.invoke(1).await;
    if !stand.scene.lines.mend() {
        return Err("the trouble was never met".to_owned());
    }
    let outcome = match first {
        Some(outcome) if outcome.is_final() => outcome,
        first => {
            if let Some(Outcome::Answer(answer)) = &first
                && answer.status != 503
            {
                return Err(format!("answered {} {}", answer.status, answer.body));
            }
            stand.persist(2).await?
        }
    };
    if !is_first(reference, &outcome) {
        answers_again(case, reference, &outcome)?;
    }
    compare(case, reference, &stand.look(case).await?, true)
}

/// The act meets a trouble and nobody does it again: what goes on by itself must leave nothing half done.
async fn abandoned(case: &Case, cut: Cut) -> Result<(), String> {
    let stand = Stand::new(case).await;
    stand.scene.lines.cut(cut);
    let _ = stand.invoke(1).await;
    if !stand.scene.lines.mend() {
        return Err("the trouble was never met".to_owned());
    }
    for hours in [0, 60, 26] {
        stand.scene.stage.advance(hours * HOUR);
        if !stand.scene.stage.sweep().await {
            return Err("the sweep failed".to_owned());
        }
        stand.scene.follow().await;
    }
    invariants::hold(stand.scene.stage.items())
}

fn is_first(reference: &Reference, outcome: &Outcome) -> bool {
    match (&reference.outcome, outcome) {
        (Outcome::Answer(first), Outcome::Answer(second)) => first.status == second.status,
        _ => true,
    }
}

fn answers_again(case: &Case, reference: &Reference, outcome: &Outcome) -> Result<(), String> {
    let (Outcome::Answer(first), Outcome::Answer(second)) = (&reference.outcome, outcome) else {
        return if outcome.is_final() { Ok(()) } else { Err(outcome.told()) };
    };
    let is_right = match case.second {
        Second::Replayed => first.status == second.status && second.headers.contains_key("idempotent-replayed"),
        Second::Same => first.status == second.status,
        Second::Refused(status, code) => (second.status, second.code()) == (status, code),
    };
    if is_right { Ok(()) } else { Err(format!("the second answer is {} {}", second.status, second.body)) }
}

fn compare(case: &Case, reference: &Reference, found: &Snapshot, was_troubled: bool) -> Result<(), String> {
    let mut but_for = Vec::new();
    let mut may_ask_again = false;
    for allowance in case.allowances {
        match allowance {
            Allowance::AsksAgainAfterTrouble(_) => may_ask_again |= was_troubled,
            Allowance::CostsEachTime(_) => {
                may_ask_again = true;
                but_for.push("RATE#");
            }
            Allowance::Differs(what, _) if was_troubled => but_for.push(*what),
            Allowance::Differs(..) | Allowance::ShowsNothing(_) => {}
        }
    }
    if let Some(difference) = reference.snapshot.difference(found, &but_for) {
        return Err(format!("the world is another one:\n  {difference}"));
    }
    let (once, here) = (reference.snapshot.answers, found.answers);
    if here != once && !(may_ask_again && here > once) {
        return Err(format!("a model answered {here} times instead of {once}"));
    }
    Ok(())
}
