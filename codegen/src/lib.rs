//! From WIT to JSON.
