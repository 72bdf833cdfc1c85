//! Rules: how they fare, what is wrong with one, and what one would have done.

use crate::{AlarmPriority, Anything, Quality, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Query of the rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleParameters {
    pub stage: Option<RuleStage>,
    pub state: Option<RuleState>,
    pub label: Option<String>,
    pub text: Option<String>,
    pub offset: Option<u64>,
    pub limit: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleStage {
    /// Kept, and not run.
    Draft,
    /// Run, and its rows are shown; nothing is written or done.
    Trial,
    /// Run, with all that follows from it.
    Live,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleState {
    Running,
    /// It cannot run yet; `reason` says what for it waits.
    Waiting,
    /// It is not meant to run.
    Stopped,
    /// It cannot run; `reason` says why.
    Failed,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// That of the device and of the table that its output is.
    pub name: String,
    pub stage: RuleStage,
    pub state: RuleState,
    /// Why it is not running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    pub labels: Vec<String>,
    /// The streams that it reads: devices, templates, rules and `samples`.
    pub tables: Vec<String>,
    /// Empty while the SQL cannot be planned.
    pub columns: Vec<RuleColumn>,
    /// Since it was started, as are all counts.
    pub rows_in: u64,
    pub rows_out: u64,
    /// Rows that came too late for their time, and were dropped.
    pub rows_late: u64,
    pub errors: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<RuleError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_output: Option<Time>,
    /// Time that it took of a processor.
    pub busy_seconds: f64,
    /// Rows that it holds.
    pub memory_bytes: u64,
    /// Samples in the journal that it has not looked at yet.
    pub behind_samples: u64,
}

/// A column of a rule's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleColumn {
    pub name: String,
    pub data_type: String,
    pub unit: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleError {
    pub time: Time,
    pub text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleDetail {
    #[serde(flatten)]
    pub rule: Rule,
    pub sql: String,
    /// How it is computed, for people; empty while the SQL cannot be planned.
    pub plan: String,
    pub newest: RuleRows,
}

/// The newest rows that a rule gave; at most 50.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct RuleRows {
    pub columns: Vec<String>,
    pub rows: Vec<RuleRow>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleRow {
    pub time: Time,
    /// In the order of the columns; `null` where there is none.
    pub values: Vec<Anything>,
}

/// A rule to check.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleCheck {
    /// The rule that it is to be: its own output is none of its streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub sql: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleCheckAnswer {
    /// Empty: the SQL is in order.
    pub findings: Vec<RuleFinding>,
    pub columns: Vec<RuleColumn>,
    pub tables: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// A formula to check.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FormulaCheck {
    /// Of whose tag it is to be the formula: tags of this device need no device.
    pub device: String,
    pub formula: String,
    /// The type of the tag that it computes.
    #[serde(rename = "type")]
    pub data_type: String,
}

/// What is wrong with a formula, or what it gives now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FormulaCheckAnswer {
    /// Empty: the formula is in order.
    pub findings: Vec<RuleFinding>,
    pub inputs: Vec<FormulaInput>,
    /// `null` where it has none.
    pub value: Anything,
    /// The value in exact digits; `null` where it has none.
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// Why it has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A tag that a formula reads, as it is now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FormulaInput {
    pub device: String,
    pub tag: String,
    pub value: Anything,
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    pub quality: Quality,
    /// The formula says itself what it gives where the tag is bad.
    pub may_be_bad: bool,
}

/// What is wrong with SQL; line and column are of its text, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleFinding {
    pub line: u64,
    pub column: u64,
    pub problem: String,
    pub remedy: String,
}

/// A rule to try: over history, with `from` and `to`, or over `rows`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTrial {
    /// Over history it is compared with the rule of this name, where that is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub sql: String,
    /// As in the document, such as `200ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness: Option<String>,
    /// Shown, and not done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<RuleAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
    /// By table: rows with `time` and columns, in the order in which they come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<BTreeMap<String, Vec<BTreeMap<String, Anything>>>>,
    /// Rows to answer with at most: 100 unless told, at most 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// As in the document: one of the two.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleAction {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<RuleAlarm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<RuleWrite>,
}

