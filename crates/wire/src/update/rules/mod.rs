//! Applicability rules: the expression tree and its evaluation.
//!
//! Element and attribute names, and the values of the comparisons, are those of MS-WUSP (notes 42 and 53); rules
//! without prefix are known from captured metadata. A rule that is unknown, or known but malformed, is kept as
//! literal text and evaluates to an error with the agent's own code.

mod evaluate;
mod expression;
mod kinds;
mod values;

pub use evaluate::{RuleError, Verdict, evaluate, verdict};
pub use expression::{Expression, LoopTruth, Unknown};
pub use kinds::*;
pub use values::{Scalar, TextMatch, Version};
