//! Which of a server's endpoints to use, by the settings; a plain decision over the list.

use crate::settings::{IdentityKind, Settings};
use tagwerk_component::Fault;
use tagwerk_proto_opcua::service::{Endpoint, TokenKind, TokenPolicy};
use tagwerk_proto_opcua::{Mode, Policy};

const BINARY_TCP: &str = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";

/// An endpoint that suits, and how to say there who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub endpoint: Endpoint,
    pub policy: Policy,
    pub mode: Mode,
    pub token: TokenPolicy,
    /// How the token is protected.
    pub token_policy: Policy,
}

/// The best endpoint that suits the settings, or in words why there is none.
pub fn choose(endpoints: &[Endpoint], settings: &Settings) -> Result<Choice, Fault> {
    let suits = |policy: Policy, mode: Mode| {
        let secured = policy != Policy::None;
        settings.policy().map_or(secured, |wanted| wanted == policy)
            && settings.mode().map_or(secured == (mode != Mode::None), |wanted| wanted == mode)
    };
    let mut offers = Vec::new();
    let mut best: Option<Choice> = None;
    let mut without_token = false;
    for endpoint in endpoints.iter().filter(|endpoint| is_tcp(endpoint)) {
        let short = endpoint.policy_uri.rsplit('#').next().unwrap_or_default();
        let mode = match endpoint.mode {
            1 => Mode::None,
            2 => Mode::Sign,
            3 => Mode::SignAndEncrypt,
            _ => continue,
        };
        offers.push(format!("{short} ({mode:?})"));
        let Some(policy) = Policy::from_uri(&endpoint.policy_uri) else { continue };
        if !suits(policy, mode) {
            continue;
        }
        let Some((token, token_policy)) = token(endpoint, policy, settings) else {
            without_token = true;
            continue;
        };
        if best.as_ref().is_none_or(|best| (policy, mode) > (best.policy, best.mode)) {
            let endpoint = endpoint.clone();
            best = Some(Choice { endpoint, policy, mode, token, token_policy });
        }
    }
    offers.sort();
    offers.dedup();
    best.ok_or_else(|| Fault::Settings(refusal(settings, &offers, without_token)))
}

fn refusal(settings: &Settings, offers: &[String], without_token: bool) -> String {
    if without_token {
        return match settings.identity {
            IdentityKind::Anonymous => {
                "the server does not let anybody in without a name: set `identity`".to_owned()
            }
            IdentityKind::User => "the server takes no user names, or no protected passwords, at \
                                   this security: choose another, or another `identity`"
                .to_owned(),
            IdentityKind::Certificate => {
                "the server takes no certificates of users: choose another `identity`".to_owned()
            }
        };
    }
    let wanted = match (settings.policy(), settings.mode()) {
        (None, None) => "any security".to_owned(),
        (policy, mode) => format!(
            "{}{}",
            policy.map_or("any security", Policy::name),
            mode.map(|mode| format!(" ({mode:?})")).unwrap_or_default()
        ),
    };
    format!(
        "the server does not offer {wanted}, but only {}: set `security` and `mode` to one of them \
         if that is safe enough, or change the server",
        if offers.is_empty() { "nothing that is known".to_owned() } else { offers.join(", ") }
    )
}

fn is_tcp(endpoint: &Endpoint) -> bool {
    &*endpoint.transport_uri == BINARY_TCP
        || (endpoint.transport_uri.is_empty() && endpoint.url.starts_with("opc.tcp:"))
}

