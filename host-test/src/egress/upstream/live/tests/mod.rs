//! Against servers on this machine.

mod kept;
mod tls;
