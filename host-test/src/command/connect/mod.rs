//! `capsule-host connect`: a person signs in at Capsule in the browser, and the connection is kept.
//!
//! `page.rs` is the page on this machine that the browser comes back to. The host makes state and verifier, the component writes the
//! sign-in page's address and trades the code, and the tokens go from the egress into the store: nothing of them is printed.

mod page;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use capsule_host::egress::{Live, Secret};
use capsule_host::runtime::auth::AuthorizeRequest;
use capsule_host::runtime::{CallError, Connector, Revoke, Tenant};
use capsule_host::store::{NewConnection, Profile, Store};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::account::{secret_of_file, secret_of_variable};
use super::component::ComponentArgs;
use super::exit::{Exit, of_input};
use super::failure::Failure;
use super::reach::ReachArgs;
use super::terminal::{brief, is_read_by_a_person, plain, print_json};
use super::vault::VaultArgs;

use page::{Expected, Page, Returned};

/// How long the person has.
const PATIENCE: Duration = Duration::from_secs(600);
/// The path of the page on this machine.
const PATH: &str = "/callback";

const EXAMPLES: &str = "\
Examples:
  capsule-host connect northwind --client-id my-app --client-secret-env CAPSULE_CLIENT_SECRET
  capsule-host call people.list-all --connection northwind

  capsule-host fake --port 8080 &
  capsule-host connect trial --client-id any --base-url http://127.0.0.1:8080

Register the application in Capsule with the redirect address http://127.0.0.1:8917/callback. Where this machine has no browser, --paste
takes the address that a browser elsewhere was sent back to.

The tokens are kept sealed in the store (see --store and --key-file) and never printed. The same name again replaces the connection, if
the same user of the same account signs in.";

/// Options of `connect`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", super::exit::HELP))]
pub(crate) struct ConnectArgs {
    /// A name for the connection, for --connection of `call` and `batch`
    #[arg(value_parser = name)]
    name: String,
    /// The registered application
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// The environment variable that holds the application's secret; installed applications have none
    #[arg(long, value_name = "NAME")]
    client_secret_env: Option<String>,
    /// The file that holds the application's secret, readable by you alone
    #[arg(long, value_name = "PATH", conflicts_with = "client_secret_env")]
    client_secret_file: Option<PathBuf>,
    /// What the connection may do, such as read or write [default: what the component asks for]
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<String>,
    /// The port on 127.0.0.1 that the browser comes back to; 0 takes a free one
    #[arg(long, default_value_t = 8917)]
    port: u16,
    /// Wait for no browser: read the address that it was sent back to from standard input
    #[arg(long)]
    paste: bool,
    /// Send no PKCE challenge, in case that Capsule refuses it
    #[arg(long)]
    no_pkce: bool,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    vault: VaultArgs,
}

fn name(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if (1..=64).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("up to 64 letters, digits, - _ and . without spaces".to_owned())
    }
}

/// Signs in, and keeps what comes of it.
pub(crate) async fn run(args: &ConnectArgs, component: &ComponentArgs) -> Result<Exit> {
    // What is wrong with the store is told before anybody signs in.
    let store = args.vault.open_or_make()?;
    let connector = component.load()?;
    let tenant = args.tenant(&connector, &store).await?;
    drop(store);
    let listener = if args.paste {
        None
    } else {
        Some(page::listen(args.port).await?)
    };
    let port = match &listener {
        Some(listener) => listener.local_addr()?.port(),
        None => args.port,
    };
    let redirect = format!("http://127.0.0.1:{port}{PATH}");
    let state = random(16)?;
    let verifier = (!args.no_pkce).then(|| random(32)).transpose()?;
    let request = AuthorizeRequest {
        client_id: args.client_id.clone(),
        redirect_uri: redirect.clone(),
        scopes: args.scope.clone(),
        state: state.expose().to_owned(),
        code_challenge: verifier
            .as_ref()
            .map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose()))),
    };
    let address = match connector.call(&tenant).authorize_url(request).await {
        Ok(answer) => answer.value,
        Err(error) => return Ok(failed(&error)),
    };
    tell_address(&address, args.paste)?;
    let expected = Expected { state, port };
    let returned = match listener {
        Some(listener) => page::wait(listener, expected, PATIENCE).await?,
        None => page::paste(&expected).await?,
    };
    let Returned { code, page } = returned;
    let (shown, exit) = match code {
        Ok(code) => finish(args, &connector, &tenant, code, &redirect, verifier).await,
        Err(refused) => {
            eprintln!("error: {}", plain(&refused));
            (Page::failed(&refused), Ok(Exit::Permanent))
        }
    };
    page.show(shown).await;
    exit
}

