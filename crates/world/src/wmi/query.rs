//! The part of WQL that administrators use: `SELECT a, b FROM Class WHERE …`.

use std::cmp::Ordering;

use thiserror::Error;

use super::{Instance, WmiValue};

/// The longest query that is read, in bytes.
pub const LONGEST_QUERY: usize = 8192;
/// How deep parentheses and NOT may nest.
pub const DEEPEST_CONDITION: usize = 32;

/// Why a text is no query that this module understands (`WBEM_E_INVALID_QUERY`).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid query at character {at}: {why}")]
pub struct BadQuery {
    /// Position of the unexpected part, in bytes from 0.
    pub at: usize,
    /// What was expected there.
    pub why: &'static str,
}

/// A parsed query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The properties selected; empty for `*`.
    pub properties: Vec<String>,
    /// The class after FROM.
    pub class: String,
    condition: Option<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(String, Comparison, WmiValue),
    IsNull(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Like,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`BadQuery`] with the place and what was expected there.
    pub fn parse(text: &str) -> Result<Self, BadQuery> {
        if text.len() > LONGEST_QUERY {
            return Err(BadQuery { at: LONGEST_QUERY, why: "the query is too long" });
        }
        let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.len() };
        let query = parser.query()?;
        match parser.peek() {
            None => Ok(query),
            Some(_) => Err(parser.expected("the end of the query")),
        }
    }

    /// Whether an instance fulfils the condition. The class is the caller's business.
    #[must_use]
    pub fn matches(&self, instance: &Instance) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.holds(instance))
    }

    /// The instance with the selected properties only, in the order of the query.
    #[must_use]
    pub fn project(&self, instance: &Instance) -> Instance {
        if self.properties.is_empty() {
            return instance.clone();
        }
        let mut projected = Instance::new(&instance.class);
        for name in &self.properties {
            let value = instance.get(name).cloned().unwrap_or(WmiValue::Null);
            projected.properties.insert(name.clone(), value);
        }
        projected
    }
}

impl Condition {
    fn holds(&self, instance: &Instance) -> bool {
        match self {
            Self::And(one, two) => one.holds(instance) && two.holds(instance),
            Self::Or(one, two) => one.holds(instance) || two.holds(instance),
            Self::Not(inner) => !inner.holds(instance),
            Self::IsNull(name) => matches!(instance.get(name), None | Some(WmiValue::Null)),
            Self::Compare(name, how, literal) => instance.get(name).is_some_and(|value| how.holds(value, literal)),
        }
    }
}

impl Comparison {
    fn holds(self, value: &WmiValue, literal: &WmiValue) -> bool {
        if self == Self::Like {
            return match (value, literal) {
                (WmiValue::Text(value), WmiValue::Text(pattern)) => like(&chars_folded(value), &chars_folded(pattern)),
                _ => false,
            };
        }
        let Some(order) = value.compare(literal) else {
            return false;
        };
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::Unequal => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::AtMost => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::AtLeast => order != Ordering::Less,
            Self::Like => false,
        }
    }
}

fn chars_folded(text: &str) -> Vec<char> {
    text.to_lowercase().chars().collect()
}

