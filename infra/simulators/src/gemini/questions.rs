//! Interview questions for the topics and the seniority that a prompt names.

/// A question with what belongs to it.
#[derive(Clone, Debug)]
pub struct Question {
    pub wording: String,
    pub rationale: String,
    pub follow_ups: Vec<String>,
}

/// Topics by the words that name them in prompts.
const TOPICS: [(&str, &[&str], [&str; 3]); 11] = [
    (
        "system design",
        &["system design", "system-design", "distributed", "architecture"],
        [
            "a URL shortener that serves a million reads a minute",
            "a notification service with retries",
            "a booking system that must never sell a seat twice",
        ],
    ),
    (
        "JavaScript",
        &["javascript", "typescript", "node.js"],
        [
            "the event loop and the order of promises and timers",
            "a debounce function and where its state lives",
            "closures that keep more memory than intended",
        ],
    ),
    (
        "frontend",
        &["frontend", "front-end", "react", "css"],
        [
            "a list of ten thousand rows that must scroll smoothly",
            "state that two distant components share",
            "a form that survives a lost connection",
        ],
    ),
    (
        "backend",
        &["backend", "back-end", "api design", "microservice"],
        [
            "an endpoint that clients may safely repeat",
            "a queue consumer that sees messages twice",
            "a slow query that appeared after a release",
        ],
    ),
    (
        "algorithms and data structures",
        &["dsa", "algorithm", "data structure", "leetcode"],
        [
            "the longest substring without a repeated character",
            "merging many sorted lists",
            "the shortest path in a grid with walls",
        ],
    ),
    (
        "behavioural",
        &["behavioral", "behavioural", "leadership", "communication"],
        [
            "a decision you disagreed with and carried out",
            "a project that failed and what you changed",
            "feedback that was hard to hear",
        ],
    ),
    (
        "databases",
        &["database", "sql", "data modeling", "data modelling"],
        [
            "an index that made writes slower",
            "isolation levels and the anomaly each permits",
            "a schema change without downtime",
        ],
    ),
    (
        "cloud operations",
        &["devops", "cloud", "sre", "kubernetes", "aws"],
        [
            "a deployment that has to be rolled back",
            "an alert that fires too often",
            "a service whose cost doubled in a month",
        ],
    ),
    (
        "machine learning",
        &["machine learning", "ml engineer", "data science"],
        [
            "a model that does well offline and badly in production",
            "labels that arrive weeks late",
            "choosing a metric for an unbalanced problem",
        ],
    ),
    (
        "mobile",
        &["mobile", "android", "ios", "flutter"],
        ["an app that must work offline", "a screen that drops frames", "a crash that only some phones show"],
    ),
    (
        "security",
        &["security", "appsec"],
        ["storing passwords and resetting them", "a token that leaked into a log", "input that reaches a shell"],
    ),
];

const FALLBACK: (&str, [&str; 3]) = (
    "general engineering",
    ["the hardest bug you have found", "a change you would now make differently", "code that others have to maintain"],
);

const LEVELS: [(&str, &str); 7] = [
    ("intern", "Expect the basic idea and clear thinking aloud."),
    ("junior", "Expect a working approach and honest limits."),
    ("mid", "Expect a working approach with its trade-offs."),
    ("senior", "Expect trade-offs, failure cases and a plan for operating it."),
    ("staff", "Expect the effect on other teams and a way to get there in steps."),
    ("principal", "Expect a position on the direction, and what would change it."),
    ("lead", "Expect trade-offs and how the work would be divided."),
];

/// How the n-th question about a subject is put, and why.
const FORMS: [(&str, &str, [&str; 2]); 4] = [
    (
        "How would you approach {}? Begin with what you would need to know.",
        "Shows whether requirements come before solutions.",
        ["Which assumption would change your design most?", "What would you leave out of a first version?"],
    ),
    (
        "Walk me through {}, step by step.",
        "Shows depth of understanding beyond the terms.",
        ["Where does this break first under load?", "How would you explain it to a new colleague?"],
    ),
    (
        "Tell me about your own experience with {}.",
        "Grounds the discussion in work that was really done.",
        ["What did you measure?", "What would you do differently today?"],
    ),
    (
        "What usually goes wrong with {}, and how would you notice?",
        "Probes for failure cases and for how they are detected.",
        ["Which alert would you set up?", "How would you prove that it is fixed?"],
    ),
];

/// As many questions as asked for, without repeats up to the number of combinations there are.
pub fn questions(prompt: &str, count: usize) -> Vec<Question> {
    let prompt = prompt.to_lowercase();
    let mut topics: Vec<(&str, &[&str; 3])> = TOPICS
        .iter()
        .filter(|(_, words, _)| words.iter().any(|word| contains_word(&prompt, word)))
        .map(|(name, _, subjects)| (*name, subjects))
        .collect();
    if topics.is_empty() {
        topics.push((FALLBACK.0, &FALLBACK.1));
    }
    let level = LEVELS.iter().find(|(name, _)| contains_word(&prompt, name)).map(|(_, expectation)| *expectation);
    (0..count)
        .map(|index| {
            let (topic, subjects) = topics[index % topics.len()];
            let round = index / topics.len();
            let subject = subjects[round % subjects.len()];
            let (form, why, follow_ups) = FORMS[(round + index % topics.len()) % FORMS.len()];
            Question {
                wording: form.replace("{}", subject),
                rationale: format!("{why} Topic: {topic}. {}", level.unwrap_or("Expect reasons, not only results.")),
                follow_ups: follow_ups.iter().map(|&text| text.to_owned()).collect(),
            }
        })
        .collect()
}

/// How many questions the prompt asks for: `count: 5`, `"count": 5`, `5 questions`.
pub fn wanted_count(prompt: &str) -> Option<usize> {
    let prompt = prompt.to_lowercase();
    if let Some((_, rest)) = prompt.split_once("count")
        && let Some(count) = leading_number(rest.trim_start_matches(['"', ':', '=', ' ']))
    {
        return Some(count);
    }
    let words: Vec<&str> = prompt.split_whitespace().collect();
    words.windows(3).find_map(|window| {
        let follows = window[1].starts_with("question") || window[2].starts_with("question");
        if follows { leading_number(window[0]) } else { None }
    })
}

fn leading_number(text: &str) -> Option<usize> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|count| (1..=50).contains(count))
}

fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        let after = text[at + word.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        before && after
    })
}
