//! Routes of rules.

use super::*;

/// SQL of a rule as JSON, which may write a character as six. Larger: 413, naming this limit.
const RULE_CHECK_BYTES_MAX: usize = 6 * limits::RULE_SQL_BYTES_MAX + 1024;
/// A rule to try, with its rows. Larger: 413, naming this limit.
const RULE_TRIAL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A function as JSON with what it is called with. Larger: 413, naming this limit.
const FUNCTION_TRIAL_BYTES_MAX: usize = 4 * 1024 * 1024;

pub const RULES: Route = asks(
    &[
        ("stage", "draft, trial or live"),
        ("state", "running, waiting, stopped or failed"),
        ("label", "only rules with this label"),
        ("text", "part of the name or the text, in any case"),
        OFFSET,
        LIMIT,
    ],
    route(Get, "/api/v1/rules", VIEWER, "All rules, and how they fare", json::<Page<Rule>>()),
);
pub const RULE: Route = route(
    Get,
    "/api/v1/rules/{name}",
    VIEWER,
    "One rule, with its SQL, its plan and its newest rows",
    json::<RuleDetail>(),
);
pub const CHECK_RULE: Route = up_to(
    RULE_CHECK_BYTES_MAX,
    takes::<RuleCheck>(route(
        Post,
        "/api/v1/rules/check",
        VIEWER,
        "What is wrong with the SQL of a rule, and what it would give; nothing is run",
        json::<RuleCheckAnswer>(),
    )),
);
pub const CHECK_FORMULA: Route = up_to(
    6 * limits::FORMULA_BYTES_MAX + 1024,
    takes::<FormulaCheck>(route(
        Post,
        "/api/v1/formulas/check",
        VIEWER,
        "What is wrong with the formula of a tag, or what it gives now",
        json::<FormulaCheckAnswer>(),
    )),
);
pub const TRY_RULE: Route = up_to(
    RULE_TRIAL_BYTES_MAX,
    takes::<RuleTrial>(route(
        Post,
        "/api/v1/rules/trial",
        ENGINEER,
        "What a rule would have given and done, over history or over rows; nothing is written",
        json::<RuleTrialAnswer>(),
    )),
);
pub const FUNCTIONS: Route = route(
    Get,
    "/api/v1/functions",
    VIEWER,
    "The functions of the user's own, with their signatures",
    json::<List<UserFunction>>(),
);
pub const TRY_FUNCTION: Route = up_to(
    FUNCTION_TRIAL_BYTES_MAX,
    takes::<FunctionTrial>(route(
        Post,
        "/api/v1/functions/try",
        ENGINEER,
        "What a function gives for some values, or what is wrong with it; nothing is kept",
        json::<FunctionTrialAnswer>(),
    )),
);
