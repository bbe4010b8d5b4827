//! The machine that hosts the client agents.
