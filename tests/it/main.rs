//! Tests of the whole product: what users run, read and rely on.

mod artefacts;
mod cli;
mod crate_edges;
mod determinism;
mod evidence_chain;
mod guide_lines;
mod logs_read;
mod rules;
mod runs;
mod serve;
mod transport;
mod wire_schemas;
