//! `capsule-host demo`.
use super::{component::ComponentArgs, exit::Exit};
use anyhow::Result;
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {}
pub(crate) async fn run(_: &DemoArgs, _: &ComponentArgs) -> Result<Exit> {
    Ok(Exit::Done)
}
