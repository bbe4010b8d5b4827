//! Texts with named places: matching a whole record, and filling one in.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::bytes::{Captures, Regex, RegexBuilder};
use thiserror::Error;

/// Values of named places, by name, as they stand in the logs.
pub type Values = BTreeMap<String, String>;

/// Why a template is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// A brace that is neither doubled nor closed.
    #[error("in {0:?} a brace is not closed")]
    OpenBrace(String),
    /// A name without an entry in the table of names.
    #[error("in {0:?} the name {1:?} is not in the table of names")]
    UnknownName(String, String),
    /// A form this crate does not know.
    #[error("in {0:?} the form {1:?} does not exist")]
    UnknownForm(String, String),
}

/// The text of one whole record, with places for values.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
    /// Made when a text first gets past the cheap look at its ends: a hundred of them cost milliseconds.
    regex: OnceLock<Regex>,
}

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Place { name: Option<String>, form: Form },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    BracedGuid,
    Guid,
    Number,
    Site,
    Host,
    Url,
    Xml,
    Locations,
    Text,
    Word,
    Path,
    Code,
    Gap,
    Break,
    Any,
}

impl Form {
    const ALL: [(&'static str, Self, &'static str); 15] = [
        ("braced-guid", Self::BracedGuid, r"\{[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}\}"),
        ("guid", Self::Guid, "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        ("number", Self::Number, "[0-9]+"),
        ("site", Self::Site, "[A-Z0-9]{3}"),
        ("host", Self::Host, r"[A-Za-z0-9._-]+"),
        ("url", Self::Url, r#"https?://[^\s'"<>,]+"#),
        ("xml", Self::Xml, "(?s:<.*>)"),
        // A reply without a record answers nothing.
        ("locations", Self::Locations, "(?s:<WSUSLocationReply.*<LocationRecord [^>]*/>.*</WSUSLocationReply>)"),
        ("text", Self::Text, r"[^\r\n]+"),
        ("word", Self::Word, r"[^\s']+"),
        ("path", Self::Path, r"[^\r\n]+"),
        // Decoded traces and some Windows 7 lines leave out the prefix.
        ("code", Self::Code, "(?:0x)?[0-9A-Fa-f]{8}"),
        // Published lines have one blank where raw ones have two.
        ("gap", Self::Gap, " {1,2}"),
        ("break", Self::Break, "(?:\n| ?)"),
        ("any", Self::Any, "(?s:.*)"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, ..)| *known == name).map(|(_, form, _)| *form)
    }

    fn pattern(self) -> &'static str {
        Self::ALL.iter().find(|(_, form, _)| *form == self).map_or("", |(_, _, pattern)| pattern)
    }

    /// What stands in a place nobody gives a value for.
    fn sample(self) -> &'static str {
        match self {
            Self::BracedGuid => "{00000000-0000-0000-0000-000000000001}",
            Self::Guid => "00000000-0000-0000-0000-000000000001",
            Self::Number => "0",
            Self::Site => "ABC",
            Self::Host | Self::Word | Self::Text => "x",
            Self::Url => "http://x",
            Self::Xml => "<x/>",
            Self::Locations => "<WSUSLocationReply><LocationRecord x=\"\"/></WSUSLocationReply>",
            Self::Path => r"C:\x",
            Self::Code => "0x80004005",
            Self::Gap => " ",
            Self::Break => "\n",
            Self::Any => "",
        }
    }
}

impl Template {
    /// Reads a template; `names` gives the form of each name.
    ///
    /// # Errors
    /// A brace left open, or a name or form that does not exist.
    pub fn new(source: &str, names: &Values) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let after = &rest[at + 1..];
            if let Some(after) = after.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let (inside, after) = after.split_once('}').ok_or_else(|| TemplateError::OpenBrace(source.to_owned()))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(place(source, inside, names)?);
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { source: source.to_owned(), parts, regex: OnceLock::new() })
    }

    fn regex(&self) -> &Regex {
        self.regex.get_or_init(|| {
            let mut pattern = String::from("^");
            for part in &self.parts {
                match part {
                    Part::Literal(text) => pattern.push_str(&regex::escape(text)),
                    Part::Place { form, .. } => {
                        pattern.push('(');
                        pattern.push_str(form.pattern());
                        pattern.push(')');
                    }
                }
            }
            pattern.push_str("\\z");
            // Bytes are enough: no form tells one letter beyond ASCII from another.
            let built = RegexBuilder::new(&pattern).unicode(false).build();
            built.expect("escaped literals and our own forms are a regex")
        })
    }

    fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        let fits = |part: Option<&Part>, at_end: bool| match part {
            Some(Part::Literal(literal)) if at_end => text.ends_with(literal.as_str()),
            Some(Part::Literal(literal)) => text.starts_with(literal.as_str()),
            _ => true,
        };
        if !fits(self.parts.first(), false) || !fits(self.parts.last(), true) {
            return None;
        }
        self.regex().captures(text.as_bytes())
    }

    /// The template as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names in the template, each as often as it stands there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place { name, .. } => name.as_deref(),
            Part::Literal(_) => None,
        })
    }

    /// The values a whole text has in the named places, if it fits and agrees with what is `known` already. Ids agree
    /// whatever their braces and capitals.
    #[must_use]
    pub fn matches(&self, text: &str, known: &Values) -> Option<Values> {
        if let [Part::Literal(literal)] = self.parts.as_slice() {
            return (text == literal).then(Values::new);
        }
        let captures = self.captures(text)?;
        let mut found = Values::new();
        let places = self.parts.iter().filter_map(|part| match part {
            Part::Place { name, form } => Some((name.as_ref(), *form)),
            Part::Literal(_) => None,
        });
        for (group, (name, form)) in places.enumerate() {
            let (Some(name), Some(value)) = (name, captures.get(group + 1)) else { continue };
            let value = std::str::from_utf8(value.as_bytes()).ok()?;
            if let Some(other) = known.get(name).or_else(|| found.get(name))
                && plain(other, form) != plain(value, form)
            {
                return None;
            }
            found.insert(name.clone(), value.to_owned());
        }
        Some(found)
    }

    /// The code a failure text holds, with its prefix.
    #[must_use]
    pub fn code(&self, text: &str) -> Option<String> {
        let captures = self.captures(text)?;
        let places = self.parts.iter().filter(|part| matches!(part, Part::Place { .. }));
        let group = places.enumerate().find(|(_, part)| matches!(part, Part::Place { form: Form::Code, .. }))?.0;
        let digits = std::str::from_utf8(captures.get(group + 1)?.as_bytes()).ok()?;
        Some(format!("0x{}", digits.trim_start_matches("0x").to_ascii_uppercase()))
    }

    /// The text with `values` in the named places; places without a value get a sample of their form.
    #[must_use]
    pub fn fill(&self, values: &Values) -> String {
        let piece = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Place { name, form } => {
                let value = name.as_ref().and_then(|name| values.get(name));
                value.cloned().unwrap_or_else(|| form.sample().to_owned())
            }
        };
        self.parts.iter().map(piece).collect()
    }
}

