//! Which columns a condition needs in the same row. Tags that are read at different times never have a
//! value in the same one, and a rule that waits for that waits for ever.

use crate::program::{Body, Physical, Program};
use crate::stages::Stage;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, IsNotNullExpr, Literal, NegativeExpr, NotExpr,
};
use std::collections::BTreeSet;

/// Ways in which one condition can hold. More are not told apart.
const WAYS_MAX: usize = 16;

type Names = BTreeSet<String>;

/// What a rule makes of single rows that needs several columns at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The column that is computed; none: the condition.
    pub column: Option<String>,
    /// The columns that are not NULL, for each way in which it can be true, or have a value.
    pub ways: Vec<BTreeSet<String>>,
}

impl Program {
    /// Of the only stream that it reads, unless what was read last stands in its rows.
    pub fn needs(&self) -> Vec<Needs> {
        let plain = self.sources.len() == 1 && self.sources[0].filling.is_none();
        let stages = match &self.body {
            Body::Stages(stages) => stages,
            Body::Totals(totals) => &totals.stages,
            Body::Plan(_) => return Vec::new(),
        };
        let mut needs = Vec::new();
        for stage in stages.iter().filter(|_| plain) {
            match stage {
                Stage::Filter(condition) => {
                    needs.push(Needs { column: None, ways: ways(condition) })
                }
                Stage::Project(expressions, schema) => {
                    let computed = expressions.iter().zip(schema.fields());
                    needs.extend(computed.map(|(expr, field)| Needs {
                        column: Some(field.name().clone()),
                        ways: vec![strict(expr).unwrap_or_default()],
                    }));
                    let picked = |(expr, name): (&Physical, &str)| {
                        expr.downcast_ref::<Column>().is_some_and(|own| own.name() == name)
                    };
                    let names = schema.fields().iter().map(|field| field.name().as_str());
                    // Behind it, a name may stand for something else.
                    if !expressions.iter().zip(names).all(picked) {
                        break;
                    }
                }
            }
        }
        needs.retain(|needs| needs.ways.iter().all(|columns| columns.len() > 1));
        needs
    }
}

fn ways(condition: &Physical) -> Vec<Names> {
    let Some(binary) = condition.downcast_ref::<BinaryExpr>() else {
        return vec![strict(condition).unwrap_or_default()];
    };
    let both = || (ways(binary.left()), ways(binary.right()));
    let found: Vec<Names> = match binary.op() {
        Operator::Or => {
            let (left, right) = both();
            left.into_iter().chain(right).collect()
        }
        Operator::And => {
            let (left, right) = both();
            let with = |a: &Names| right.iter().map(|b| a | b).collect::<Vec<_>>();
            left.iter().flat_map(with).collect()
        }
        _ => vec![strict(condition).unwrap_or_default()],
    };
    if found.len() > WAYS_MAX { vec![Names::new()] } else { found }
}

/// The columns, any of which makes the expression NULL when it is; none, where that is not known.
fn strict(expr: &Physical) -> Option<Names> {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return Some(Names::from([column.name().to_owned()]));
    }
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        use Operator::{
            Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Plus, StringConcat,
        };
        let known = matches!(
            binary.op(),
            Eq | NotEq
                | Lt
                | LtEq
                | Gt
                | GtEq
                | Plus
                | Minus
                | Multiply
                | Divide
                | Modulo
                | StringConcat
        );
        return known.then(|| Some(&strict(binary.left())? | &strict(binary.right())?))?;
    }
    let passes = expr.is::<CastExpr>()
        || expr.is::<NegativeExpr>()
        || expr.is::<NotExpr>()
        || expr.is::<IsNotNullExpr>();
    match passes {
        true => strict(expr.children().first()?),
        false => expr.is::<Literal>().then(Names::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Planner;
    use tagwerk_model::{DataType, TagId};
    use tagwerk_sql::{TagEntry, TagTable};

    #[test]
    fn what_is_needed_in_the_same_row_is_known() {
        let tag = |(id, name): (u32, &str)| TagEntry {
            id: TagId(id),
            device: "boiler".into(),
            name: name.into(),
            data_type: if name == "running" { DataType::Bool } else { DataType::Float64 },
            unit: "".into(),
        };
        let tags = [(1, "a"), (2, "b"), (3, "c"), (4, "running")].map(tag);
        let tags = TagTable::new(tags.to_vec());
        let planner = Planner::new().unwrap();
        let cases: [(&str, &[&str]); 12] = [
            ("SELECT a FROM boiler WHERE a > 1 AND b < 2", &["condition: a+b"]),
            ("SELECT a FROM boiler WHERE a > b", &["condition: a+b"]),
            ("SELECT a FROM boiler WHERE a > 1 OR b < 2", &[]),
            ("SELECT a FROM boiler WHERE (a > 1 OR b < 2) AND c = 3", &["condition: a+c, b+c"]),
            ("SELECT a FROM boiler WHERE running AND NOT (a > 3.5)", &["condition: a+running"]),
            ("SELECT a FROM boiler WHERE a > 1 AND b IS NULL", &[]),
            ("SELECT a FROM boiler WHERE a > coalesce(b, 3)", &[]),
            ("SELECT a - b AS d, c FROM boiler", &["d: a+b"]),
            ("SELECT a, b FROM boiler", &[]),
            ("SELECT a FROM filled(boiler, '1 minute') WHERE a > b", &[]),
            ("SELECT latest(a) > b AS d FROM boiler", &["d: __over_0+b"]),
            (
                "SELECT max(a) AS m FROM boiler WHERE b > 3 AND a > 2 GROUP BY tumbling_window('1m')",
                &["condition: a+b"],
            ),
        ];
        for (sql, expected) in cases {
            let shown = |needs: Needs| {
                let ways = needs.ways.iter().map(|names| Vec::from_iter(names.clone()).join("+"));
                let ways: Vec<String> = ways.collect();
                format!("{}: {}", needs.column.unwrap_or("condition".into()), ways.join(", "))
            };
            let program = planner.plan(sql, &tags).unwrap();
            let needs: Vec<String> = program.needs().into_iter().map(shown).collect();
            assert_eq!(needs, expected, "{sql}");
        }
    }
}
