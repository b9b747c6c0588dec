//! `capsule-host demo`: a short story against the fake, in process.
//!
//! The story is told here, chapter by chapter; `world.rs` is the account with a browser and an observer, `ledger.rs` keeps what is claimed
//! and what is true. A claim that does not hold makes the command fail.

mod ledger;
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use capsule_host::egress::{InProcess, Origin, PLACEHOLDER_PREFIX, Secret, StoredCredentials};
use capsule_host::fake::{Fault, FaultRule};
use capsule_host::runtime::auth::AuthorizeRequest;
use capsule_host::runtime::triggers::{
    Delivery, DeliveryMode, Listener, Position, ReconcileRequest,
};
use capsule_host::runtime::{
    CallError, Connector, DEFAULT_API_BASE, HostOptions, MemoryWatch, Report, Tenant,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::batch::{self, Action};
use super::component::ComponentArgs;
use super::exit::Exit;
use super::failure::Failure;
use super::terminal::print_json;

use ledger::Ledger;
use world::{CLIENT, REDIRECT, World};

/// About 200 contacts as people keep them.
const CONTACTS: &[u8] = include_bytes!("../../../demo/contacts.csv");
/// Of them: different people, their different employers, rows that mean somebody who stood further up, rows that are wrong.
const PEOPLE: usize = 180;
const EMPLOYERS: usize = 40;
const AGAIN: usize = 18;
const WRONG: usize = 2;
/// An access token lives 604,799 s (API reference 1.3).
const TOKEN_LIFE: Duration = Duration::from_secs(604_800);
/// What the rate limit makes us wait. Longer than the 2 s that the egress would wait in place.
const LIMITED: Duration = Duration::from_secs(3);
/// Events of one poll.
const LIMIT: u32 = 100;
/// Calls that are timed.
const TIMED: usize = 200;
/// Room for the guest's memory where it is watched.
const WATCHED_BYTES: usize = 16 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  capsule-host demo
  capsule-host demo --json | jq .figures

Nothing leaves the process: the fake Capsule answers in memory, and its clock is moved where the story would have to wait a week.";

/// Options of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// The figures as JSON instead of the story
    #[arg(long)]
    json: bool,
}

/// Tells the story.
pub(crate) async fn run(args: &DemoArgs, component: &ComponentArgs) -> Result<Exit> {
    let began = Instant::now();
    let mut story = Story::begin(args.json, component).await?;
    story.sign_in().await?;
    story.import().await?;
    story.import_again().await?;
    story.change().await?;
    story.filter_and_tag().await?;
    story.list().await?;
    story.outlive_the_token().await?;
    story.meet_the_rate_limit().await?;
    story.hear_of_a_change().await?;
    story.look_for_secrets().await?;
    story.time_calls().await?;
    story.end(began.elapsed());
    let (figures, holds) = story.ledger.finish();
    if args.json {
        print_json(&figures)?;
    }
    Ok(if holds { Exit::Done } else { Exit::Host })
}

