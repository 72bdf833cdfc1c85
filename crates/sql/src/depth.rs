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
    if tokens_at_most(text) < DEPTH_COUNTED_MAX {
        return Ok(());
    }
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

/// More than a text has without its white space: words and numbers end where letters begin or end,
/// and all else counts by the byte.
fn tokens_at_most(text: &str) -> usize {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => 1,
        b' ' | b'\t' | b'\r' | b'\n' => 2,
        _ => 3,
    };
    let mut before = 2;
    let begins = |byte: u8| {
        let own = class(byte);
        let begins = own == 3 || own != 2 && own != before;
        before = own;
        begins
    };
    text.bytes().map(begins).filter(|begins| *begins).count()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_no_more_tokens_than_it_is_said_to() {
        let texts = [
            "",
            "SELECT 1+1,'it''s' FROM \"a b\" WHERE x1>=2e5 AND NOT(y<>$1)OR z::text LIKE E'\\n'",
            "1OR1OR1 and 2AND3and4 .5 1.5e-3 0x1F $$a b$$ $tag$ x $tag$ -- a remark\n/* b */",
            "a||b#>>c->>'d'@>e!~~*f :g ü ö1 ß'ä' ARRAY[1,2][1] U&'x' X'1F' B'01'",
            "((((1))))",
        ];
        for text in texts {
            let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize() else {
                panic!("{text}");
            };
            let count =
                tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).count();
            assert!(count <= tokens_at_most(text), "{count} of {text}");
        }
    }

    #[test]
    fn deep_texts_are_refused_and_long_ones_are_not() {
        for chained in [100, 199, 255, 257, 3_000] {
            let text = format!("SELECT 1{}", "+1".repeat(chained));
            assert_eq!(check(&text).is_ok(), chained < OPERATORS_MAX, "{chained}");
        }
        let brackets = |count: usize| format!("SELECT {}1{}", "(".repeat(count), ")".repeat(count));
        assert!(check(&brackets(50)).is_ok() && check(&brackets(DEPTH_COUNTED_MAX)).is_err());
        let listed = vec!["'some text'"; 5_000].join(", ");
        assert!(check(&format!("SELECT x IN ({listed})")).is_ok());
    }
}
