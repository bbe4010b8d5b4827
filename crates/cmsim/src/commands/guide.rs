//! `cmsim guide`: judges a log tree by the troubleshooting guide.

use anstyle::{AnsiColor, Style};
use cmsim_guide::{ClientVerdict, Evidence, Outcome as StepOutcome, StepVerdict};

use crate::cli::GuideOptions;
use crate::exit::{Exit, Failure, Outcome};

/// Characters of a record that a line of the summary shows.
const SHOWN: usize = 110;

pub(crate) fn run(options: &GuideOptions) -> Outcome {
    let hosts = options.dir.join("hosts");
    let dir = if hosts.is_dir() { &hosts } else { &options.dir };
    let evidence = Evidence::load(dir).map_err(|error| {
        Failure::new(Exit::CouldNotRun, format!("cannot look for logs in {}", dir.display())).because(error)
    })?;
    let verdict = cmsim_guide::judge(&evidence);
    if verdict.clients.is_empty() {
        return Err(Failure::new(Exit::NothingSelected, format!("no client's logs are below {}", dir.display()))
            .help("a client has ScanAgent.log, WUAHandler.log and their like; name a folder that holds some"));
    }
    if options.json {
        let json = serde_json::to_string_pretty(&verdict)
            .map_err(|error| Failure::new(Exit::CouldNotRun, "the verdict cannot be printed").because(error))?;
        anstream::println!("{json}");
    } else {
        for client in &verdict.clients {
            for line in summary(client) {
                anstream::println!("{line}");
            }
        }
    }
    let failed = verdict.clients.iter().any(|client| client.first_failing.is_some());
    Ok(if failed { Exit::Failed } else { Exit::Passed })
}

/// One client's verdict: a line for each step with the record that proves it, and what to check next.
pub(crate) fn summary(client: &ClientVerdict) -> Vec<String> {
    let mut lines = vec![format!("{} ({} scans)", client.host, client.scans)];
    lines.extend(client.steps.iter().map(step));
    if let Some(next) = &client.check_next {
        lines.push(format!("  check next: {next}"));
    }
    lines
}

fn step(verdict: &StepVerdict) -> String {
    let style = match verdict.outcome {
        StepOutcome::Passed => AnsiColor::Green.on_default(),
        StepOutcome::Failed => AnsiColor::Red.on_default().bold(),
        StepOutcome::NotReached | StepOutcome::NoEvidence => Style::new().dimmed(),
    };
    let proof = match (verdict.missing.first(), verdict.evidence.last()) {
        (Some(missing), _) if verdict.outcome == StepOutcome::Failed => missing.clone(),
        (_, Some(proof)) => format!("{}: {}", proof.file.rsplit('/').next().unwrap_or_default(), one_line(&proof.text)),
        (_, None) => String::new(),
    };
    let code = verdict.code.as_deref().map(|code| format!(" [{code}]")).unwrap_or_default();
    format!("  {style}{:11}{style:#} {:6}{code} {proof}", verdict.outcome.as_str(), verdict.step)
}

fn one_line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.chars().count() <= SHOWN { flat } else { flat.chars().take(SHOWN).chain(['…']).collect() }
}