/// `%` any text, `_` one character; the character classes of WQL are not supported.
fn like(text: &[char], pattern: &[char]) -> bool {
    // Remembers the last `%` and retries from there, so the time is bounded by the product of the lengths.
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '%' {
            retry = Some((p + 1, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '_' || pattern[p] == text[t]) {
            t += 1;
            p += 1;
        } else if let Some((after, from)) = retry {
            retry = Some((after, from + 1));
            t = from + 1;
            p = after;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(i64),
    Sign(&'static str),
}

const SIGNS: [&str; 11] = ["<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ",", "*"];

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, BadQuery> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            at += sign.len();
            tokens.push((start, Token::Sign(sign)));
        } else if c == '\'' || c == '"' {
            let (content, length) =
                quoted(&rest[1..], c).ok_or(BadQuery { at: start, why: "the text has no closing quote" })?;
            at += 1 + length;
            tokens.push((start, Token::Text(content)));
        } else if c.is_ascii_digit() || c == '-' {
            let length = 1 + rest[1..].bytes().take_while(u8::is_ascii_digit).count();
            let number = rest[..length].parse().map_err(|_| BadQuery { at: start, why: "this is no 64-bit number" })?;
            at += length;
            tokens.push((start, Token::Number(number)));
        } else if c.is_alphanumeric() || c == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            at += length;
            tokens.push((start, Token::Word(rest[..length].to_owned())));
        } else {
            return Err(BadQuery { at, why: "this character does not belong into a query" });
        }
    }
    Ok(tokens)
}

/// The content up to the closing quote and the bytes used with it; a backslash takes the next character literally.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut content = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => content.push(chars.next()?.1),
            c if c == quote => return Some((content, at + 1)),
            c => content.push(c),
        }
    }
    None
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn expected(&self, why: &'static str) -> BadQuery {
        BadQuery { at: self.tokens.get(self.next).map_or(self.end, |(at, _)| *at), why }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(other)) if *other == sign);
        self.next += usize::from(found);
        found
    }

    fn name(&mut self, why: &'static str) -> Result<String, BadQuery> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.next += 1;
                Ok(word)
            }
            _ => Err(self.expected(why)),
        }
    }

    fn query(&mut self) -> Result<Query, BadQuery> {
        if !self.keyword("SELECT") {
            return Err(self.expected("SELECT"));
        }
        let mut properties = Vec::new();
        if !self.sign("*") {
            properties.push(self.name("* or a property")?);
            while self.sign(",") {
                properties.push(self.name("a property")?);
            }
        }
        if !self.keyword("FROM") {
            return Err(self.expected("FROM"));
        }
        let class = self.name("a class")?;
        let condition = if self.keyword("WHERE") { Some(self.any(0)?) } else { None };
        Ok(Query { properties, class, condition })
    }

    fn any(&mut self, depth: usize) -> Result<Condition, BadQuery> {
        let mut condition = self.all(depth)?;
        while self.keyword("OR") {
            condition = Condition::Or(Box::new(condition), Box::new(self.all(depth)?));
        }
        Ok(condition)
    }

    fn all(&mut self, depth: usize) -> Result<Condition, BadQuery> {
        let mut condition = self.one(depth)?;
        while self.keyword("AND") {
            condition = Condition::And(Box::new(condition), Box::new(self.one(depth)?));
        }
        Ok(condition)
    }

    fn one(&mut self, depth: usize) -> Result<Condition, BadQuery> {
        if depth >= DEEPEST_CONDITION {
            return Err(self.expected("a less deeply nested condition"));
        }
        if self.keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.sign("(") {
            let condition = self.any(depth + 1)?;
            if !self.sign(")") {
                return Err(self.expected("a closing parenthesis"));
            }
            return Ok(condition);
        }
        let name = self.name("a property")?;
        if self.keyword("IS") {
            let negated = self.keyword("NOT");
            if !self.keyword("NULL") {
                return Err(self.expected("NULL"));
            }
            let null = Condition::IsNull(name);
            return Ok(if negated { Condition::Not(Box::new(null)) } else { null });
        }
        let how = self.comparison()?;
        Ok(Condition::Compare(name, how, self.literal()?))
    }

    fn comparison(&mut self) -> Result<Comparison, BadQuery> {
        if self.keyword("LIKE") {
            return Ok(Comparison::Like);
        }
        let how = match self.peek() {
            Some(Token::Sign("=")) => Comparison::Equal,
            Some(Token::Sign("<>" | "!=")) => Comparison::Unequal,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::AtMost,
            Some(Token::Sign(">")) => Comparison::Greater,
            Some(Token::Sign(">=")) => Comparison::AtLeast,
            _ => return Err(self.expected("a comparison")),
        };
        self.next += 1;
        Ok(how)
    }

    fn literal(&mut self) -> Result<WmiValue, BadQuery> {
        let literal = match self.peek() {
            Some(Token::Text(text)) => WmiValue::Text(text.clone()),
            Some(Token::Number(number)) => WmiValue::Int(*number),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("TRUE") => WmiValue::Bool(true),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("FALSE") => WmiValue::Bool(false),
            _ => return Err(self.expected("a text, a number, TRUE or FALSE")),
        };
        self.next += 1;
        Ok(literal)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn status() -> Instance {
        Instance::new("CCM_UpdateStatus")
            .with("UniqueId", "505fda07-b4f3-45fb-83d9-8642554e2773")
            .with("RevisionNumber", 200)
            .with("Status", "Missing")
            .with("Bulletin", WmiValue::Null)
            .with("ExcludeForStateReporting", false)
    }

    #[track_caller]
    fn check(condition: &str, expected: bool) {
        let query = Query::parse(&format!("SELECT * FROM CCM_UpdateStatus WHERE {condition}")).unwrap();
        assert_eq!(query.matches(&status()), expected, "{condition}");
    }

    #[test]
    fn comparisons_of_texts_ignore_case() {
        check("Status = 'missing'", true);
        check("STATUS <> \"Missing\"", false);
        check("UniqueId LIKE '505FDA07%'", true);
        check("UniqueId LIKE '%b4f_-%2773'", true);
        check("UniqueId LIKE '%b4f_-'", false);
    }

    #[test]
    fn numbers_booleans_and_nulls() {
        check("RevisionNumber >= 200 AND RevisionNumber < 201", true);
        check("RevisionNumber = '200'", true);
        check("ExcludeForStateReporting = FALSE", true);
        check("Bulletin IS NULL AND Status IS NOT NULL", true);
        check("Bulletin = 'MS13'", false);
        check("NoSuchProperty = 1", false);
    }

    #[test]
    fn and_binds_closer_than_or() {
        check("Status = 'Missing' OR Status = 'Installed' AND RevisionNumber = 1", true);
        check("(Status = 'Missing' OR Status = 'Installed') AND RevisionNumber = 1", false);
        check("NOT Status = 'Installed' AND RevisionNumber = 200", true);
    }

    #[test]
    fn selected_properties_come_in_the_order_asked() {
        let query = Query::parse("select Status, UniqueId, Missing from CCM_UpdateStatus").unwrap();
        let row = query.project(&status());
        assert_eq!(row.properties.keys().collect::<Vec<_>>(), ["Status", "UniqueId", "Missing"]);
        assert_eq!(row.properties["Missing"], WmiValue::Null);
    }

    #[test]
    fn mistakes_name_their_place() {
        for (text, at, why) in [
            ("FROM x", 0, "SELECT"),
            ("SELECT * FROM", 13, "a class"),
            ("SELECT * FROM c WHERE a", 23, "a comparison"),
            ("SELECT * FROM c WHERE a = 'x", 26, "the text has no closing quote"),
            ("SELECT * FROM c ORDER", 16, "the end of the query"),
        ] {
            assert_eq!(Query::parse(text), Err(BadQuery { at, why }), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_at_the_limit() {
        let nested = |depth: usize| {
            let (open, close) = ("(".repeat(depth), ")".repeat(depth));
            Query::parse(&format!("SELECT * FROM c WHERE {open}a = 1{close}"))
        };
        assert!(nested(DEEPEST_CONDITION - 1).is_ok());
        assert!(nested(DEEPEST_CONDITION).is_err());
    }

    #[test]
    fn length_is_bounded_at_the_limit() {
        let padded = |length: usize| Query::parse(&format!("{:<length$}", "SELECT * FROM c"));
        assert!(padded(LONGEST_QUERY).is_ok());
        assert!(padded(LONGEST_QUERY + 1).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,80}") {
            let _ = Query::parse(&text);
            let _ = Query::parse(&format!("SELECT * FROM c WHERE {text}"));
        }
    }
}