/// The first way to identify that suits, and how it is protected.
fn token(
    endpoint: &Endpoint,
    channel: Policy,
    settings: &Settings,
) -> Option<(TokenPolicy, Policy)> {
    let kind = match settings.identity {
        IdentityKind::Anonymous => TokenKind::Anonymous,
        IdentityKind::User => TokenKind::UserName,
        IdentityKind::Certificate => TokenKind::Certificate,
    } as u32;
    let of = |token: &TokenPolicy| match token.policy_uri.is_empty() {
        true => Some(channel),
        false => Policy::from_uri(&token.policy_uri),
    };
    let usable = |policy: Policy| match settings.identity {
        IdentityKind::Anonymous => true,
        // An encrypted channel protects a password that is not encrypted itself.
        IdentityKind::User => {
            policy != Policy::None
                || endpoint.mode == Mode::SignAndEncrypt as u32
                || settings.password_in_clear
        }
        IdentityKind::Certificate => policy != Policy::None,
    };
    let candidates = endpoint.tokens.iter().filter(|token| token.kind == kind);
    let mut found: Vec<(TokenPolicy, Policy)> = candidates
        .filter_map(|token| Some((token.clone(), of(token)?)))
        .filter(|(_, policy)| usable(*policy))
        .collect();
    found.sort_by_key(|(_, policy)| std::cmp::Reverse(*policy));
    let best = found.into_iter().next();
    // Some servers list no policies of tokens at all and let everybody in.
    let anonymous = || TokenPolicy { id: "".into(), kind, policy_uri: "".into() };
    let open = settings.identity == IdentityKind::Anonymous && endpoint.tokens.is_empty();
    best.or_else(|| open.then(|| (anonymous(), Policy::None)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tagwerk_component::Findings;

    fn offer(policy: Policy, mode: Mode, tokens: &[TokenKind]) -> Endpoint {
        Endpoint {
            url: "opc.tcp://x".into(),
            application_uri: "".into(),
            application_name: "".into(),
            certificate: Vec::new(),
            mode: mode as u32,
            policy_uri: policy.uri().into(),
            tokens: tokens
                .iter()
                .map(|kind| TokenPolicy {
                    id: format!("{kind:?}").into(),
                    kind: *kind as u32,
                    policy_uri: "".into(),
                })
                .collect(),
            transport_uri: BINARY_TCP.into(),
        }
    }

    fn check(settings: serde_json::Value, expected: Result<(Policy, Mode), &str>) {
        let mut settings = settings;
        settings["endpoint"] = json!("opc.tcp://x");
        let settings = Settings::read(&settings, &mut Findings::new()).unwrap();
        let anonymous = [TokenKind::Anonymous, TokenKind::UserName];
        let endpoints = [
            offer(Policy::None, Mode::None, &anonymous),
            offer(Policy::Basic256Sha256, Mode::Sign, &anonymous),
            offer(Policy::Basic256Sha256, Mode::SignAndEncrypt, &anonymous),
            offer(Policy::Aes128Sha256RsaOaep, Mode::SignAndEncrypt, &anonymous),
        ];
        match (choose(&endpoints, &settings), expected) {
            (Ok(choice), Ok(expected)) => assert_eq!((choice.policy, choice.mode), expected),
            (Err(Fault::Settings(text)), Err(part)) => assert!(text.contains(part), "{text}"),
            (other, _) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_best_that_suits_is_taken_and_none_never_by_itself() {
        let best = Ok((Policy::Basic256Sha256, Mode::SignAndEncrypt));
        check(json!({}), best);
        check(json!({ "mode": "sign" }), Ok((Policy::Basic256Sha256, Mode::Sign)));
        check(json!({ "security": "None" }), Ok((Policy::None, Mode::None)));
        check(
            json!({ "security": "Aes128_Sha256_RsaOaep" }),
            Ok((Policy::Aes128Sha256RsaOaep, Mode::SignAndEncrypt)),
        );
        check(json!({ "security": "Aes256_Sha256_RsaPss" }), Err("does not offer Aes256_Sha256"));
        check(json!({ "identity": "certificate" }), Err("takes no certificates of users"));
        let user = json!({ "identity": "user", "user": "u", "password": { "secret": "p" } });
        check(user.clone(), best);
        let mut bare = user;
        bare["security"] = json!("None");
        check(bare.clone(), Err("no protected passwords"));
        bare["password_in_clear"] = json!(true);
        check(bare, Ok((Policy::None, Mode::None)));
    }

    #[test]
    fn a_server_without_security_is_not_taken_unasked() {
        let settings = json!({ "endpoint": "opc.tcp://x" });
        let settings = Settings::read(&settings, &mut Findings::new()).unwrap();
        let bare = [offer(Policy::None, Mode::None, &[TokenKind::Anonymous])];
        assert!(choose(&bare, &settings).is_err());
        assert!(choose(&[], &settings).is_err());
    }
}