struct Story {
    ledger: Ledger,
    world: World,
    /// For most chapters.
    connector: Connector,
    /// The same component in a host that keeps every sandbox's memory, for the chapters in which tokens change hands.
    watched: Connector,
    memories: Arc<MemoryWatch>,
    tenant: Tenant,
    /// Everything that no sandbox may have seen.
    secrets: Vec<(&'static str, String)>,
}

impl Story {
    async fn begin(quiet: bool, component: &ComponentArgs) -> Result<Self> {
        let mut ledger = Ledger::new(quiet);
        ledger.chapter("1. The component");
        let file = component.read()?;
        let loading = Instant::now();
        let connector = file.load(HostOptions {
            slots: 16,
            ..HostOptions::default()
        })?;
        let loaded = loading.elapsed();
        ledger.tell(format_args!(
            "{}, {} bytes",
            file.path.display(),
            file.bytes.len()
        ));
        ledger.tell(connector.digest());
        ledger.tell(format_args!(
            "compiled and linked in {} ms",
            loaded.as_millis()
        ));
        let imports = file.imports()?;
        ledger.tell(format_args!("imports {}", imports.join(", ")));
        let reach = [
            "wasi:filesystem",
            "wasi:sockets",
            "wasi:random",
            "wasi:clocks/wall-clock",
            "wasi:cli/stdout",
        ];
        let reaching = imports
            .iter()
            .filter(|name| reach.iter().any(|interface| name.starts_with(interface)))
            .count();
        ledger.claim(
            "imports that reach files, sockets, randomness or the wall clock",
            0,
            reaching,
        );
        let asked: Vec<String> = connector
            .asks_for()
            .await
            .map_err(told)?
            .iter()
            .map(ToString::to_string)
            .collect();
        ledger.claim(
            "what it asks to reach",
            DEFAULT_API_BASE.to_owned(),
            asked.join(", "),
        );
        ledger.figure("component, bytes", file.bytes.len());
        ledger.time("load without precompiling, ms", loaded);

        let memories = MemoryWatch::new(WATCHED_BYTES);
        let watched = file.load(HostOptions {
            slots: 2,
            pool: false,
            watch: Some(memories.clone()),
            ..HostOptions::default()
        })?;
        let client_secret = random(32)?;
        let world = World::new(&client_secret).await?;
        let tenant = Tenant::builder("northwind")
            .client(CLIENT, Some(Secret::from(client_secret.as_str())))
            .grant_to(connector.digest(), Origin::parse(DEFAULT_API_BASE)?)
            .upstream(Arc::new(InProcess::new(world.fake.router())))
            .limits(batch::limits())
            .build()?;
        Ok(Self {
            ledger,
            world,
            connector,
            watched,
            memories,
            tenant,
            secrets: vec![("client secret", client_secret)],
        })
    }

