//! Who listens for what, sorted by the way it comes.

use std::collections::BTreeMap;

use crate::runtime::catalog::Trigger;
use crate::runtime::triggers::{DeliveryMode, Listener};

/// What can't be listened to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No such trigger.
    #[error("there is no trigger `{trigger}`; `capsule-host describe` lists them")]
    Unknown {
        /// As it was named.
        trigger: String,
    },
    /// It can't come that way.
    #[error("`{listener}`: {trigger} can't be had {way}")]
    Impossible {
        /// Whose.
        listener: String,
        /// Of which trigger.
        trigger: String,
        /// `by poll`, `by hook`.
        way: &'static str,
    },
    /// Events could not be told apart.
    #[error("two listeners are named `{0}`; each needs a name of its own")]
    Twice(String),
    /// None.
    #[error("nobody listens: name at least one trigger")]
    Nobody,
}

/// The listeners of an ingress.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) listeners: Vec<Planned>,
}

#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) listener: Listener,
    /// None: it comes by hook or not at all.
    pub(super) feed: Option<String>,
    /// It can come by hook.
    pub(super) hooks: bool,
}

impl Plan {
    /// Sorts listeners by what the component says of their triggers. `hooks`: there is an address for hooks.
    pub fn new(
        triggers: &[Trigger],
        listeners: Vec<Listener>,
        hooks: bool,
    ) -> Result<Self, PlanError> {
        if listeners.is_empty() {
            return Err(PlanError::Nobody);
        }
        let mut planned: Vec<Planned> = Vec::new();
        for listener in listeners {
            if planned.iter().any(|one| one.listener.id == listener.id) {
                return Err(PlanError::Twice(listener.id));
            }
            let trigger = triggers
                .iter()
                .find(|known| {
                    known.id == listener.trigger || known.aliases.contains(&listener.trigger)
                })
                .ok_or_else(|| PlanError::Unknown {
                    trigger: listener.trigger.clone(),
                })?;
            let hooks =
                hooks && !trigger.hook_events.is_empty() && listener.mode != DeliveryMode::Poll;
            let feed = trigger
                .feed
                .clone()
                .filter(|_| trigger.pollable && listener.mode != DeliveryMode::Hook);
            if !hooks && feed.is_none() {
                return Err(PlanError::Impossible {
                    listener: listener.id,
                    trigger: listener.trigger,
                    way: if listener.mode == DeliveryMode::Poll {
                        "by poll: it is only told by hook"
                    } else {
                        "without hooks: give an address that Capsule can reach (--public-url)"
                    },
                });
            }
            planned.push(Planned {
                listener,
                feed,
                hooks,
            });
        }
        Ok(Self { listeners: planned })
    }

    /// The listeners of each feed.
    pub(super) fn feeds(&self) -> BTreeMap<&str, Vec<&Planned>> {
        let mut feeds: BTreeMap<&str, Vec<&Planned>> = BTreeMap::new();
        for planned in &self.listeners {
            if let Some(feed) = &planned.feed {
                feeds.entry(feed).or_default().push(planned);
            }
        }
        feeds
    }

    /// Those for whom hooks are to be kept.
    pub(super) fn hooked(&self) -> Vec<Listener> {
        let hooked = self.listeners.iter().filter(|planned| planned.hooks);
        hooked.map(|planned| planned.listener.clone()).collect()
    }
}
