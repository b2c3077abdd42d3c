//! The models that exist.

/// One model and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    pub name: &'static str,
    /// Empty for models that know only a thinking budget.
    pub levels: &'static [&'static str],
    pub default_level: &'static str,
    pub may_switch_thinking_off: bool,
    /// From 3.6 on the last turn must not be the model's.
    pub refuses_model_turn_last: bool,
}

const fn model(
    name: &'static str,
    levels: &'static [&'static str],
    default_level: &'static str,
    recent: bool,
) -> Model {
    Model { name, levels, default_level, may_switch_thinking_off: !recent, refuses_model_turn_last: recent }
}

const WITH_XHIGH: &[&str] = &["LOW", "MEDIUM", "HIGH", "XHIGH"];
const WITHOUT_MINIMAL: &[&str] = &["LOW", "MEDIUM", "HIGH"];
const WITH_MINIMAL: &[&str] = &["MINIMAL", "LOW", "MEDIUM", "HIGH"];

/// State of November 2026. The 2.0 family is gone.
const MODELS: [Model; 11] = [
    model("gemini-4-hydrogen", WITH_XHIGH, "HIGH", true),
    model("gemini-4-argon", WITH_XHIGH, "HIGH", true),
    model("gemini-4-carbon", WITH_XHIGH, "HIGH", true),
    model("gemini-3.8-flash", WITHOUT_MINIMAL, "MEDIUM", true),
    model("gemini-3.5-flash", WITH_MINIMAL, "HIGH", false),
    model("gemini-3.5-flash-lite", WITH_MINIMAL, "MINIMAL", false),
    model("gemini-3.1-flash-lite", WITH_MINIMAL, "MINIMAL", false),
    model("gemini-3.1-pro-preview", WITHOUT_MINIMAL, "HIGH", false),
    model("gemini-2.5-pro", &[], "MEDIUM", false),
    model("gemini-2.5-flash", &[], "MEDIUM", false),
    model("gemini-2.5-flash-lite", &[], "MINIMAL", false),
];

/// The model of this name.
pub fn find(name: &str) -> Option<Model> {
    MODELS.into_iter().find(|model| model.name == name)
}
