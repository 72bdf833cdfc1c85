//! From a statement to what is executed. Most statements are one line of operators without a join or
//! a subquery: for those, the engine's rules about such things are left out, which look through every
//! plan and take as long as the rest of planning.

use crate::folds::AggregatesFromFolds;
use crate::gapfill::{GapFillPlanner, GapFillRule};
use crate::select::Span;
use crate::source::Source;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProviderList, Session};
use datafusion::common::config::TableOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::context::{QueryPlanner, SessionConfig, SessionState};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::registry::ExtensionTypeRegistryRef;
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, WindowUDF,
};
use datafusion::optimizer::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};
use tagwerk_model::TagId;

/// Rules about several inputs, about subqueries and about fields of structs, by their names.
const OF_OTHERS: [&str; 13] = [
    "rewrite_set_comparison",
    "optimize_unions",
    "unions_to_filter",
    "eliminate_join",
    "decorrelate_predicate_subquery",
    "scalar_subquery_to_join",
    "decorrelate_lateral_join",
    "extract_equijoin_predicate",
    "eliminate_cross_join",
    "filter_null_join_keys",
    "eliminate_outer_join",
    "extract_leaf_expressions",
    "push_down_leaf_projections",
];

/// Rules about joins, windows, statistics and filters of sources, of which a line has none; and what
/// only looks whether the others made a fault.
const PHYSICAL_OF_OTHERS: [&str; 10] = [
    "aggregate_statistics",
    "join_selection",
    "FilterPushdown",
    "WindowTopN",
    "LimitPushPastWindows",
    "HashJoinBuffering",
    "TopKRepartition",
    "PushdownSort",
    "FilterPushdown(Post)",
    "SanityCheckPlan",
];

/// The engine's rules of optimizing, and ours at their places.
pub fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    rules.insert(0, Arc::new(GapFillRule));
    // Behind the rules that push conditions into the scan.
    rules.push(Arc::new(AggregatesFromFolds));
    rules
}

static RULES_OF_LINES: LazyLock<Optimizer> = LazyLock::new(|| {
    let of_lines = rules().into_iter().filter(|rule| !OF_OTHERS.contains(&rule.name()));
    Optimizer::with_rules(of_lines.collect())
});

type PhysicalRules = Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>;

static PHYSICAL_RULES_OF_LINES: LazyLock<PhysicalRules> = LazyLock::new(|| {
    let rules = PhysicalOptimizer::new().rules.into_iter();
    rules.filter(|rule| !PHYSICAL_OF_OTHERS.contains(&rule.name())).collect()
});

/// How often all rules are applied at most, as the engine does when nobody says anything.
const PASSES_MAX: usize = 3;
/// What follows of what the last rules found is known in a line before they begin.
pub const PASSES_OF_LINES: usize = 1;

/// Samples up to which one thread has soon done what two would have to share out first.
const LITTLE: u64 = 1 << 17;
/// Tags up to which it is asked how much they have.
pub const TAGS_ASKED_MAX: usize = 256;

/// What is to be executed for a statement.
pub struct Planned {
    pub physical: Arc<dyn ExecutionPlan>,
    /// Of a line.
    pub optimized: Option<LogicalPlan>,
}

pub async fn physical_plan(line: &mut Line, plan: LogicalPlan) -> Result<Planned> {
    let state = &mut line.state;
    if !is_line(&plan)? {
        state.config_mut().options_mut().optimizer.max_passes = PASSES_MAX;
        let physical = state.create_physical_plan(&plan).await;
        state.config_mut().options_mut().optimizer.max_passes = PASSES_OF_LINES;
        return Ok(Planned { physical: physical?, optimized: None });
    }
    let analyzed = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
    let optimized = RULES_OF_LINES.optimize(analyzed, state, |_, _| {})?;
    line.narrow.take();
    let physical = Planner.create_physical_plan(&optimized, line).await?;
    Ok(Planned { physical, optimized: Some(optimized) })
}

