//! Reads eKuiper's SQL with the parser of the engine: what differs in the words is made even before.

use super::report::Note;
use datafusion::sql::sqlparser::ast::{Ident, Query};
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Word};
use tagwerk_model::limits::RULE_SQL_BYTES_MAX;

#[derive(Debug)]
struct Ekuiper;

impl Dialect for Ekuiper {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    /// `->` leads to a part of a column, and so binds most.
    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        (parser.peek_token_ref().token == Token::Arrow).then_some(Ok(ARROW))
    }
}

const ARROW: u8 = 60;

/// Nesting of an expression.
const DEPTH_MAX: usize = 50;
const SHORTEN: &str = "divide it into rules that read each other";

/// The words of a text, without what is between them.
pub fn tokens(text: &str) -> Result<Vec<TokenWithSpan>, Note> {
    if text.len() > RULE_SQL_BYTES_MAX {
        let problem = format!("the statement has {} bytes", text.len());
        return Err(Note::lost(problem, SHORTEN));
    }
    let tokens = Tokenizer::new(&Ekuiper, text)
        .tokenize_with_location()
        .map_err(|error| Note::lost(error.message, "correct the statement").at(error.location))?;
    let tokens: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    match too_deep(&tokens) {
        Some(at) => Err(Note::lost("the statement chains too many operators", SHORTEN).at(at)),
        None => Ok(tokens),
    }
}

/// Trees are walked by recursion, and `1+1+1+…` makes one as deep as it is long: where it gets too deep.
fn too_deep(tokens: &[TokenWithSpan]) -> Option<Location> {
    /// A quarter of what fills a thread's stack where nothing is optimised.
    const OPERATORS_MAX: usize = 200;
    let count = |open: &mut Vec<usize>, change: fn(usize) -> usize| {
        if let Some(last) = open.last_mut() {
            *last = change(*last);
        }
    };
    let mut open = vec![0usize];
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket => open.push(1),
            Token::RParen | Token::RBracket if open.len() > 1 => drop(open.pop()),
            Token::Word(word) if word.quote_style.is_some() => {}
            Token::Number(..) | Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => {}
            Token::Comma | Token::SemiColon => count(&mut open, |_| 0),
            Token::Word(word) => match word.keyword {
                Keyword::FROM | Keyword::WHERE | Keyword::GROUP | Keyword::HAVING => {
                    count(&mut open, |_| 0);
                }
                Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::JOIN
                | Keyword::BETWEEN
                | Keyword::CASE => count(&mut open, |n| n + 1),
                _ => {}
            },
            _ => count(&mut open, |n| n + 1),
        }
        if open.iter().sum::<usize>() > OPERATORS_MAX {
            return Some(token.span.start);
        }
    }
    None
}

/// Whether a statement of ours may be walked.
pub fn is_shallow(text: &str) -> bool {
    let tokens = Tokenizer::new(&Ekuiper, text).tokenize_with_location().unwrap_or_default();
    let tokens: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    text.len() <= RULE_SQL_BYTES_MAX && too_deep(&tokens).is_none()
}

/// The statement as a tree. In `OVER (… WHEN condition)` the condition stands as what is ordered by,
/// which eKuiper does not have.
pub fn parse(text: &str) -> Result<Query, Note> {
    let tokens = evened(tokens(text)?);
    let ends = tokens.last().map_or(Location::empty(), |token| token.span.end);
    let mut parser =
        Parser::new(&Ekuiper).with_recursion_limit(DEPTH_MAX).with_tokens_with_locations(tokens);
    let query = parser.parse_query().map_err(|error| told(error, ends))?;
    while parser.consume_token(&Token::SemiColon) {}
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let problem = format!("`{}` is not understood here", rest.token);
        let remedy = "correct the statement, or write it anew";
        return Err(Note::lost(problem, remedy).at(rest.span.start));
    }
    Ok(*query)
}

/// The parser's words have their place at the end.
fn told(error: ParserError, ends: Location) -> Note {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => {
            return Note::lost("the statement is nested too deeply", SHORTEN);
        }
    };
    let (text, place) = match text.rsplit_once(" at Line: ") {
        Some((before, place)) => (before.to_owned(), place.to_owned()),
        None => (text, String::new()),
    };
    let mut numbers = place.split(", Column: ").map(|part| part.trim().parse::<u64>());
    let at = match (numbers.next(), numbers.next()) {
        (Some(Ok(line)), Some(Ok(column))) => Location { line, column },
        _ => ends,
    };
    Note::lost(text, "correct the statement, or write it anew").at(at)
}

/// Words that mean something in a statement of eKuiper's. All others are names.
const KEYWORDS: &[Keyword] = &[
    Keyword::SELECT,
    Keyword::FROM,
    Keyword::JOIN,
    Keyword::LEFT,
    Keyword::RIGHT,
    Keyword::FULL,
    Keyword::INNER,
    Keyword::OUTER,
    Keyword::CROSS,
    Keyword::ON,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::ORDER,
    Keyword::HAVING,
    Keyword::BY,
    Keyword::ASC,
    Keyword::DESC,
    Keyword::AND,
    Keyword::OR,
    Keyword::CASE,
    Keyword::WHEN,
    Keyword::THEN,
    Keyword::ELSE,
    Keyword::END,
    Keyword::IN,
    Keyword::NOT,
    Keyword::BETWEEN,
    Keyword::LIKE,
    Keyword::OVER,
    Keyword::PARTITION,
    Keyword::AS,
    Keyword::LIMIT,
    Keyword::TRUE,
    Keyword::FALSE,
    Keyword::NULL,
    Keyword::IS,
];

/// Whether a word is one of them, and no name.
pub fn is_keyword(word: &Ident) -> bool {
    let known =
        || KEYWORDS.iter().any(|known| format!("{known:?}").eq_ignore_ascii_case(&word.value));
    word.quote_style.is_none() && known()
}

fn evened(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 8);
    // Of each bracket that is open: whether it is that of OVER, and how many CASE are open in it.
    let mut open: Vec<(bool, usize)> = vec![(false, 0)];
    for mut token in tokens {
        let before = out.last().map(|token| &token.token);
        let closed = matches!(before, Some(Token::RParen));
        let star = closed || matches!(before, Some(Token::Mul));
        let after_over = keyword(before) == Some(Keyword::OVER);
        if let Token::Word(word) = &mut token.token
            && word.quote_style.is_none()
        {
            let known = match word.keyword {
                Keyword::FILTER => closed,
                Keyword::EXCEPT | Keyword::REPLACE => star,
                keyword => KEYWORDS.contains(&keyword),
            };
            if !known {
                word.keyword = Keyword::NoKeyword;
            }
        }
        match &token.token {
            Token::LParen => open.push((after_over, 0)),
            Token::RParen if open.len() > 1 => {
                open.pop();
            }
            _ => {}
        }
        let Some((over, cases)) = open.last_mut() else { continue };
        match keyword(Some(&token.token)) {
            Some(Keyword::CASE) => *cases += 1,
            Some(Keyword::END) => *cases = cases.saturating_sub(1),
            Some(Keyword::WHEN) if *over && *cases == 0 => {
                for (value, keyword) in [("ORDER", Keyword::ORDER), ("BY", Keyword::BY)] {
                    let word = Word { value: value.to_owned(), quote_style: None, keyword };
                    out.push(TokenWithSpan { token: Token::Word(word), span: token.span });
                }
                continue;
            }
            _ => {}
        }
        out.push(token);
    }
    out
}

fn keyword(token: Option<&Token>) -> Option<Keyword> {
    match token {
        Some(Token::Word(word)) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}
