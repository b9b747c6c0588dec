//! Which account a call is for: a kept connection, or a token and the API's address.
//!
//! A token never stands on the command line, where other users of the machine and the shell's history would see it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use capsule_host::egress::{ConnectionId, Live, Origin, RefreshRefusal, Secret, Upstream};
use capsule_host::runtime::{Connector, DEFAULT_API_BASE, Limits, Tenant};

use super::reach::ReachArgs;
use super::terminal::brief;
use super::vault::VaultArgs;

/// Longer than any token; it keeps a wrong path from being read whole.
const MOST_TOKEN_BYTES: u64 = 64 * 1024;

/// Options of every subcommand that talks to Capsule.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct AccountArgs {
    /// The environment variable that holds the access token
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// The file that holds the access token, readable by you alone
    #[arg(long, value_name = "PATH", conflicts_with = "token_env")]
    token_file: Option<PathBuf>,
    /// A connection that `capsule-host connect` has made; its token is renewed when it is time
    #[arg(long, value_name = "NAME", conflicts_with_all = ["token_env", "token_file"])]
    connection: Option<String>,
    /// The account's address for people, such as https://northwind.capsulecrm.com
    ///
    /// Links to records begin with it. Without it the component asks the account, which costs a request each time.
    #[arg(long, value_name = "URL", value_parser = web_url)]
    account_web_url: Option<String>,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    vault: VaultArgs,
}

impl AccountArgs {
    /// As if this connection had been named.
    pub(crate) fn of_connection(name: &str, reach: &ReachArgs, vault: &VaultArgs) -> Self {
        Self {
            token_env: None,
            token_file: None,
            connection: Some(name.to_owned()),
            account_web_url: None,
            reach: reach.clone(),
            vault: vault.clone(),
        }
    }

    /// For whom: the connection's name, or the address that a token is for.
    pub(crate) fn name(&self) -> String {
        let base = || self.reach.base(None).unwrap_or(DEFAULT_API_BASE).to_owned();
        self.connection.clone().unwrap_or_else(base)
    }

    /// The tenant that these options describe.
    pub(crate) async fn tenant(&self, connector: &Connector, limits: Limits) -> Result<Tenant> {
        self.tenant_before(connector, limits, Arc::new(Live::new()?))
            .await
    }

    /// The same in front of another upstream.
    pub(crate) async fn tenant_before(
        &self,
        connector: &Connector,
        limits: Limits,
        upstream: Arc<dyn Upstream>,
    ) -> Result<Tenant> {
        let kept = match &self.connection {
            Some(name) => {
                let store = self.vault.open()?;
                if store.is_copy().await? {
                    eprintln!("warning: {}", RefreshRefusal::NotAdopted);
                }
                let connection = store.connection(name).await?;
                Some((store, connection))
            }
            None => None,
        };
        let kept_base = kept.as_ref().and_then(|(_, kept)| kept.api_base.as_deref());
        let base = self.reach.base(kept_base);
        let grants = match &kept {
            Some((store, _)) => {
                let vault = &self.vault;
                self.reach
                    .kept_grants(store, vault, connector, base)
                    .await?
            }
            None => self.reach.grants(&connector.asks_for().await?, base)?,
        };
        let mut builder = Tenant::builder(self.connection.as_deref().unwrap_or("command"))
            .limits(limits)
            .upstream(upstream);
        for origin in grants {
            builder = builder.grant_to(connector.digest(), origin);
        }
        if let Some(base) = base {
            builder = builder.api_base(base);
        }
        let kept_web = kept
            .as_ref()
            .and_then(|(_, kept)| kept.profile.web_url.clone());
        if let Some(web) = self.account_web_url.clone().or(kept_web) {
            builder = builder.web_url(web);
        }
        builder = match kept {
            Some((store, kept)) => {
                builder.credentials(Arc::new(store), ConnectionId::new(&kept.name))
            }
            None => builder.access_token(self.token()?),
        };
        Ok(builder.build()?)
    }

    /// A tenant whose requests are answered from a recording, which needs no token and reaches nothing.
    pub(crate) fn tenant_replayed(
        &self,
        limits: Limits,
        recorded: Option<Origin>,
        upstream: Arc<dyn Upstream>,
    ) -> Result<Tenant> {
        let recorded = recorded.map(|origin| origin.to_string());
        let base = self.reach.base(recorded.as_deref());
        let base = base.unwrap_or(DEFAULT_API_BASE);
        let origin = Origin::of_url(base).with_context(|| format!("--base-url {}", brief(base)))?;
        let mut builder = Tenant::builder("command")
            .access_token(Secret::from("replayed"))
            .grant(origin)
            .limits(limits)
            .upstream(upstream);
        if base != DEFAULT_API_BASE {
            builder = builder.api_base(base);
        }
        if let Some(web) = &self.account_web_url {
            builder = builder.web_url(web);
        }
        Ok(builder.build()?)
    }

    fn token(&self) -> Result<Secret> {
        match (&self.token_env, &self.token_file) {
            (Some(name), _) => secret_of_variable("--token-env", name),
            (None, Some(path)) => secret_of_file("--token-file", path),
            (None, None) => bail!(
                "no token is given. Use one of\n  --connection NAME   one that `capsule-host connect` has made\n  --token-env NAME    the environment variable NAME holds it\n  --token-file PATH   the file holds it, \
                 readable by you alone\nYou make a token in Capsule under My Preferences > API Authentication Tokens; for `capsule-host fake` any text is one."
            ),
        }
    }
}

/// A secret out of the environment variable that an option names.
pub(crate) fn secret_of_variable(option: &str, name: &str) -> Result<Secret> {
    let source = format!("{option} {}", brief(name));
    let text =
        std::env::var(name).with_context(|| format!("{source}: the variable can't be read"))?;
    secret(&source, &text)
}

/// A secret out of the file that an option names.
pub(crate) fn secret_of_file(option: &str, path: &Path) -> Result<Secret> {
    let source = format!("{option} {}", path.display());
    secret(&source, &read_secret(&source, path)?)
}

fn secret(source: &str, text: &str) -> Result<Secret> {
    let text = text.trim();
    if text.is_empty() {
        bail!("{source} holds nothing");
    }
    if text
        .chars()
        .any(|letter| letter.is_whitespace() || letter.is_control())
    {
        bail!("{source} holds no token or secret: there is white space inside");
    }
    Ok(Secret::from(text))
}

/// What is not an address for people would stand in every link.
fn web_url(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    match Origin::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn read_secret(source: &str, path: &Path) -> Result<String> {
    let about = std::fs::metadata(path).with_context(|| format!("{source} can't be read"))?;
    if about.len() > MOST_TOKEN_BYTES {
        bail!(
            "{source} holds no token or secret: it has {} bytes",
            about.len()
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if about.is_file() && about.permissions().mode() & 0o077 != 0 {
            eprintln!(
                "warning: other users may read {}; `chmod 600` keeps what is in it to yourself",
                path.display()
            );
        }
    }
    std::fs::read_to_string(path).with_context(|| format!("{source} can't be read as text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_every_way_is_named() {
        let args = AccountArgs {
            token_env: None,
            token_file: None,
            connection: None,
            account_web_url: None,
            reach: ReachArgs::default(),
            vault: VaultArgs::default(),
        };
        let error = args.token().unwrap_err().to_string();
        for way in ["--connection", "--token-env", "--token-file"] {
            assert!(error.contains(way), "{error}");
        }
    }
}
