//! Tenants take turns: for the host's sandboxes, and for what is left of a user's rate limit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use capsule_host::egress::{
    AnswerBody, EgressLimits, Governor, Origin, Outbound, Secret, Upstream, UpstreamError,
};
use capsule_host::runtime::{Connector, Host, HostOptions, Limits, Outcome, Tenant, TenantBuilder};
use http_body_util::BodyExt as _;

use super::guests::{Errand, courier};

const API: &str = "https://api.capsulecrm.com";

/// Answers after a little while, and keeps for whom it did.
#[derive(Default)]
struct Slow {
    served: Mutex<Vec<Arc<str>>>,
    /// What the first answer says is left of 4,000 requests.
    remaining: Option<u32>,
}

#[async_trait]
impl Upstream for Slow {
    async fn send(
        &self,
        request: Outbound,
        _: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let first = {
            let mut served = self.served.lock().unwrap();
            served.push(request.tenant);
            served.len() == 1
        };
        tokio::time::sleep(Duration::from_millis(5)).await;
        let body = http_body_util::Empty::new().map_err(|never| match never {});
        let mut response = http::Response::new(body.boxed_unsync());
        if let Some(remaining) = self.remaining.filter(|_| first) {
            let headers = response.headers_mut();
            headers.insert("x-ratelimit-limit", 4000.into());
            headers.insert("x-ratelimit-remaining", remaining.into());
            headers.insert("x-ratelimit-reset", 4_000_000_000_u64.into());
        }
        Ok(response)
    }
}

fn tenant(name: &str, upstream: &Arc<Slow>) -> TenantBuilder {
    Tenant::builder(name)
        .access_token(Secret::from("token"))
        .grant(Origin::parse(API).unwrap())
        .upstream(upstream.clone())
}

fn connector(slots: usize) -> Connector {
    let host = Host::new(HostOptions {
        slots,
        ..HostOptions::default()
    });
    let errand = Errand::get(&format!("{API}/api/v2/x")).bearer();
    host.unwrap().load(&courier(&[errand])).unwrap()
}

async fn call(connector: &Connector, tenant: &Tenant) -> Outcome {
    connector.call(tenant).invoke("x", "").await.unwrap()
}

#[tokio::test]
async fn a_tenant_with_64_waiting_calls_delays_another_ones_by_one_round() {
    let upstream = Arc::new(Slow::default());
    let connector = connector(1);
    let busy = tenant("busy", &upstream).limits(Limits {
        // All of them wait for the one slot.
        concurrency: 65,
        ..Limits::default()
    });
    let (busy, quiet) = (
        busy.build().unwrap(),
        tenant("quiet", &upstream).build().unwrap(),
    );
    let many = futures::future::join_all((0..65).map(|_| call(&connector, &busy)));
    let before = AtomicUsize::new(0);
    let single = async {
        // The many have come by now.
        tokio::time::sleep(Duration::from_millis(20)).await;
        before.store(upstream.served.lock().unwrap().len(), Ordering::Relaxed);
        call(&connector, &quiet).await
    };
    tokio::join!(many, single);
    let served = upstream.served.lock().unwrap();
    assert_eq!(served.len(), 66, "every call ran");
    let at = served.iter().position(|tenant| **tenant == *"quiet");
    let waited = at.unwrap() - before.into_inner();
    // The one that had the slot, if its request was not under way yet, and the one that was next.
    assert!(waited <= 2, "{waited} calls came first");
    assert!(at.unwrap() < 60, "the many were still waiting");
}

#[tokio::test]
async fn what_is_left_of_a_users_limit_goes_to_its_connections_in_turn() {
    let upstream = Arc::new(Slow {
        remaining: Some(3),
        ..Slow::default()
    });
    let connector = connector(16);
    let governor = Arc::new(Governor::new());
    let limits = Limits {
        concurrency: 10,
        egress: EgressLimits {
            wait_in_place: Duration::from_millis(300),
            ..EgressLimits::default()
        },
        ..Limits::default()
    };
    let build = |name| {
        let builder = tenant(name, &upstream).limits(limits.clone());
        builder.governor(governor.clone()).build().unwrap()
    };
    let (busy, quiet) = (build("busy"), build("quiet"));
    call(&connector, &busy).await;
    let many = futures::future::join_all((0..10).map(|_| call(&connector, &busy)));
    let single = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        call(&connector, &quiet).await
    };
    let (many, single) = tokio::join!(many, single);
    assert_eq!(single.json, "200 \n");
    let went = many.iter().filter(|outcome| outcome.json == "200 \n");
    assert_eq!(went.count(), 2);
    let refused = many
        .iter()
        .filter(|outcome| outcome.json.starts_with("429"));
    assert_eq!(refused.count(), 8);
    assert_eq!(upstream.served.lock().unwrap().len(), 4);
}