/// Into how many parts the reading of these tags is cut, and how many samples it is about, where that
/// was asked. Where it is one because there is little to read, all of a line is planned for one.
pub fn partitions(
    state: &dyn Session,
    source: &dyn Source,
    tags: impl ExactSizeIterator<Item = TagId>,
    span: &Span,
) -> (usize, Option<u64>) {
    let parts = tags.len().min(state.config().target_partitions()).max(1);
    let line = state.as_any().downcast_ref::<Line>();
    let Some(line) = line.filter(|_| tags.len() <= TAGS_ASKED_MAX) else { return (parts, None) };
    let tags: Vec<TagId> = tags.collect();
    let samples = source.samples_about(&tags, span);
    if samples.is_none_or(|samples| samples > LITTLE) {
        return (parts, samples);
    }
    line.narrow.get_or_init(|| line.state.config().clone().with_target_partitions(1));
    (1, samples)
}

/// Operators with one input each, and expressions without subqueries.
pub fn is_line(plan: &LogicalPlan) -> Result<bool> {
    let mut line = true;
    plan.apply(|node| {
        let simple = matches!(
            node,
            LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::TableScan(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Distinct(_)
        );
        let subquery = |expr: &Expr| {
            matches!(
                expr,
                Expr::Exists(_)
                    | Expr::InSubquery(_)
                    | Expr::SetComparison(_)
                    | Expr::ScalarSubquery(_)
                    | Expr::OuterReferenceColumn(..)
            )
        };
        line &= simple;
        if line {
            node.apply_expressions(|expr| {
                line &= !expr.exists(|expr| Ok(subquery(expr)))?;
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(if line { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(line)
}

/// The engine's planner, which knows our operators too.
#[derive(Debug)]
pub struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner =
            DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(GapFillPlanner)]);
        planner.create_physical_plan(plan, session).await
    }
}

/// A state with the physical rules for lines.
pub struct Line {
    pub state: SessionState,
    /// Set when its only scan has found that it has little to read, which is before anything is planned
    /// that works on what it reads.
    narrow: OnceLock<SessionConfig>,
}

impl Line {
    pub fn new(state: SessionState) -> Line {
        Line { state, narrow: OnceLock::new() }
    }
}

#[async_trait]
impl Session for Line {
    fn session_id(&self) -> &str {
        self.state.session_id()
    }

    fn config(&self) -> &SessionConfig {
        self.narrow.get().unwrap_or(self.state.config())
    }

    fn catalog_list(&self) -> Arc<dyn CatalogProviderList> {
        self.state.catalog_list().clone()
    }

    fn physical_optimizers(&self) -> &[Arc<dyn PhysicalOptimizerRule + Send + Sync>] {
        &PHYSICAL_RULES_OF_LINES
    }

    async fn create_physical_plan(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        self.state.create_physical_plan(plan).await
    }

    fn create_physical_expr(&self, expr: Expr, schema: &DFSchema) -> Result<Arc<dyn PhysicalExpr>> {
        self.state.create_physical_expr(expr, schema)
    }

    fn scalar_functions(&self) -> &HashMap<String, Arc<ScalarUDF>> {
        self.state.scalar_functions()
    }

    fn higher_order_functions(&self) -> &HashMap<String, Arc<HigherOrderUDF>> {
        self.state.higher_order_functions()
    }

    fn aggregate_functions(&self) -> &HashMap<String, Arc<AggregateUDF>> {
        self.state.aggregate_functions()
    }

    fn window_functions(&self) -> &HashMap<String, Arc<WindowUDF>> {
        self.state.window_functions()
    }

    fn extension_type_registry(&self) -> &ExtensionTypeRegistryRef {
        Session::extension_type_registry(&self.state)
    }

    fn runtime_env(&self) -> &Arc<RuntimeEnv> {
        self.state.runtime_env()
    }

    fn execution_props(&self) -> &ExecutionProps {
        self.state.execution_props()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_options(&self) -> &TableOptions {
        self.state.table_options()
    }

    fn table_options_mut(&mut self) -> &mut TableOptions {
        self.state.table_options_mut()
    }

    fn task_ctx(&self) -> Arc<TaskContext> {
        self.state.task_ctx()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::source::Pieces;
    use crate::{TagEntry, TagTable, engine};
    use datafusion::physical_plan::displayable;
    use std::ops::Range;
    use tagwerk_historian::Scan;
    use tagwerk_model::DataType;

    /// Tags without samples, and how many they say they have.
    struct Bare(Arc<TagTable>, Option<u64>);

    impl Source for Bare {
        fn tags(&self) -> Arc<TagTable> {
            self.0.clone()
        }

        fn history(&self, _: &Scan) -> Pieces {
            Box::new(std::iter::empty())
        }

        fn can_fold(&self, _: &Range<i64>) -> bool {
            true
        }

        fn types(&self, _: TagId, _: &Range<i64>) -> Option<Vec<DataType>> {
            Some(Vec::new())
        }

        fn samples_about(&self, _: &[TagId], _: &Range<i64>) -> Option<u64> {
            self.1
        }
    }

    pub fn base(samples: Option<u64>) -> (SessionState, Arc<dyn Source>) {
        let entry = |id: u32, name: &str, data_type| TagEntry {
            id: TagId(id),
            device: if id < 4 { "boiler" } else { "press" }.into(),
            name: name.into(),
            data_type,
            unit: "u".into(),
        };
        let tags = TagTable::new(vec![
            entry(1, "temperature", DataType::Float64),
            entry(2, "running", DataType::Bool),
            entry(3, "level", DataType::Int64),
            entry(4, "recipe", DataType::Text),
        ]);
        let source: Arc<dyn Source> = Arc::new(Bare(Arc::new(tags), samples));
        (engine::base(&source).unwrap(), source)
    }

    #[test]
    fn the_rules_that_are_left_out_exist() {
        let known: Vec<String> = rules().iter().map(|rule| rule.name().to_owned()).collect();
        for name in OF_OTHERS {
            assert!(known.iter().any(|known| known == name), "{name}");
        }
        let known = PhysicalOptimizer::new().rules;
        for name in PHYSICAL_OF_OTHERS {
            assert!(known.iter().any(|known| known.name() == name), "{name}");
        }
    }

    pub const LINES: [&str; 21] = [
        "SELECT time, value FROM samples WHERE device = 'boiler' AND tag = 'level' AND time >= '2026-11-01' ORDER BY time",
        "SELECT * FROM samples WHERE value > 3 AND value_i64 IS NOT NULL",
        "SELECT * FROM samples ORDER BY time DESC LIMIT 10",
        "SELECT value FROM samples WHERE tag = 'level' LIMIT 5 OFFSET 2",
        "SELECT tag, avg(value), count(*) FROM samples GROUP BY tag ORDER BY 2 DESC LIMIT 3",
        "SELECT date_trunc('minute', time) AS t, tag, avg(value) FROM samples WHERE device = 'boiler' AND tag IN ('level', 'running', 'temperature', 'x') GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT time_bucket('5 minutes', time) AS t, max(value) - min(value) AS d FROM samples GROUP BY t HAVING max(value) > 7 ORDER BY t",
        "SELECT DISTINCT device, tag FROM samples ORDER BY 1, 2",
        "SELECT DISTINCT unit FROM samples LIMIT 4",
        "SELECT count(DISTINCT value), count(DISTINCT tag) FROM samples",
        "SELECT count(DISTINCT quality) FROM samples WHERE time < '2026-11-01T00:00:00Z'",
        "SELECT max(value + 0), stddev(value) FROM samples",
        "SELECT quality, count(*) FILTER (WHERE value > 1) FROM samples GROUP BY quality ORDER BY quality",
        "SELECT tag, max(n) FROM (SELECT tag, time_bucket('1 minute', time) AS t, count(*) AS n FROM samples GROUP BY 1, 2) m WHERE m.n > 4 GROUP BY tag ORDER BY tag",
        "SELECT upper(tag) AS u, CASE WHEN value > 1 THEN 'a' ELSE 'b' END AS c FROM samples WHERE NOT (value < 0 OR value IS NULL) ORDER BY u, c DESC",
        "SELECT temperature, level, running FROM boiler WHERE temperature > 3 ORDER BY time LIMIT 3",
        "SELECT time_bucket('1 hour', time) AS t, avg(temperature), max(level) FROM boiler GROUP BY 1 ORDER BY 1",
        "SELECT tag, first(value, time), last(value, time), time_weighted_average(time, value) FROM samples GROUP BY tag",
        "SELECT time_bucket_gapfill('1 minute', time) AS t, avg(value) FROM samples WHERE tag = 'level' AND time >= '2026-11-01' AND time < '2026-11-02' GROUP BY 1 ORDER BY 1",
        "SELECT max(time) FROM samples WHERE tag LIKE 'l%' AND time > now() - INTERVAL '1 day'",
        "SELECT value FROM (SELECT time, value FROM samples WHERE tag = 'level' ORDER BY time DESC LIMIT 5) n ORDER BY time",
    ];

    #[tokio::test]
    async fn fewer_rules_make_the_same_plans() {
        for text in LINES {
            let (state, _) = base(None);
            let statement = engine::parse(text).unwrap();
            let plan = state.statement_to_plan(statement).await.unwrap();
            assert!(is_line(&plan).unwrap(), "{text}");
            let shown =
                |plan: Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(false).to_string();
            let mut line = Line::new(state);
            let few = shown(physical_plan(&mut line, plan.clone()).await.unwrap().physical);
            let mut state = line.state;
            state.config_mut().options_mut().optimizer.max_passes = PASSES_MAX;
            let all = shown(state.create_physical_plan(&plan).await.unwrap());
            // A projection more that only renames may be left, and nothing else.
            let without_projections = |plan: &str| -> Vec<String> {
                let lines = plan.lines().map(str::trim).filter(|line| !line.starts_with("Proj"));
                lines.map(|line| line.split([':', ',']).next().unwrap().to_owned()).collect()
            };
            let (few_lines, all_lines) = (without_projections(&few), without_projections(&all));
            assert_eq!(few_lines, all_lines, "{text}\n{few}\n{all}");
            assert_eq!(few.lines().last().map(str::trim), all.lines().last().map(str::trim));
        }
    }

    #[tokio::test]
    async fn what_reads_little_is_planned_for_one_partition() {
        let among = ["Repartition", "CoalescePartitions", "PreservingMerge", "Partial"];
        for (samples, narrow) in [(Some(LITTLE), true), (Some(LITTLE + 1), false), (None, false)] {
            let mut seen = false;
            for text in LINES {
                let (state, _) = base(samples);
                let plan = state.statement_to_plan(engine::parse(text).unwrap()).await.unwrap();
                let mut line = Line::new(state);
                let planned = physical_plan(&mut line, plan).await.unwrap();
                let plan = displayable(planned.physical.as_ref()).indent(false).to_string();
                seen |= among.iter().any(|node| plan.contains(node));
                assert!(!(narrow && seen), "{text}\n{plan}");
                // The next statement may read more.
                assert_eq!(line.state.config().target_partitions(), 2);
            }
            assert!(narrow || seen, "{samples:?}");
        }
    }

    #[tokio::test]
    async fn what_has_more_than_a_line_is_planned_with_all_rules() {
        let others = [
            "SELECT count(*) FROM samples a JOIN samples b ON a.time = b.time",
            "SELECT value FROM samples WHERE value > (SELECT avg(value) FROM samples)",
            "SELECT value FROM samples WHERE tag IN (SELECT tag FROM latest)",
            "SELECT value FROM samples s WHERE EXISTS (SELECT 1 FROM latest l WHERE l.tag = s.tag)",
            "SELECT 1 UNION ALL SELECT value FROM samples",
            "SELECT value, lag(value) OVER (ORDER BY time) FROM samples",
        ];
        for text in others {
            let (state, _) = base(None);
            let statement = engine::parse(text).unwrap();
            let plan = state.statement_to_plan(statement).await.unwrap();
            assert!(!is_line(&plan).unwrap(), "{text}");
        }
    }
}
