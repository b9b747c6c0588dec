//! Keeps the vendor's hooks, through the component. The address is not stored: it is found again at the vendor, and the journal tells by its
//! hash that it is ours.

use std::collections::BTreeSet;

use serde_json::Value;

use super::address::Address;
use super::journal::Standing;
use super::{Ingress, ListenError};
use crate::runtime::CallError;
use crate::runtime::triggers::ReconcileRequest;
use crate::runtime::types::Error;

/// The operation by which hooks are seen.
const LIST: &str = "hooks.list-all";

impl Ingress {
    /// Brings the hooks about. True: one was missing that should have been there, or new ones were made, so that a poll has to fill in.
    pub(super) async fn keep_hooks(&self) -> Result<bool, ListenError> {
        let Some((address, retired)) = self.address().await? else {
            return Ok(false);
        };
        let request = ReconcileRequest {
            listeners: self.inner.plan.hooked(),
            target_url: address.url.clone(),
            retired_urls: retired,
            owner: self.inner.options.connection.clone(),
        };
        let call = self.inner.connector.call(&self.inner.tenant);
        let report = call.reconcile(request).await?.value;
        for one in &report.unserved {
            tracing::warn!(
                listener = one.listener,
                reason = one.reason,
                polled = one.pollable,
                "no hook can be had"
            );
        }
        for event in &report.missed {
            tracing::warn!(event, "the vendor had dropped a hook; it is made again");
        }
        let unserved: BTreeSet<String> = report
            .unserved
            .into_iter()
            .map(|one| one.listener)
            .collect();
        let hooked = self.inner.plan.hooked().into_iter().map(|one| one.id);
        *self.inner.hooked.lock().await = hooked.filter(|id| !unserved.contains(id)).collect();
        self.inner
            .journal
            .retire_all_but(address.hash, self.now())
            .await?;
        Ok(!report.missed.is_empty() || !report.created.is_empty())
    }

    /// Ids of the listeners for whom hooks stand.
    pub(super) async fn hooked(&self) -> BTreeSet<String> {
        self.inner.hooked.lock().await.clone()
    }

    /// The address, and former ones at the vendor. None: nobody wants hooks, or none can be had by this token.
    async fn address(&self) -> Result<Option<(Address, Vec<String>)>, ListenError> {
        let Some(public) = &self.inner.options.public_url else {
            return Ok(None);
        };
        let there = match self.hooks_below(public).await {
            Ok(there) => there,
            Err(CallError::Connector { error, .. }) if matches!(*error, Error::Permanent(_)) => {
                tracing::warn!(error = %crate::runtime::describe(&error), "hooks can't be had; everything is polled");
                self.inner.hooked.lock().await.clear();
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let mut ours = Vec::new();
        for address in there {
            // A hook below our address whose secret we don't know is somebody else's, such as another journal's.
            let standing = self
                .inner
                .journal
                .standing(address.hash, self.now())
                .await?;
            if standing != Standing::Unknown {
                ours.push((address, standing));
            }
        }
        let mut current = self.inner.address.lock().await;
        if current.is_none() {
            let live = ours
                .iter()
                .find(|(_, standing)| *standing == Standing::Live);
            let address = match live {
                Some((address, _)) if !self.inner.options.new_address => address.clone(),
                _ => Address::new(public)?,
            };
            // Before the vendor knows it: a delivery may come at once.
            self.inner
                .journal
                .add_address(address.hash, self.now())
                .await?;
            self.at("address stored");
            *current = Some(address);
        }
        let Some(address) = current.clone() else {
            return Ok(None);
        };
        let retired: BTreeSet<String> = ours
            .into_iter()
            .map(|(other, _)| other.url)
            .filter(|url| *url != address.url)
            .collect();
        Ok(Some((address, retired.into_iter().collect())))
    }

    /// The addresses of hooks below a public address.
    async fn hooks_below(&self, public: &str) -> Result<Vec<Address>, CallError> {
        let call = self.inner.connector.call(&self.inner.tenant);
        let outcome = call.invoke(LIST, "{}").await?;
        let page: Value = serde_json::from_str(&outcome.json).unwrap_or_default();
        let hooks = page.get("items").and_then(Value::as_array);
        let urls = hooks
            .into_iter()
            .flatten()
            .filter_map(|hook| hook.get("targetUrl")?.as_str());
        Ok(urls
            .filter_map(|url| Address::of_hook(public, url))
            .collect())
    }
}
