//! Named limits of every input.
