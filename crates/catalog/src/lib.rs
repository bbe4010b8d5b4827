//! Seeded, coherent update catalogues.