/// Trades the code, asks who it is, and keeps the connection. What the browser shall show, and how the command ends.
async fn finish(
    args: &ConnectArgs,
    connector: &Connector,
    tenant: &Tenant,
    code: Secret,
    redirect: &str,
    verifier: Option<Secret>,
) -> (Page, Result<Exit>) {
    let call = connector.call(tenant);
    if let Err(error) = call.exchange_code(code, redirect, verifier).await {
        return (
            Page::failed("Capsule did not accept the sign-in."),
            Ok(failed(&error)),
        );
    }
    let who = match connector.call(tenant).check().await {
        Ok(answer) => answer.value,
        Err(error) => {
            give_back(connector, tenant).await;
            return (
                Page::failed("The account can't be read with this sign-in."),
                Ok(failed(&error)),
            );
        }
    };
    let profile = Profile {
        account_id: who.account_id,
        account_name: who.account_name,
        user_id: who.user_id,
        user_name: who.user_name,
        web_url: who.web_url,
    };
    match keep(args, tenant, profile.clone()).await {
        Ok(()) => {
            let done = Page::done(&args.name, &profile);
            (done, report(args, &profile).map(|()| Exit::Done))
        }
        Err(error) => {
            // Tokens that nobody keeps should be good for nobody.
            give_back(connector, tenant).await;
            (Page::failed(&error.to_string()), Err(error))
        }
    }
}

async fn keep(args: &ConnectArgs, tenant: &Tenant, profile: Profile) -> Result<()> {
    let credentials = tenant
        .credentials()
        .load(tenant.connection())
        .await?
        .context("the sign-in gave no tokens")?;
    let store = args.vault.open_or_make()?;
    let base = args.reach.base(None).map(str::to_owned);
    let new = NewConnection {
        name: args.name.clone(),
        api_base: base,
        credentials,
        profile,
    };
    store.connect(new).await?;
    Ok(())
}

async fn give_back(connector: &Connector, tenant: &Tenant) {
    for which in [Revoke::RefreshToken, Revoke::AccessToken] {
        if let Err(error) = connector.call(tenant).revoke(which).await {
            tracing::debug!(%error, "a token of the sign-in that failed can't be given back");
        }
    }
}

fn tell_address(address: &str, paste: bool) -> Result<()> {
    if !is_read_by_a_person() {
        return Ok(print_json(&json!({"open": address}))?);
    }
    println!(
        "Open this address in your browser and sign in:\n\n  {}\n",
        plain(address)
    );
    if paste {
        println!("Then paste the address that the browser was sent back to, and press Enter:");
    } else {
        println!("Waiting for the browser to come back. Ctrl-C ends it.");
    }
    Ok(())
}

fn report(args: &ConnectArgs, profile: &Profile) -> Result<()> {
    if is_read_by_a_person() {
        println!(
            "Connected {} as {} of {}.\n\n  capsule-host call settings.get-current-user --connection {}",
            args.name,
            plain(&profile.user_name),
            plain(&profile.account_name),
            args.name
        );
        return Ok(());
    }
    print_json(&json!({
        "connection": args.name,
        "account": profile.account_name,
        "user": profile.user_name,
        "webUrl": profile.web_url,
    }))?;
    Ok(())
}

fn failed(error: &CallError) -> Exit {
    let failure = Failure::from(error);
    failure.print();
    failure.exit
}

impl ConnectArgs {
    /// A tenant whose tokens are in memory until the connection is kept.
    async fn tenant(&self, connector: &Connector, store: &Store) -> Result<Tenant> {
        let secret = match (&self.client_secret_env, &self.client_secret_file) {
            (Some(name), _) => Some(secret_of_variable("--client-secret-env", name)?),
            (None, Some(path)) => Some(secret_of_file("--client-secret-file", path)?),
            (None, None) => None,
        };
        if self.client_id.is_empty() || self.client_id.chars().any(char::is_control) {
            return Err(of_input(anyhow!(
                "--client-id {} is none",
                brief(&self.client_id)
            )));
        }
        let mut builder = Tenant::builder(&self.name)
            .client(&self.client_id, secret)
            .upstream(Arc::new(Live::new()?));
        let base = self.reach.base(None);
        let grants = self.reach.kept_grants(store, &self.vault, connector, base);
        for origin in grants.await? {
            builder = builder.grant_to(connector.digest(), origin);
        }
        if let Some(base) = base {
            builder = builder.api_base(base);
        }
        Ok(builder.build()?)
    }
}

/// So many random bytes, as a URL takes them.
fn random(bytes: usize) -> Result<Secret> {
    let mut random = zeroize::Zeroizing::new(vec![0; bytes]);
    if let Err(error) = getrandom::fill(&mut random) {
        bail!("the system gives no random bytes: {error}");
    }
    Ok(Secret::from(URL_SAFE_NO_PAD.encode(random.as_slice())))
}
