//! Which API is meant, and what may be reached for it.

use anyhow::{Context as _, Result, bail};
use capsule_host::egress::{Origin, Scheme};
use capsule_host::runtime::{Connector, DEFAULT_API_BASE};
use capsule_host::store::{Store, StoreError};

use super::terminal::brief;
use super::vault::VaultArgs;

/// Options of every subcommand that talks to Capsule.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct ReachArgs {
    /// Another address than https://api.capsulecrm.com, such as that of `capsule-host fake`
    ///
    /// An http address on this machine may be reached because it is named here. Any other one needs --allow-origin, too: the token is
    /// sent there. The token of a kept connection is not: it goes where it was obtained, and nowhere else.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// An origin that the component may reach in this call besides what it describes, or `capsule-host grants` has granted
    #[arg(long, visible_alias = "grant", value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,
}

impl ReachArgs {
    /// The address that was named, else `kept`; None is the component's own.
    pub(crate) fn base<'a>(&'a self, kept: Option<&'a str>) -> Option<&'a str> {
        let named = self.base_url.as_deref();
        named.map(|base| base.trim_end_matches('/')).or(kept)
    }

    /// What may be reached with a token of the caller's own: what the component describes, and what the caller names. The one who calls is the
    /// operator here.
    pub(crate) fn grants(&self, described: &[Origin], base: Option<&str>) -> Result<Vec<Origin>> {
        let mut grants = Vec::new();
        for text in &self.allow_origin {
            grants.push(
                Origin::parse(text).with_context(|| format!("--allow-origin {}", brief(text)))?,
            );
        }
        let target = target(base)?;
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

    /// What may be reached with a kept connection: what the store grants the component, and what the caller names.
    pub(crate) async fn kept_grants(
        &self,
        store: &Store,
        vault: &VaultArgs,
        connector: &Connector,
        base: Option<&str>,
    ) -> Result<Vec<Origin>> {
        // A store's first component needs no word for Capsule itself.
        let first = vec![Origin::parse(DEFAULT_API_BASE)?];
        let asked = connector.asks_for().await?;
        let granted = match store.granted(connector.digest(), asked, first).await {
            Err(error @ StoreError::NotGranted { .. }) => bail!("{error}{}", vault.options()),
            granted => granted?,
        };
        let mut grants = self.grants(&granted, base)?;
        if granted.contains(&target(base)?) {
            grants.extend(granted);
        }
        Ok(grants)
    }
}

fn target(base: Option<&str>) -> Result<Origin> {
    let base = base.unwrap_or(DEFAULT_API_BASE);
    Origin::of_url(base).with_context(|| format!("--base-url {}", brief(base)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(base: Option<&str>, allow: &[&str]) -> Result<Vec<Origin>> {
        let args = ReachArgs {
            base_url: base.map(str::to_owned),
            allow_origin: allow.iter().map(|text| (*text).to_owned()).collect(),
        };
        let described = [Origin::parse(DEFAULT_API_BASE).unwrap()];
        args.grants(&described, args.base(None))
    }

    #[test]
    fn capsule_itself_and_a_fake_on_this_machine_need_no_grant() {
        for base in [
            None,
            Some("https://api.capsulecrm.com"),
            Some("http://127.0.0.1:8080"),
            Some("http://[::1]:8080/"),
        ] {
            assert!(grants(base, &[]).is_ok(), "{base:?}");
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
            let error = grants(Some(base), &[]).unwrap_err().to_string();
            assert!(error.contains("--allow-origin"), "{base}: {error}");
        }
        let base = Some("https://api.example.com/crm");
        assert!(grants(base, &["https://api.example.com"]).is_ok());
    }

    #[test]
    fn with_another_base_capsule_is_out_of_reach() {
        let grants = grants(Some("http://127.0.0.1:8080"), &[]).unwrap();
        assert_eq!(grants, [Origin::parse("http://127.0.0.1:8080").unwrap()]);
    }
}
