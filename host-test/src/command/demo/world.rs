//! The world of the story: the fake account, a browser that signs in, and an observer who looks at the account by another way than the
//! connector.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::Body;
use capsule_host::fake::{Clock, Fake, FakeOptions, JournalRow};
use http::{Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;

/// People and organisations that are there before the story.
const PARTIES: usize = 300;
/// 2026-02-03T09:15:00Z: the account lives at this time until the story moves it.
const BEGINS: i64 = 1_770_110_100;
/// The registered application.
pub(super) const CLIENT: &str = "demo-app";
/// Where Capsule sends the browser back to.
pub(super) const REDIRECT: &str = "https://integrations.example/callback";

/// A fake account with its visitors.
pub(super) struct World {
    pub(super) fake: Fake,
    router: Router,
    observer: String,
    observer_id: Option<u64>,
    /// Requests of the chapters before.
    asked_before: usize,
}

impl World {
    /// The account before the story.
    pub(super) async fn new(client_secret: &str) -> Result<Self> {
        let fake = Fake::new(FakeOptions {
            seed: 7,
            parties: PARTIES,
            strict_auth: true,
            clock: Clock::manual_at(BEGINS),
            ..FakeOptions::default()
        });
        fake.register_client(CLIENT, Some(client_secret), REDIRECT);
        let observer = fake
            .usernames()
            .get(1)
            .cloned()
            .context("the fake account has too few users")?;
        let observer = fake.issue_personal_token(&observer, "read");
        let mut world = Self {
            router: fake.router(),
            fake,
            observer,
            observer_id: None,
            asked_before: 0,
        };
        world.observer_id = world.look("/api/v2/users/current").await?["user"]["id"].as_u64();
        Ok(world)
    }

    /// What a browser does with the sign-in page of somebody who is signed in and agrees: it comes back with a code and the state.
    pub(super) async fn browse(&self, address: &str) -> Result<(String, String)> {
        let address = url::Url::parse(address).context("the sign-in page's address is no URL")?;
        let path = address.query().map_or_else(
            || address.path().to_owned(),
            |query| format!("{}?{query}", address.path()),
        );
        let page = self
            .router
            .clone()
            .oneshot(Request::get(path).body(Body::empty())?)
            .await?;
        let back = match page.headers().get(header::LOCATION) {
            Some(location) if page.status() == StatusCode::FOUND => {
                url::Url::parse(location.to_str()?)?
            }
            _ => bail!("the sign-in page answered {}", page.status()),
        };
        let find = |name: &str| {
            back.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        match (find("code"), find("state")) {
            (Some(code), Some(state)) => Ok((code, state)),
            _ => bail!("the browser came back without a code"),
        }
    }

    /// Reads the account as its second user, past the connector.
    pub(super) async fn look(&self, path: &str) -> Result<Value> {
        let request = Request::get(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.observer))
            .body(Body::empty())?;
        let answer = self.router.clone().oneshot(request).await?;
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 8 * 1024 * 1024).await?;
        if !status.is_success() {
            bail!("the observer's GET {path} was answered with {status}");
        }
        Ok(serde_json::from_slice(&body)?)
    }

    /// All parties with their tags and custom fields.
    pub(super) async fn parties(&self) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for page in 1.. {
            let list = self
                .look(&format!(
                    "/api/v2/parties?embed=tags,fields&perPage=100&page={page}"
                ))
                .await?;
            let items = list["parties"].as_array().cloned().unwrap_or_default();
            if items.is_empty() {
                break;
            }
            all.extend(items);
        }
        Ok(all)
    }

    /// Begins a chapter whose requests are counted by themselves.
    pub(super) fn turn_the_page(&mut self) {
        self.asked_before += self.asked().count();
        self.fake.clear_journal();
    }

    /// Requests since the beginning.
    pub(super) fn asked_in_all(&self) -> usize {
        self.asked_before + self.asked().count()
    }

    /// What the fake has been asked in this chapter, the observer's own looks left out.
    pub(super) fn asked(&self) -> Asked {
        Asked(
            self.fake
                .journal()
                .into_iter()
                .filter(|row| row.user.is_none() || row.user != self.observer_id)
                .collect(),
        )
    }

    /// Records created since the beginning.
    pub(super) fn created(&self) -> usize {
        self.fake
            .changes()
            .iter()
            .filter(|change| change.event == "party/created")
            .count()
    }

    /// Moves the account's clock to this long before the end of the next hour, of whose rate limit nobody has heard yet.
    pub(super) fn move_before_an_hour(&self, before: Duration) {
        let into = u64::try_from(self.fake.clock().now().as_second().rem_euclid(3600)).unwrap_or(0);
        self.fake
            .clock()
            .advance(Duration::from_secs(2 * 3600 - into).saturating_sub(before));
    }
}

/// Requests that the fake was asked.
pub(super) struct Asked(Vec<JournalRow>);

impl Asked {
    /// How many.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Those that were carried out and could change something: a filter is a POST that reads.
    pub(super) fn writes(&self) -> usize {
        let is_write = |row: &&JournalRow| {
            row.method != Method::GET
                && row.status.is_some_and(|status| status.is_success())
                && row.path.starts_with("/api/")
                && !row.path.ends_with("/filters/results")
        };
        self.0.iter().filter(is_write).count()
    }

    /// Those that were answered with this status.
    pub(super) fn answered(&self, status: StatusCode) -> usize {
        self.0
            .iter()
            .filter(|row| row.status == Some(status))
            .count()
    }

    /// Those of this method and path.
    pub(super) fn to(&self, method: &Method, path: &str) -> usize {
        self.0
            .iter()
            .filter(|row| row.method == *method && row.path == path)
            .count()
    }
}
