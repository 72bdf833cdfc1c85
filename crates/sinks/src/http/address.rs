//! Addresses of HTTP servers, taken apart: whom to connect to, and what to ask for there.

use super::DATA;
use crate::template::{Problem, Template};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tagwerk_model::TagSet;

/// What stands in an address as it is; RFC 3986 section 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub tls: bool,
}

impl Address {
    /// The server, and the rest of the address from the first `/` on.
    pub fn split(url: &str) -> Result<(Address, &str), String> {
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| format!("`{url}` is not an address"))?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            other => return Err(format!("`{other}://` is not a scheme this sink knows")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err("user name and password do not belong into the address".into());
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':')),
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None => [80, 443][usize::from(tls)],
            Some(text) => match text.parse() {
                Ok(port) if port != 0 => port,
                _ => return Err(format!("`{text}` is not a port")),
            },
        };
        let host_letter = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        if host.is_empty() || !host.chars().all(host_letter) {
            return Err(format!("`{host}` is not a host name or an IP address"));
        }
        Ok((Address { host: host.to_owned(), port, tls }, target))
    }

    /// The value of the header `Host`.
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match (self.tls, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// Path and query with placeholders.
#[derive(Clone, Debug)]
pub struct Target(Template);

impl Target {
    pub fn parse(text: &str) -> Result<Target, Problem> {
        if let Some(wrong) =
            text.chars().find(|c| !c.is_ascii_graphic() || "#\"<>\\^`|".contains(*c))
        {
            return Err(Problem::Text(format!("{wrong:?} cannot stand in an address")));
        }
        let rooted = match text.starts_with('/') {
            true => text.to_owned(),
            false => format!("/{text}"),
        };
        Template::parse(&rooted, DATA).map(Target)
    }

    pub fn fill(&self, edge: &str, sink: &str, set: &TagSet) -> String {
        self.0.render(|name| {
            let value = match name {
                "edge" => edge,
                "sink" => sink,
                "device" => set.device(),
                _ => set.group(),
            };
            encoded(value).into()
        })
    }
}

/// A name as it can stand in an address or a header.
pub fn encoded(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_model::TagSetDefinition;

    #[test]
    fn addresses_are_taken_apart() {
        for (url, expected, target) in [
            ("http://h", "http://h", ""),
            ("https://h:443/a", "https://h", "/a"),
            ("https://h:8443?x={edge}", "https://h:8443", "?x={edge}"),
            ("http://[::1]:8080/a/b", "http://[::1]:8080", "/a/b"),
        ] {
            let (address, rest) = Address::split(url).unwrap();
            assert_eq!((address.to_string().as_str(), rest), (expected, target));
        }
        for wrong in ["h", "ftp://h", "http://u:p@h/", "http://h:0/", "http://", "http://{edge}/"] {
            assert!(Address::split(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_cannot_leave_their_place() {
        let set = TagSet::new(TagSetDefinition {
            id: 1,
            device: "a/../b?c#d e".into(),
            group: "ü".into(),
            tags: Vec::new(),
        });
        let target = Target::parse("x/{device}?g={group}&e={edge}&s={sink}").unwrap();
        let filled = target.fill("e&1", "s", &set);
        assert_eq!(filled, "/x/a%2F..%2Fb%3Fc%23d%20e?g=%C3%BC&e=e%261&s=s");
        assert!(Target::parse("/a b").is_err());
        assert!(Target::parse("/{tag}").is_err());
    }
}
