//! `capsule-host fake`: serves the fake Capsule on this machine.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use capsule_host::fake::{Fake, FakeOptions, FaultRule};
use serde_json::json;
use tokio::net::TcpListener;

use super::exit::Exit;
use super::terminal::{is_read_by_a_person, print_json};

const EXAMPLES: &str = "\
Examples:
  capsule-host fake --port 8080
  TOKEN=any capsule-host call parties.list-all --token-env TOKEN --base-url http://127.0.0.1:8080

  capsule-host fake --port 0 --parties 10000 --rate-limit 500 | head -1    # {\"url\":\"http://127.0.0.1:41235\",...}

The account is held in memory and gone when the command ends. The same seed and size give the same records. Any bearer token is the
administrator's, unless --strict-auth is given, which prints one that is good.

Faults: --fault RULE can be given several times, and a header `x-fake-fault: FAULT` makes one request fail. A rule is parts between semicolons:
  POST /api/v2/parties   only this method and paths that begin so; either can be left out
  skip=N  times=N        the first N matching requests pass; N are harmed then, or all
  FAULT                  status=503, with body=TEXT, after (the work is done first) | rate-limit | delay=MS | drop (after the work, no answer)
                         | drop=before | cut (half the body) | truncate (half the JSON) | type=MEDIA | deny (at the sign-in page)
  capsule-host fake --fault 'POST /api/v2/parties; times=1; drop' --fault 'GET; skip=20; times=5; rate-limit'";

/// Options of `fake`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FakeArgs {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// From which the account follows
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// People and organisations in the account
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    parties: u32,
    /// Refuse tokens and clients that the fake has not issued
    #[arg(long)]
    strict_auth: bool,
    /// Requests an hour for each user
    #[arg(long, default_value_t = 4_000, value_name = "N")]
    rate_limit: u32,
    /// Let requests go wrong, such as 'POST /api/v2/parties; times=2; status=503'; can be given several times
    #[arg(long, value_name = "RULE")]
    fault: Vec<FaultRule>,
}

/// Serves until somebody stops it.
pub(crate) async fn run(args: &FakeArgs) -> Result<Exit> {
    let fake = Fake::new(FakeOptions {
        seed: args.seed,
        parties: args.parties as usize,
        strict_auth: args.strict_auth,
        rate_limit: args.rate_limit,
        ..FakeOptions::default()
    });
    for rule in &args.fault {
        fake.faults().add(rule.clone());
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))
        .await
        .with_context(|| {
            format!(
                "port {} of 127.0.0.1 can't be used; --port 0 takes a free one",
                args.port
            )
        })?;
    let url = format!("http://{}", listener.local_addr()?);
    // Without it a strict account could be reached by nobody who has not signed in. It is good for this account alone.
    let token = args.strict_auth.then(|| fake.issue_token("", "").access);
    if is_read_by_a_person() {
        let token = token.as_deref().unwrap_or("any");
        println!(
            "A fake Capsule with {} parties listens on {url}. Ctrl-C ends it.\n\n  \
             TOKEN={token} capsule-host call parties.list-all --token-env TOKEN --base-url {url}",
            args.parties
        );
    } else {
        let mut told = json!({"url": url, "seed": args.seed, "parties": args.parties, "rateLimit": args.rate_limit});
        if let Some(token) = token {
            told["accessToken"] = token.into();
        }
        print_json(&told)?;
    }
    tokio::select! {
        served = fake.clone().serve(listener) => served.context("the fake stopped")?,
        () = fake.deliver_hooks() => {}
        stopped = super::stop::asked() => stopped.context("signals can't be received")?,
    }
    Ok(Exit::Done)
}
