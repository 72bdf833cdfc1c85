//! Statements that nest too deeply are refused before they are read: their tree is walked and freed by
//! recursion, and `1+1+1+…` makes a tree as deep as it is long.

use crate::error::{Fault, SqlError};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// Operators one around the other. More: refused.
const OPERATORS_MAX: usize = 1_000;

/// Counts what may make the tree deeper on the way to each place of the text.
pub fn check(text: &str) -> Result<(), SqlError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().map_err(|error| {
        let error = datafusion::sql::sqlparser::parser::ParserError::from(error);
        SqlError::from(datafusion::error::DataFusionError::SQL(Box::new(error), None))
    })?;
    // Counts of the brackets that are open; their sum is the depth here.
    let mut open = vec![0usize];
    let mut depth = 0usize;
    for token in &tokens {
        match token {
            Token::LParen | Token::LBracket => open.push(0),
            Token::RParen | Token::RBracket => {
                depth -= open.pop().unwrap_or(0);
                if open.is_empty() {
                    open.push(0);
                }
            }
            Token::Comma | Token::SemiColon => {
                if let Some(count) = open.last_mut() {
                    depth -= std::mem::take(count);
                }
            }
            other if deepens(other) => {
                depth += 1;
                if let Some(count) = open.last_mut() {
                    *count += 1;
                }
            }
            _ => {}
        }
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

fn deepens(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
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