fn place(source: &str, inside: &str, names: &Values) -> Result<Part, TemplateError> {
    let (name, form) = match inside.strip_prefix(':') {
        Some(form) => (None, form),
        None => match names.get(inside) {
            Some(form) => (Some(inside.to_owned()), form.as_str()),
            None => return Err(TemplateError::UnknownName(source.to_owned(), inside.to_owned())),
        },
    };
    let form = Form::named(form).ok_or_else(|| TemplateError::UnknownForm(source.to_owned(), form.to_owned()))?;
    Ok(Part::Place { name, form })
}

/// A value as it is compared.
fn plain(value: &str, form: Form) -> String {
    match form {
        Form::BracedGuid | Form::Guid => value.trim_matches(['{', '}']).to_ascii_lowercase(),
        Form::Url => value.trim_end_matches('/').to_ascii_lowercase(),
        Form::Host => value.to_ascii_lowercase(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Values {
        [("Id", "braced-guid"), ("Bare", "guid"), ("N", "number")]
            .map(|(name, form)| (name.to_owned(), form.to_owned()))
            .into()
    }

    const ID: &str = "{C2D17964-BBDD-4339-B9F3-12D7205B39CC}";

    #[test]
    fn a_text_fits_as_a_whole_or_not_at_all() {
        let template = Template::new("job {Id} of {{x}} took {N} s.", &names()).unwrap();
        let text = format!("job {ID} of {{x}} took 3 s.");
        let values = template.matches(&text, &Values::new()).unwrap();
        assert_eq!(values["Id"], ID);
        assert_eq!(template.fill(&values), text);
        for damaged in
            [format!("{text} "), format!(" {text}"), format!("{text}\n"), text.to_lowercase(), text.replace('3', "")]
        {
            assert_eq!(template.matches(&damaged, &Values::new()), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_name_has_one_value() {
        let twice = Template::new("{N} and {N}", &names()).unwrap();
        assert!(twice.matches("3 and 3", &Values::new()).is_some());
        assert_eq!(twice.matches("3 and 4", &Values::new()), None);
        let known = Values::from([("N".to_owned(), "5".to_owned())]);
        assert_eq!(twice.matches("3 and 3", &known), None);
    }

    #[test]
    fn ids_agree_across_braces_and_capitals() {
        let template = Template::new("update {Id}", &names()).unwrap();
        let known = Values::from([("Id".to_owned(), "c2d17964-bbdd-4339-b9f3-12d7205b39cc".to_owned())]);
        assert!(template.matches(&format!("update {ID}"), &known).is_some());
    }

    #[test]
    fn damaged_templates_say_why() {
        assert_eq!(Template::new("a {Id", &names()).unwrap_err(), TemplateError::OpenBrace("a {Id".into()));
        assert!(matches!(Template::new("{Nobody}", &names()).unwrap_err(), TemplateError::UnknownName(..)));
        assert!(matches!(Template::new("{:nothing}", &names()).unwrap_err(), TemplateError::UnknownForm(..)));
    }

    #[test]
    fn a_failure_gives_its_code() {
        let template = Template::new("Scan failed with error = {:code}.", &names()).unwrap();
        assert_eq!(template.code("Scan failed with error = 0x8024401f.").as_deref(), Some("0x8024401F"));
        assert_eq!(template.code("Scan failed."), None);
    }

    #[test]
    fn every_form_accepts_its_own_sample() {
        for (name, form, _) in Form::ALL {
            let template = Template::new(&format!("a{{:{name}}}b"), &names()).unwrap();
            assert!(template.matches(&format!("a{}b", form.sample()), &Values::new()).is_some(), "{name}");
        }
    }
}
