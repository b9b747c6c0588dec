//! Which account a call is for: the API's address, the token, and what may be reached.
//!
//! A token never stands on the command line, where other users of the machine and the shell's history would see it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use capsule_host::egress::{Live, Origin, Scheme, Secret};
use capsule_host::runtime::{Connector, DEFAULT_API_BASE, Limits, Tenant};

use super::terminal::brief;

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
    /// Another address than https://api.capsulecrm.com, such as that of `capsule-host fake`
    ///
    /// An http address on this machine may be reached because it is named here. Any other one needs --allow-origin, too: the token is
    /// sent there.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The account's address for people, such as https://northwind.capsulecrm.com
    ///
    /// Links to records begin with it. Without it the component asks the account, which costs a request each time.
    #[arg(long, value_name = "URL", value_parser = web_url)]
    account_web_url: Option<String>,
    /// An origin that the component may reach besides the one that it describes
    #[arg(long, visible_alias = "grant", value_name = "ORIGIN")]
    allow_origin: Vec<String>,
}

impl AccountArgs {
    /// The tenant that these options describe.
    pub(crate) async fn tenant(&self, connector: &Connector, limits: Limits) -> Result<Tenant> {
        let token = self.token()?;
        let mut builder = Tenant::builder("command")
            .access_token(token)
            .limits(limits)
            .upstream(Arc::new(Live::new()?));
        for origin in self.grants(&connector.asks_for().await?)? {
            builder = builder.grant(origin);
        }
        if let Some(base) = &self.base_url {
            builder = builder.api_base(base.trim_end_matches('/'));
        }
        if let Some(web) = &self.account_web_url {
            builder = builder.web_url(web);
        }
        Ok(builder.build()?)
    }

    /// What may be reached: what the component describes, and what the caller names. The one who calls is the operator here.
    fn grants(&self, described: &[Origin]) -> Result<Vec<Origin>> {
        let mut grants = Vec::new();
        for text in &self.allow_origin {
            grants.push(
                Origin::parse(text).with_context(|| format!("--allow-origin {}", brief(text)))?,
            );
        }
        let base = self.base_url.as_deref().unwrap_or(DEFAULT_API_BASE);
        let target = Origin::of_url(base).with_context(|| format!("--base-url {}", brief(base)))?;
        if target.scheme() == Scheme::Http && target.is_loopback() {
            grants.push(target.clone());
        }
        // Only what this call is for: with another base the token must not reach Capsule, nor Capsule's the other.
        grants.extend(
            described
                .iter()
                .filter(|origin| **origin == target)
                .cloned(),
        );
        if !grants.contains(&target) {
            bail!(
                "{target} is not what the component asks for ({}): the token would be sent there. If that is meant, add --allow-origin {target}",
                described
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        Ok(grants)
    }

    fn token(&self) -> Result<Secret> {
        let (source, text) = match (&self.token_env, &self.token_file) {
            (Some(name), _) => {
                let value = std::env::var(name).with_context(|| {
                    format!("--token-env {}: the variable can't be read", brief(name))
                })?;
                (format!("--token-env {}", brief(name)), value)
            }
            (None, Some(path)) => (
                format!("--token-file {}", path.display()),
                read_token(path)?,
            ),
            (None, None) => bail!(
                "no token is given. Use one of\n  --token-env NAME    the environment variable NAME holds it\n  --token-file PATH   the file holds it, \
                 readable by you alone\nYou make a token in Capsule under My Preferences > API Authentication Tokens; for `capsule-host fake` any text is one."
            ),
        };
        let token = text.trim();
        if token.is_empty() {
            bail!("{source} holds no token: it is empty");
        }
        if token
            .chars()
            .any(|letter| letter.is_whitespace() || letter.is_control())
        {
            bail!("{source} holds no token: there is white space inside");
        }
        Ok(Secret::from(token))
    }
}

/// What is not an address for people would stand in every link.
fn web_url(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    match Origin::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn read_token(path: &std::path::Path) -> Result<String> {
    let name = path.display();
    let about =
        std::fs::metadata(path).with_context(|| format!("--token-file {name} can't be read"))?;
    if about.len() > MOST_TOKEN_BYTES {
        bail!(
            "--token-file {name} holds no token: it has {} bytes",
            about.len()
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if about.is_file() && about.permissions().mode() & 0o077 != 0 {
            eprintln!(
                "warning: other users may read {name}; `chmod 600` keeps the token to yourself"
            );
        }
    }
    std::fs::read_to_string(path)
        .with_context(|| format!("--token-file {name} can't be read as text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(base_url: Option<&str>, allow: &[&str]) -> AccountArgs {
        AccountArgs {
            token_env: None,
            token_file: None,
            base_url: base_url.map(str::to_owned),
            account_web_url: None,
            allow_origin: allow.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    fn described() -> Vec<Origin> {
        vec![Origin::parse("https://api.capsulecrm.com").unwrap()]
    }

    #[test]
    fn capsule_itself_and_a_fake_on_this_machine_need_no_grant() {
        for base in [
            None,
            Some("https://api.capsulecrm.com"),
            Some("http://127.0.0.1:8080"),
            Some("http://[::1]:8080/"),
        ] {
            assert!(args(base, &[]).grants(&described()).is_ok(), "{base:?}");
        }
    }

    #[test]
    fn a_token_for_a_stranger_needs_the_callers_word() {
        for base in [
            "https://api.example.com",
            "http://10.0.0.1",
            "https://api.capsulecrm.com:8443",
            "https://127.0.0.1",
        ] {
            let error = args(Some(base), &[])
                .grants(&described())
                .unwrap_err()
                .to_string();
            assert!(error.contains("--allow-origin"), "{base}: {error}");
        }
        assert!(
            args(
                Some("https://api.example.com/crm"),
                &["https://api.example.com"]
            )
            .grants(&described())
            .is_ok()
        );
    }

    #[test]
    fn with_another_base_capsule_is_out_of_reach() {
        let grants = args(Some("http://127.0.0.1:8080"), &[])
            .grants(&described())
            .unwrap();
        assert_eq!(grants, [Origin::parse("http://127.0.0.1:8080").unwrap()]);
    }

    #[test]
    fn without_a_token_both_ways_are_named() {
        let error = args(None, &[]).token().unwrap_err().to_string();
        assert!(
            error.contains("--token-env") && error.contains("--token-file"),
            "{error}"
        );
    }
}
