//! A process that is killed at each named point, and started again.
