//! Tests of the whole product: what users run, read and rely on.

mod crate_edges;