    async fn sign_in(&mut self) -> Result<()> {
        self.ledger.chapter("2. Sign-in: OAuth 2 with PKCE");
        let (state, verifier) = (random(16)?, random(32)?);
        let request = AuthorizeRequest {
            client_id: CLIENT.to_owned(),
            redirect_uri: REDIRECT.to_owned(),
            scopes: Vec::new(),
            state: state.clone(),
            code_challenge: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier))),
        };
        let address = self
            .watched
            .call(&self.tenant)
            .authorize_url(request)
            .await
            .map_err(told)?
            .value;
        self.ledger.tell(
            "the component writes the sign-in page's address; the host has made state and verifier",
        );
        let (code, returned) = self.world.browse(&address).await?;
        self.ledger.claim(
            "the browser comes back with our state",
            true,
            returned == state,
        );
        let exchange = self.watched.call(&self.tenant).exchange_code(
            Secret::from(code.as_str()),
            REDIRECT,
            Some(Secret::from(verifier.as_str())),
        );
        let connected = exchange.await.map_err(told)?.value;
        self.secrets
            .extend([("code", code), ("verifier", verifier)]);
        self.keep_tokens("first").await?;
        self.ledger.tell(format_args!(
            "the code is traded for tokens of the account {}",
            connected.account.unwrap_or_default()
        ));
        let who = self
            .watched
            .call(&self.tenant)
            .check()
            .await
            .map_err(told)?
            .value;
        self.ledger.tell(format_args!("connected as {}", who.label));
        let asked = self.world.asked();
        self.ledger.claim(
            "requests to the token endpoint",
            1,
            asked.to(&Method::POST, "/oauth/token"),
        );
        Ok(())
    }

    async fn import(&mut self) -> Result<()> {
        self.ledger
            .chapter("3. Import contacts.csv: 200 rows, matched by e-mail address, then by name");
        let (people_before, created_before) = (self.world.fake.party_count(), self.world.created());
        self.world.turn_the_page();
        let began = Instant::now();
        let lines = batch::import(&self.connector, &self.tenant, "people.upsert", CONTACTS).await?;
        let took = began.elapsed();
        let asked = self.world.asked();
        for line in lines.iter().filter(|line| line.action == Action::Failed) {
            self.ledger.tell(format_args!(
                "row {} is left out: {}",
                line.row,
                super::terminal::plain(&line.error)
            ));
        }
        let failed = lines
            .iter()
            .filter(|line| line.action == Action::Failed)
            .count();
        self.ledger
            .claim("rows", PEOPLE + AGAIN + WRONG, lines.len());
        self.ledger
            .claim("wrong rows, which stopped no other", WRONG, failed);
        self.ledger.claim(
            "records that the account has now and had not before",
            PEOPLE + EMPLOYERS,
            self.world.fake.party_count() - people_before,
        );
        self.ledger.claim(
            "records that were created",
            PEOPLE + EMPLOYERS,
            self.world.created() - created_before,
        );
        let parties = self.world.parties().await?;
        let named = |name: &str| {
            parties
                .iter()
                .filter(|party| {
                    party["name"]
                        .as_str()
                        .is_some_and(|there| there.eq_ignore_ascii_case(name))
                })
                .count()
        };
        self.ledger.claim(
            "companies called Lagoa Foods, which the file spells in two ways",
            1,
            named("Lagoa Foods"),
        );
        self.ledger.figure("import, rows", lines.len());
        self.ledger.figure("import, requests", asked.count());
        self.ledger.time("import, ms", took);
        Ok(())
    }

    async fn import_again(&mut self) -> Result<()> {
        self.ledger.chapter("4. Import the same file again");
        let before = self.world.fake.party_count();
        self.world.turn_the_page();
        let began = Instant::now();
        batch::import(&self.connector, &self.tenant, "people.upsert", CONTACTS).await?;
        let took = began.elapsed();
        let asked = self.world.asked();
        self.ledger
            .claim("new records", 0, self.world.fake.party_count() - before);
        self.ledger.claim(
            "requests that could have changed something",
            0,
            asked.writes(),
        );
        self.ledger.figure("second import, requests", asked.count());
        self.ledger.time("second import, ms", took);
        Ok(())
    }

    async fn change(&mut self) -> Result<()> {
        self.ledger.chapter("5. Change a person: set, clear, merge");
        let id = self.find("Eliška Říha").await?;
        let update = json!({
            "id": id,
            "jobTitle": "Head of Purchasing",
            "title": null,
            "emailAddresses": {"merge": [{"address": "purchasing@beacondental.example", "type": "Work"}]},
            "phoneNumbers": {"merge": [{"number": "+351 21 000 00 00", "type": "Direct"}]},
            "fields": {"Level": "Gold", "Newsletter consent": true},
        });
        let before = self.party(id).await?;
        self.world.fake.clock().advance(Duration::from_secs(60));
        self.invoke("people.update", &update).await?;
        let after = self.party(id).await?;
        let rows = |party: &Value, list: &str| party[list].as_array().map_or(0, Vec::len);
        self.ledger.claim(
            "job title",
            "Head of Purchasing",
            after["jobTitle"].as_str().unwrap_or_default(),
        );
        self.ledger.claim(
            "e-mail addresses more",
            1,
            rows(&after, "emailAddresses") - rows(&before, "emailAddresses"),
        );
        self.ledger.claim(
            "phone numbers more",
            1,
            rows(&after, "phoneNumbers") - rows(&before, "phoneNumbers"),
        );
        self.ledger
            .claim("the title is cleared", true, after["title"].is_null());
        self.world.fake.clock().advance(Duration::from_secs(60));
        self.invoke("people.update", &update).await?;
        let again = self.party(id).await?;
        self.ledger.claim(
            "the same change again changes nothing",
            true,
            again == after,
        );
        Ok(())
    }

    async fn filter_and_tag(&mut self) -> Result<()> {
        self.ledger
            .chapter("6. Filter by a custom field, tag what is found");
        let is_gold = |party: &Value| {
            party["type"] == "person"
                && party["fields"].as_array().is_some_and(|fields| {
                    fields.iter().any(|field| {
                        field["definition"]["name"] == "Level" && field["value"] == "Gold"
                    })
                })
        };
        let gold = self
            .world
            .parties()
            .await?
            .iter()
            .filter(|party| is_gold(party))
            .count();
        let filter = json!({"conditions": [
            {"field": "custom:Level", "operator": "is", "value": "Gold"},
            {"field": "type", "operator": "is", "value": "person"},
        ], "limit": 500});
        let found = self.invoke("parties.filter", &filter).await?;
        let ids: Vec<u64> = found["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|party| party["id"].as_u64())
            .collect();
        self.ledger
            .claim("people whose level is Gold", gold, ids.len());
        for id in &ids {
            self.invoke(
                "people.update",
                &json!({"id": id, "tags": {"add": ["Key account", "VIP"]}}),
            )
            .await?;
        }
        let has_both = |party: &&Value| {
            let tags: Vec<&str> = party["tags"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|tag| tag["name"].as_str())
                .collect();
            is_gold(party) && tags.contains(&"Key account") && tags.contains(&"VIP")
        };
        let tagged = self.world.parties().await?.iter().filter(has_both).count();
        self.ledger.claim("of them with both tags", gold, tagged);
        Ok(())
    }

    async fn list(&mut self) -> Result<()> {
        self.ledger.chapter("7. List all parties, a page at a time");
        let mut ids = std::collections::BTreeSet::new();
        let mut cursor: Option<String> = None;
        let mut pages = 0;
        loop {
            let page = self
                .invoke("parties.list-all", &json!({"limit": 100, "cursor": cursor}))
                .await?;
            pages += 1;
            ids.extend(
                page["items"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|party| party["id"].as_u64()),
            );
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        let there = self.world.fake.party_count();
        self.ledger
            .claim("parties in the pages, each once", there, ids.len());
        self.ledger
            .claim("pages of 100", there.div_ceil(100), pages);
        Ok(())
    }

    async fn outlive_the_token(&mut self) -> Result<()> {
        self.ledger
            .chapter("8. A week passes: the token has expired");
        self.world.fake.clock().advance(TOKEN_LIFE);
        self.world.turn_the_page();
        let created = self.world.created();
        let person = json!({"firstName": "Ottilie", "lastName": "Weißenborn", "emailAddresses": [{"address": "ottilie@weissenborn.example"}]});
        let (_, report) = self
            .invoke_in(&self.watched, "people.create", &person)
            .await?;
        let asked = self.world.asked();
        self.ledger.claim(
            "requests that were refused with 401",
            1,
            asked.answered(StatusCode::UNAUTHORIZED),
        );
        self.ledger
            .claim("refreshes", 1, asked.to(&Method::POST, "/oauth/token"));
        self.ledger.claim(
            "people created: the request was repeated, not the call",
            1,
            self.world.created() - created,
        );
        self.ledger.tell(format_args!(
            "all of it inside of one call, which took {:.1} ms",
            report.duration.as_secs_f64() * 1000.0
        ));
        let before = self.secrets.clone();
        self.keep_tokens("second").await?;
        let is_new = self
            .secrets
            .iter()
            .skip(before.len())
            .all(|(_, secret)| !before.iter().any(|(_, old)| old == secret));
        self.ledger.claim("the tokens are new", true, is_new);
        Ok(())
    }

    async fn meet_the_rate_limit(&mut self) -> Result<()> {
        self.ledger.chapter("9. The rate limit");
        self.world.move_before_an_hour(LIMITED);
        self.world.turn_the_page();
        self.world.fake.faults().add(
            FaultRule::new(Fault::rate_limited())
                .on_path("/api/")
                .times(1),
        );
        let search = json!({"q": "Ottilie"});
        let call = self
            .connector
            .call(&self.tenant)
            .invoke("parties.search", search.to_string());
        let failure = match call.await {
            Ok(_) => bail!("the call should have met the rate limit"),
            Err(error) => Failure::from(&error),
        };
        let wait = failure
            .retry_after
            .context("the error does not say how long to wait")?;
        self.ledger
            .claim("what the call ends with", "rate-limited", failure.case);
        self.ledger.claim(
            "how long to wait, in ms",
            LIMITED.as_millis(),
            wait.as_millis(),
        );
        self.ledger.tell(format_args!(
            "waiting {:.1} s, no longer",
            wait.as_secs_f64()
        ));
        tokio::time::sleep(wait).await;
        self.world.fake.clock().advance(wait);
        let found = self.invoke("parties.search", &search).await?;
        let asked = self.world.asked();
        self.ledger.claim("requests in all", 2, asked.count());
        self.ledger.claim(
            "of them refused with 429",
            1,
            asked.answered(StatusCode::TOO_MANY_REQUESTS),
        );
        self.ledger.claim(
            "people found after the wait",
            1,
            found["items"].as_array().map_or(0, Vec::len),
        );
        Ok(())
    }

    async fn hear_of_a_change(&mut self) -> Result<()> {
        self.ledger
            .chapter("10. One change, heard of by hook and by poll");
        let call = || self.connector.call(&self.tenant);
        let listeners = || {
            vec![Listener {
                id: "the buyers".into(),
                trigger: "person.updated".into(),
                options: json!({"filter": {"tag": "fair 2026"}}).to_string(),
                mode: DeliveryMode::Auto,
            }]
        };
        // A position first, then the hook, then the change: whichever way is looked, nothing is missed.
        self.world
            .fake
            .clock()
            .advance(Duration::from_secs(15 * 60));
        let position = call()
            .poll(listeners(), Position::Now, LIMIT)
            .await
            .map_err(told)?
            .value;
        let request = ReconcileRequest {
            listeners: listeners(),
            target_url: format!("https://hooks.example/h/{}", random(32)?),
            retired_urls: Vec::new(),
            owner: "the demo".into(),
        };
        let report = call().reconcile(request).await.map_err(told)?.value;
        self.ledger
            .claim("hooks made at Capsule", 1, report.created.len());
        let found = self
            .invoke("parties.search", &json!({"q": "Ottilie"}))
            .await?;
        let id = found["items"][0]["id"].clone();
        let change =
            json!({"id": id, "jobTitle": "Head of Purchasing", "tags": {"add": ["fair 2026"]}});
        self.invoke("people.update", &change).await?;
        self.world.fake.clock().advance(Duration::from_secs(60));
        let mut by_hook = Vec::new();
        for due in self.world.fake.due_deliveries() {
            let delivery = Delivery {
                method: "POST".into(),
                query: String::new(),
                headers: Vec::new(),
                body: due.body.into_bytes(),
            };
            let reply = self
                .connector
                .call(&self.tenant)
                .handle_delivery(delivery, listeners())
                .await
                .map_err(told)?
                .value;
            self.world.fake.report_delivery(due.id, Some(reply.status));
            by_hook.extend(reply.events.into_iter().map(|event| event.id));
        }
        let from = Position::At(position.next);
        let batch = self
            .connector
            .call(&self.tenant)
            .poll(listeners(), from, LIMIT)
            .await
            .map_err(told)?
            .value;
        let by_poll: Vec<String> = batch.events.into_iter().map(|event| event.id).collect();
        self.ledger
            .tell(format_args!("by hook: {}", by_hook.join(", ")));
        self.ledger
            .tell(format_args!("by poll: {}", by_poll.join(", ")));
        self.ledger.claim("events by hook", 1, by_hook.len());
        self.ledger
            .claim("the same, by poll", by_hook.join(", "), by_poll.join(", "));
        Ok(())
    }

    async fn look_for_secrets(&mut self) -> Result<()> {
        self.ledger.chapter("11. What the sandboxes have seen");
        self.ledger.tell(format_args!(
            "the memories of {} sandboxes were kept: sign-in, exchange, the first call, the expiry and the refresh",
            self.memories.count()
        ));
        self.ledger.claim(
            "placeholders are there, so the search finds what is there",
            true,
            self.memories.contains(PLACEHOLDER_PREFIX.as_bytes()),
        );
        let seen: Vec<&str> = self
            .secrets
            .iter()
            .filter(|(_, secret)| self.memories.contains(secret.as_bytes()))
            .map(|(name, _)| *name)
            .collect();
        let names: Vec<&str> = self.secrets.iter().map(|(name, _)| *name).collect();
        self.ledger
            .tell(format_args!("looked for: {}", names.join(", ")));
        self.ledger
            .claim("live secrets in any sandbox", 0, seen.len());
        self.ledger
            .figure("sandboxes searched for secrets", self.memories.count());
        Ok(())
    }

    async fn time_calls(&mut self) -> Result<()> {
        self.ledger.chapter("12. Time");
        let id = self.find("Eliška Říha").await?;
        let input = json!({ "id": id });
        let mut times = Vec::with_capacity(TIMED);
        for _ in 0..TIMED {
            let began = Instant::now();
            self.invoke("parties.get", &input).await?;
            times.push(began.elapsed());
        }
        times.sort();
        let middle = times.get(TIMED / 2).copied().unwrap_or_default();
        self.ledger.tell(format_args!("parties.get, each in a sandbox of its own, the fake's answer included: {} µs at the median", middle.as_micros()));
        self.ledger.time("one call, median, ms", middle);
        Ok(())
    }

    fn end(&mut self, took: Duration) {
        self.ledger.figure(
            "records in the account, in the end",
            self.world.fake.party_count(),
        );
        self.ledger
            .figure("requests in all", self.world.asked_in_all());
        self.ledger.time("whole story, ms", took);
    }

    /// Runs one operation.
    async fn invoke(&self, id: &str, input: &Value) -> Result<Value> {
        self.invoke_in(&self.connector, id, input)
            .await
            .map(|(value, _)| value)
    }

    async fn invoke_in(
        &self,
        connector: &Connector,
        id: &str,
        input: &Value,
    ) -> Result<(Value, Report)> {
        let outcome = connector
            .call(&self.tenant)
            .invoke(id, input.to_string())
            .await
            .map_err(told)
            .with_context(|| id.to_owned())?;
        Ok((serde_json::from_str(&outcome.json)?, outcome.report))
    }

    /// The id of the person of this name.
    async fn find(&self, name: &str) -> Result<u64> {
        let found = self
            .invoke("people.find", &json!({"by": {"name": name}}))
            .await?;
        found["items"][0]["id"]
            .as_u64()
            .with_context(|| format!("{name} is not there"))
    }

    /// A party as the observer sees it.
    async fn party(&self, id: u64) -> Result<Value> {
        Ok(self
            .world
            .look(&format!("/api/v2/parties/{id}?embed=tags,fields"))
            .await?["party"]
            .take())
    }

    /// Remembers the tokens that are stored now, to look for them later.
    async fn keep_tokens(&mut self, which: &str) -> Result<()> {
        let stored: Option<StoredCredentials> = self
            .tenant
            .credentials()
            .load(self.tenant.connection())
            .await?;
        let stored = stored.context("no credentials are stored")?;
        let names = if which == "first" {
            ["first access token", "first refresh token"]
        } else {
            ["second access token", "second refresh token"]
        };
        for (name, secret) in names
            .into_iter()
            .zip([stored.access_token, stored.refresh_token])
        {
            self.secrets.push((
                name,
                secret
                    .with_context(|| format!("there is no {name}"))?
                    .expose()
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

fn told(error: CallError) -> anyhow::Error {
    anyhow!(Failure::from(&error).told())
}

/// So many random bytes as text.
fn random(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow!("the system gives no random bytes: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}
