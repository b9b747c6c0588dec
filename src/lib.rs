//! Capsule.
