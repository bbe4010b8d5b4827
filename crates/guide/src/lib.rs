//! The troubleshooting guide as data, and its judge. Knows nothing of the simulation: it reads log trees, those of a run or
//! of real machines.
//!
//! * [`steps`] are the guide's steps 1.1 to 7: what happens, which lines a healthy scan writes, what to check next.
//! * [`judge()`] says of each client and step: passed, failed, not reached or no evidence, with the records that show it.
//! * [`compare_with_example`] is stricter: is the scan, line by line, the guide's own example?
//!
//! ```
//! use cmsim_guide::{Evidence, Outcome, judge};
//!
//! // From a folder: Evidence::load(path)?. From memory:
//! let log = "\u{feff}<![LOG[CScanAgent::ScanByUpdates- No policy available for UpdateSourceID={0}]LOG]!>\
//!            <time=\"12:17:00.000+300\" date=\"01-20-2014\" component=\"ScanAgent\" context=\"\" type=\"2\" thread=\"4\" \
//!            file=\"cscanagent.cpp:1\">\r\n";
//! let evidence = Evidence::from_files([("hosts/CLIENT1/C/Windows/CCM/Logs/ScanAgent.log", log)]);
//! let verdict = judge(&evidence);
//! assert_eq!(verdict.outcome("CLIENT1", "S1.1"), Some(Outcome::Failed));
//! assert_eq!(verdict.outcome("CLIENT1", "S3"), Some(Outcome::NotReached));
//! println!("{}", verdict.clients[0].check_next.as_deref().unwrap_or("all is well"));
//! ```

mod data;
mod evidence;
mod example;
mod facts;
mod judge;
mod template;
mod walk;

pub use data::{Failure, Line, Need, Scan, Step, example_values, step_codes, steps};
pub use evidence::{BARE_HOST, Evidence, LoadError, MAX_DEPTH, MAX_FILES, Record};
pub use example::{LineProof, compare_with_example, differences};
pub use facts::{RegistryFact, RegistryFacts};
pub use judge::{ClientVerdict, Outcome, Proof, StepVerdict, Verdict, judge};
pub use template::{Template, TemplateError, Values};
