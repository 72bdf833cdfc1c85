//! Statements that nest too deeply are refused before they are read: their tree is walked and freed by
//! recursion, and `1+1+1+…` makes a tree as deep as it is long.

use crate::error::{Fault, SqlError};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// Operators one around the other. More: refused. Some 900 fill a thread's stack where nothing is
/// optimised.
const OPERATORS_MAX: usize = 256;

/// Brackets that are counted; the parser refuses fewer.
const DEPTH_COUNTED_MAX: usize = 200;

/// Counts what may make the tree deeper on the way to each place of the text.
pub fn check(text: &str) -> Result<(), SqlError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().map_err(|error| {
        let error = datafusion::sql::sqlparser::parser::ParserError::from(error);
        SqlError::from(datafusion::error::DataFusionError::SQL(Box::new(error), None))
    })?;
    // For each bracket that is open: what AND and OR chain, and what the last of their sides does.
    let mut open = vec![[0usize; 2]];
    for token in &tokens {
        match token {
            Token::LParen | Token::LBracket => open.push([0; 2]),
            Token::RParen | Token::RBracket if open.len() > 1 => drop(open.pop()),
            other => {
                if let Some([chained, side]) = open.last_mut() {
                    match step(other) {
                        Step::None => {}
                        Step::End => (*chained, *side) = (0, 0),
                        Step::Chain => (*chained, *side) = (*chained + 1, 0),
                        Step::Operator => *side += 1,
                    }
                }
            }
        }
        let depth: usize = match open.len() > DEPTH_COUNTED_MAX {
            true => OPERATORS_MAX + 1,
            false => open.iter().flatten().sum(),
        };
        if depth > OPERATORS_MAX {
            let text = format!(
                "the statement chains more than {OPERATORS_MAX} operators; name values in one IN (…) \
                 instead"
            );
            return Err(SqlError::new(Fault::Statement, text));
        }
    }
    Ok(())
}

enum Step {
    None,
    /// What follows lies beside what came before.
    End,
    Chain,
    Operator,
}

fn step(token: &Token) -> Step {
    match token {
        Token::Comma | Token::SemiColon => Step::End,
        Token::Word(word) if matches!(word.keyword, Keyword::AND | Keyword::OR) => Step::Chain,
        other if deepens(other) => Step::Operator,
        _ => Step::None,
    }
}

fn deepens(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::AT
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::COLLATE
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::JOIN
                | Keyword::CASE
                | Keyword::WHEN
                | Keyword::SELECT
                | Keyword::EXPLAIN
                | Keyword::SIMILAR
                | Keyword::OVERLAPS
                | Keyword::OPERATOR
        ),
        Token::EOF
        | Token::Whitespace(_)
        | Token::Period
        | Token::Number(..)
        | Token::Placeholder(_)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::DollarQuotedString(_) => false,
        _ => true,
    }
}
