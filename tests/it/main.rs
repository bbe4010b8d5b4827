//! Tests of the whole product: what users run, read and rely on.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

mod artefacts;
mod cli;
mod crate_edges;
mod determinism;
mod evidence_chain;
mod exchanges;
mod guide_lines;
mod logs_read;
mod rules;
mod runs;
mod serve;
mod transport;
mod truth;
mod wire_schemas;
