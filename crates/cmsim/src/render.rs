//! What users see of failures and mistakes: what, where, why, and what to do.

use std::fmt;
use std::io::IsTerminal as _;

use cmsim_scenario::file::Invalid;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::exit::Failure;

/// Prints why a command could not do its work.
pub(crate) fn failure(failure: &Failure) {
    eprintln!("error: {}", failure.what);
    let mut cause = failure.why.as_deref().map(|why| why as &dyn std::error::Error);
    let mut told = String::new();
    while let Some(error) = cause {
        let text = error.to_string();
        // Many errors already say in their own words what caused them.
        if !told.contains(&text) {
            eprintln!("  because {text}");
            told = text;
        }
        cause = error.source();
    }
    if let Some(help) = &failure.help {
        eprintln!("  help: {help}");
    }
}

/// Prints every mistake of a scenario file under the line it is in.
pub(crate) fn invalid(invalid: &Invalid) {
    let source = NamedSource::new(&invalid.name, invalid.text.clone());
    let handler = GraphicalReportHandler::new_themed(theme()).with_width(100);
    for diagnostic in &invalid.diagnostics {
        let mistake = Mistake { source: &source, diagnostic };
        let mut text = String::new();
        let rendered = handler.render_report(&mut text, &mistake);
        match rendered {
            Ok(()) => eprint!("{text}"),
            // The handler fails only on spans outside the text; the plain form still says where.
            Err(_) => eprintln!("{invalid}"),
        }
    }
}

fn theme() -> GraphicalTheme {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if coloured { GraphicalTheme::unicode() } else { GraphicalTheme::none() }
}

struct Mistake<'a> {
    source: &'a NamedSource<String>,
    diagnostic: &'a cmsim_scenario::file::Diagnostic,
}

impl fmt::Debug for Mistake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.diagnostic, f)
    }
}

impl fmt::Display for Mistake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Mistake<'_> {}

impl Diagnostic for Mistake<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = LabeledSpan::new_with_span(None, self.diagnostic.span.clone());
        Some(Box::new(std::iter::once(span)))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}
