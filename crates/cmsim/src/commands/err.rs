//! `cmsim err`: what a result code means, who raises it, and whether it leads to another software update point.

use cmsim_wire::hresult;
use serde_json::json;

use crate::cli::ErrOptions;
use crate::exit::{Exit, Failure, Outcome};

pub(crate) fn run(options: &ErrOptions) -> Outcome {
    let code = hresult::lookup(&options.code).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string())
            .help("write it like 0x8024401F, 8024401F, -2145107937 or 2149859359")
    })?;
    let known = code.known();
    let retried = code.is_retry_listed();
    if options.json {
        let line = json!({
            "code": code.to_string(),
            "signed": code.signed(),
            "unsigned": code.0,
            "name": known.and_then(|known| known.name),
            "text": known.map(|known| known.text),
            "raised_by": known.map(|known| known.raised_by),
            "source": known.map(|known| known.source),
            "retry_listed": retried,
        });
        anstream::println!("{line}");
    } else {
        anstream::println!("{code}  ({}, {})", code.signed(), code.0);
        match known {
            Some(known) => {
                anstream::println!("  {}: {}", known.name.unwrap_or("(no public name)"), known.text);
                anstream::println!("  raised by {}; source: {}", known.raised_by, known.source);
            }
            None => anstream::println!("  not in the list of known codes"),
        }
        let retry = if retried {
            "in the default retry list: the scan is repeated, and in the end another software update point is tried"
        } else {
            "not in the default retry list: it never leads to another software update point"
        };
        anstream::println!("  {retry}");
    }
    Ok(if known.is_some() { Exit::Passed } else { Exit::NothingSelected })
}
