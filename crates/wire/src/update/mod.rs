//! Update metadata: fragments and applicability rules.
