//! Where a broker is, as users write it: `mqtt://host:1883`, or `mqtts://host:8883` with TLS.

/// The broker's address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub tls: bool,
}

pub const ADDRESS_REMEDY: &str = "write `mqtt://host:1883`, or `mqtts://host:8883` for TLS";

impl Address {
    pub fn parse(url: &str) -> Result<Address, String> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| format!("`{url}` is not the address of a broker"))?;
        let tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            other => return Err(format!("`{other}://` is not a scheme of an MQTT broker")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err("user name and password do not belong into the address".into());
        }
        if rest.contains(['/', '?', '#']) {
            return Err("the address of a broker has no path".into());
        }
        let (host, port) = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':')),
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let port = match port {
            None => {
                if tls {
                    8883
                } else {
                    1883
                }
            }
            Some(text) => match text.parse() {
                Ok(port) if port != 0 => port,
                _ => return Err(format!("`{text}` is not a port")),
            },
        };
        let host_letter = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        if host.is_empty() || !host.chars().all(host_letter) {
            return Err(format!("`{host}` is not a host name or an IP address"));
        }
        Ok(Address { host: host.to_owned(), port, tls })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}
