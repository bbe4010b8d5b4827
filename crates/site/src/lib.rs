//! Site server components.
