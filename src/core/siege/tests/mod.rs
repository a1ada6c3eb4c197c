//! Tests of the siege.