/// An alarm while a column is true.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleAlarm {
    pub column: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<AlarmPriority>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delay: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_delay: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latching: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

/// A command for every row whose column is not `NULL`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleWrite {
    pub column: String,
    /// `device/tag`.
    pub tag: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// What a rule would have given and done.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleTrialAnswer {
    pub columns: Vec<RuleColumn>,
    pub rows: Vec<RuleRow>,
    /// There were more rows.
    pub truncated: bool,
    pub rows_in: u64,
    pub rows_out: u64,
    pub rows_late: u64,
    pub errors: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<RuleError>,
    /// How long the trial took.
    pub seconds: f64,
    pub alarms: Vec<RuleTrialAlarm>,
    pub writes: Vec<RuleTrialWrite>,
    /// Lookup tables that were read, all with the rows that they have now.
    pub lookups: Vec<String>,
    /// Over history, when a rule of this name is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<RuleComparison>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleTrialAlarm {
    pub time: Time,
    pub column: String,
    pub change: RuleTrialChange,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleTrialChange {
    Raised,
    Cleared,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleTrialWrite {
    pub time: Time,
    /// `device/tag`.
    pub tag: String,
    pub value: Anything,
}

/// Rows of the trial beside those that the live rule gave in the same time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleComparison {
    pub same: u64,
    pub only_trial: u64,
    pub only_live: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_difference: Option<RuleDifference>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleDifference {
    pub time: Time,
    /// In the order of the trial's columns; `null` when it has no such row.
    pub trial: Option<Vec<Anything>>,
    pub live: Option<Vec<Anything>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_are_read_as_they_are_written() {
        let text = r#"{"sql":"SELECT a FROM t","actions":[{"write":{"column":"a","tag":"d/a"}}],
            "rows":{"t":[{"time":"2026-11-21T04:05:06.789Z","a":18446744073709551615},{"a":null}]}}"#;
        let trial: RuleTrial = serde_json::from_str(text).unwrap();
        let rows = &trial.rows.as_ref().unwrap()["t"];
        assert_eq!(rows[0]["a"].text(), "18446744073709551615");
        assert_eq!(rows[1]["a"].text(), "null");
        let again: RuleTrial =
            serde_json::from_str(&serde_json::to_string(&trial).unwrap()).unwrap();
        assert_eq!(again.actions[0].write.as_ref().unwrap().tag, "d/a");
        assert!(serde_json::from_str::<RuleTrial>(r#"{"sql":"","rules":1}"#).is_err());
    }

    #[test]
    fn a_rule_and_its_detail_are_one_object() {
        let rule = r#"{"name":"r","stage":"live","state":"failed","reason":"no table t",
            "labels":[],"tables":["t"],"columns":[{"name":"a","data_type":"int64","unit":null}],
            "rows_in":1,"rows_out":0,"rows_late":0,"errors":2,"busy_seconds":0.5,"memory_bytes":0,
            "behind_samples":0,"sql":"SELECT a FROM t","plan":"","newest":{"columns":["a"],"rows":
            [{"time":"2026-11-21T04:05:06.789Z","values":[18446744073709551615]}]}}"#;
        let detail: RuleDetail = serde_json::from_str(rule).unwrap();
        assert_eq!((detail.rule.stage, detail.rule.state), (RuleStage::Live, RuleState::Failed));
        let written: serde_json::Value = serde_json::to_value(&detail).unwrap();
        assert_eq!(written["columns"][0]["unit"], serde_json::Value::Null);
        assert!(written.get("last_error").is_none());
        assert!(serde_json::to_string(&detail).unwrap().contains("[18446744073709551615]"));
    }
}
