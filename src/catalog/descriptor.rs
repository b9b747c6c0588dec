//! Who this is, how to connect, what it reads and where it sends.

use crate::actions::MOST_INPUT_BYTES;
use crate::api::{API_BASE, MOST_ANSWER_BYTES};
use crate::auth::{AUTHORIZE_PATH, DEFAULT_SCOPES, REVOKE_PATHS, TOKEN_PATH};
use crate::bindings::exports::integration::connector::catalog::{
    Descriptor, Destination, Oauth2, PastedToken, Placement, Scope, Setting, SignIn,
};

/// Requests per hour for each user of an account (API reference 2.10).
const REQUESTS_PER_HOUR: u32 = 4_000;

/// Who this is. Reads no environment and sends nothing.
#[must_use]
pub fn describe() -> Descriptor {
    Descriptor {
        id: "capsule-crm".into(),
        title: "Capsule CRM".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        help: "People, organisations, opportunities, projects and their timeline in Capsule CRM."
            .into(),
        homepage: Some("https://capsulecrm.com".into()),
        sign_in: vec![
            SignIn::Oauth2(oauth2()),
            SignIn::PastedToken(pasted_token()),
        ],
        settings: settings(),
        destinations: vec![Destination {
            scheme: "https".into(),
            host: host().into(),
            port: 443,
            methods: ["GET", "POST", "PUT", "DELETE"].map(Into::into).into(),
            credentials: vec![Placement::AuthorizationHeader, Placement::TokenEndpointBody],
        }],
        requests_per_hour: Some(REQUESTS_PER_HOUR),
        max_input_bytes: MOST_INPUT_BYTES as u64,
        max_output_bytes: MOST_ANSWER_BYTES as u64,
        extra: None,
    }
}

fn host() -> &'static str {
    API_BASE.strip_prefix("https://").unwrap_or(API_BASE)
}

fn oauth2() -> Oauth2 {
    let scope = |name: &str, help: &str| Scope {
        name: name.into(),
        help: help.into(),
    };
    let [revoke, _] = REVOKE_PATHS;
    Oauth2 {
        authorize_url: format!("{API_BASE}{AUTHORIZE_PATH}"),
        token_url: format!("{API_BASE}{TOKEN_PATH}"),
        revoke_url: Some(format!("{API_BASE}{revoke}")),
        default_scopes: DEFAULT_SCOPES.iter().map(|&name| name.into()).collect(),
        scopes: vec![
            scope("read", "Read what the user may see."),
            scope(
                "write",
                "Create, change and delete. Ask for it together with `read`.",
            ),
            scope("user_preference", "Change the user's own preferences."),
        ],
        // The server's metadata says so; the documentation does not speak of it (API reference 6, point 2).
        pkce: true,
        rotates_refresh_token: true,
    }
}

fn pasted_token() -> PastedToken {
    PastedToken {
        label: "Personal access token".into(),
        help: "In Capsule, under My Preferences > API Authentication Tokens, choose `Generate new API token`. It acts as the user who made \
               it and has no expiry. It can't manage hooks: triggers are polled."
            .into(),
    }
}

fn settings() -> Vec<Setting> {
    let setting = |name: &str, required, secret, help: &str| Setting {
        name: name.into(),
        help: help.into(),
        required,
        secret,
    };
    vec![
        setting(
            "CAPSULE_ACCESS_TOKEN",
            true,
            true,
            "The access token of the connection, or a placeholder that the host swaps in the `Authorization` header. Not needed to sign in.",
        ),
        setting(
            "CAPSULE_API_BASE",
            false,
            false,
            "Where the API is, if not at https://api.capsulecrm.com: a fake or a gateway, as scheme, host and port.",
        ),
        setting(
            "CAPSULE_WEB_URL",
            false,
            false,
            "The account's address for people, such as https://northwind.capsulecrm.com. With it, records carry their link without a request.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_says_who_this_is() {
        let descriptor = describe();
        assert_eq!(descriptor.version, env!("CARGO_PKG_VERSION"));
        insta::assert_debug_snapshot!(Descriptor {
            version: "of the crate".into(),
            ..descriptor
        });
    }

    #[test]
    fn every_scope_that_is_asked_for_is_explained() {
        let oauth2 = oauth2();
        let explained = |name: &str| {
            oauth2
                .scopes
                .iter()
                .any(|scope| scope.name == name && !scope.help.is_empty())
        };
        let wanted = crate::contract::OPERATIONS
            .iter()
            .flat_map(|operation| operation.scopes.iter().copied());
        assert!(
            oauth2
                .default_scopes
                .iter()
                .map(String::as_str)
                .chain(wanted)
                .all(explained)
        );
    }
}
