//! What a configuration has to do with the edge's secrets: where it uses them, which are missing, and
//! that whoever uses one connects anew when it changes.

use crate::secrets::SecretStore;
use tagwerk_api as api;
use tagwerk_config::Checked;

/// Every use of a secret: its place, such as `devices/press/settings/password`, and its name.
pub fn uses(checked: &Checked) -> &[(String, String)] {
    &checked.secrets
}

/// Warnings of secrets that the edge does not hold.
pub fn missing(text: &str, checked: &Checked, secrets: &SecretStore) -> Vec<api::Finding> {
    missing_in(text, uses(checked), secrets)
}

pub fn missing_in(
    text: &str,
    uses: &[(String, String)],
    secrets: &SecretStore,
) -> Vec<api::Finding> {
    let absent = uses.iter().filter(|(_, name)| !secrets.holds(name));
    absent
        .map(|(place, name)| {
            let (line, column) = find(text, name);
            api::Finding {
                weight: api::Weight::Warning,
                path: path_of(place),
                line,
                column,
                problem: format!("the edge holds no secret {name}"),
                remedy: format!(
                    "store it on the page Secrets, or with `tagwerk secret set {name}`; until then \
                     what uses it does not connect"
                ),
            }
        })
        .collect()
}

/// Makes the fingerprints of devices and sinks depend on the secrets that they use.
pub fn salt(checked: &mut Checked, secrets: &SecretStore) {
    for (place, name) in std::mem::take(&mut checked.secrets) {
        let revision = secrets.revision(&name);
        let mut parts = place.splitn(3, '/');
        let (kind, owner) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let fingerprint = match kind {
            "devices" => checked
                .devices
                .iter_mut()
                .find(|device| &*device.name == owner)
                .map(|device| &mut device.settings_fingerprint),
            "sinks" => checked
                .sinks
                .iter_mut()
                .find(|sink| &*sink.name == owner)
                .map(|sink| &mut sink.settings_fingerprint),
            _ => None,
        };
        if let Some(fingerprint) = fingerprint {
            *fingerprint =
                fingerprint.rotate_left(13) ^ revision.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        checked.secrets.push((place, name));
    }
}

/// `devices[press].settings.password`, as findings write places, for `devices/press/settings/password`.
fn path_of(place: &str) -> String {
    let mut parts = place.split('/');
    let (list, owner) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if list == "archive" {
        return place.replace('/', ".");
    }
    parts.fold(format!("{list}[{owner}]"), |path, part| format!("{path}.{part}"))
}

/// Line and column of the first use of the secret; the first line where it stands nowhere as such.
fn find(text: &str, name: &str) -> (u64, u64) {
    for (number, line) in text.lines().enumerate() {
        let Some(key) = line.find("secret") else { continue };
        let rest = &line[key + "secret".len()..];
        let value = rest.trim_start_matches(['"', '\'', ' ']).strip_prefix(':');
        let value = value.map(|value| value.trim_start_matches([' ', '"', '\'']));
        let named = value.and_then(|value| value.strip_prefix(name));
        let ends = named.is_some_and(|rest| {
            !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "._-".contains(c))
        });
        if ends {
            return (number as u64 + 1, line[..key].chars().count() as u64 + 1);
        }
    }
    (1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_found_in_the_text() {
        let text = "a: 1\nü: { password: { secret: mqtt-2 } }\n  secret: \"mqtt\"\n";
        assert_eq!(find(text, "mqtt"), (3, 3));
        assert_eq!(find(text, "mqtt-2"), (2, 18));
        assert_eq!(find(text, "opcua"), (1, 1));
        assert_eq!(path_of("sinks/cloud/settings/password"), "sinks[cloud].settings.password");
    }
}
