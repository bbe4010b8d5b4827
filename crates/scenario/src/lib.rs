//! Scenario files, expectations and the runner.
