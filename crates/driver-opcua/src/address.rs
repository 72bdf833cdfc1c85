//! What a user writes as a tag's address: a node's id as engineers write it, and perhaps which
//! elements of its value. Names of namespaces become numbers only when a server has said which it
//! has.

use tagwerk_proto_opcua::node_id::{base64_decode, guid_from_text};
use tagwerk_proto_opcua::{Identifier, NodeId};

pub const REMEDY: &str = "Write the node's id, such as `ns=2;s=Line1.Temp`, `ns=2;i=10` or \
                          `nsu=urn:vendor:plant;s=Line1.Temp`.";

/// Dimensions of a matrix in an index range. More: not an address.
const DIMENSIONS_MAX: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// With the number of its namespace, or 0 where `uri` names it.
    node_id: NodeId,
    uri: Option<Box<str>>,
    /// As the server wants it, such as `1:4`; empty for the whole value.
    pub range: Box<str>,
}

impl Address {
    /// Reads an address, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Address, String> {
        let (namespace, uri, rest) = namespace(text)?;
        let (form, rest) = rest.split_once('=').ok_or_else(|| {
            format!("`{rest}` is not `i=`, `s=`, `g=` or `b=` with an identifier")
        })?;
        let (identifier, range) = split_range(rest)?;
        if identifier.is_empty() {
            return Err(format!("nothing stands behind `{form}=`"));
        }
        let identifier = match form {
            "i" => {
                let digits = identifier.bytes().all(|byte| byte.is_ascii_digit());
                let number = identifier.parse().ok().filter(|_| digits);
                Identifier::Numeric(number.ok_or_else(|| {
                    format!("`{identifier}` is not a number from 0 to 4294967295")
                })?)
            }
            "s" if identifier.contains('\0') => {
                return Err("an identifier cannot hold a zero character".to_owned());
            }
            "s" => Identifier::Text(identifier.into()),
            "g" => Identifier::Guid(guid_from_text(identifier).ok_or_else(|| {
                format!("`{identifier}` is not a Guid of 8-4-4-4-12 hexadecimal digits")
            })?),
            "b" => Identifier::Opaque(
                base64_decode(identifier)
                    .ok_or_else(|| format!("`{identifier}` is not Base64"))?
                    .into(),
            ),
            _ => return Err(format!("`{form}=` is not `i=`, `s=`, `g=` or `b=`")),
        };
        Ok(Address { node_id: NodeId { namespace, identifier }, uri, range: range.into() })
    }

    /// The node's id on a server with these namespaces; `None` when it has no such namespace.
    pub fn resolve(&self, namespaces: &[Box<str>]) -> Option<NodeId> {
        let mut node_id = self.node_id.clone();
        if let Some(uri) = &self.uri {
            let place = namespaces.iter().position(|known| known == uri)?;
            node_id.namespace = u16::try_from(place).ok()?;
        }
        Some(node_id)
    }

    /// The number of its namespace, where the user gave that.
    pub fn namespace_number(&self) -> Option<u16> {
        self.uri.is_none().then_some(self.node_id.namespace)
    }

    /// How many elements the range has at most; `None` without one.
    pub fn range_length(&self) -> Option<u64> {
        if self.range.is_empty() {
            return None;
        }
        let length = |part: &str| {
            let (low, high) = part.split_once(':').unwrap_or((part, part));
            let (low, high) = (low.parse::<u64>().ok()?, high.parse::<u64>().ok()?);
            Some(high - low + 1)
        };
        self.range.split(',').try_fold(1u64, |all, part| all.checked_mul(length(part)?))
    }

    pub fn uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.uri {
            Some(uri) => write!(f, "nsu={};{}", escape(uri), self.node_id.identifier)?,
            None => write!(f, "{}", self.node_id)?,
        }
        let ambiguous = matches!(&self.node_id.identifier, Identifier::Text(text)
            if split_range(text).is_ok_and(|(bare, _)| bare.len() < text.len())
                || split_range(text).is_err());
        match self.range.is_empty() {
            true if ambiguous => f.write_str("[]"),
            true => Ok(()),
            false => write!(f, "[{}]", self.range),
        }
    }
}

/// A node as a user would write it, by the name of its namespace where it has one.
pub fn of_node(node_id: &NodeId, namespaces: &[Box<str>]) -> Address {
    let known = namespaces.get(usize::from(node_id.namespace));
    let uri = known.filter(|uri| node_id.namespace != 0 && !uri.is_empty()).cloned();
    let mut node_id = node_id.clone();
    if uri.is_some() {
        node_id.namespace = 0;
    }
    Address { node_id, uri, range: "".into() }
}

/// Number, name, and what follows.
fn namespace(text: &str) -> Result<(u16, Option<Box<str>>, &str), String> {
    let split = |rest: &'_ str| rest.find(';');
    if let Some(rest) = text.strip_prefix("ns=") {
        let end = split(rest).ok_or("a `;` is missing behind `ns=NUMBER`")?;
        let (number, rest) = (&rest[..end], &rest[end + 1..]);
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| digits);
        return match number {
            Some(number) => Ok((number, None, rest)),
            None => Err("the namespace in `ns=` is not a number from 0 to 65535".to_owned()),
        };
    }
    let Some(rest) = text.strip_prefix("nsu=") else { return Ok((0, None, text)) };
    let end = split(rest).ok_or("a `;` is missing behind `nsu=URI`")?;
    let uri = unescape(&rest[..end])?;
    if uri.is_empty() {
        return Err("no URI stands behind `nsu=`".to_owned());
    }
    Ok((0, Some(uri.into()), &rest[end + 1..]))
}

/// Cuts `[3]`, `[1:4]`, `[0,1:2]` or `[]` off the end. Other brackets belong to the identifier.
fn split_range(text: &str) -> Result<(&str, &str), String> {
    let split = text.strip_suffix(']').and_then(|bare| bare.rsplit_once('['));
    let Some((bare, range)) = split else { return Ok((text, "")) };
    let looks_so = |c: char| c.is_ascii_digit() || c == ':' || c == ',';
    if !range.chars().all(looks_so) {
        return Ok((text, ""));
    }
    if range.is_empty() {
        return Ok((bare, ""));
    }
    let parts: Vec<&str> = range.split(',').collect();
    if parts.len() > DIMENSIONS_MAX {
        return Err(format!("`[{range}]` has more than {DIMENSIONS_MAX} dimensions"));
    }
    for part in parts {
        let (low, high) = part.split_once(':').unwrap_or((part, ""));
        let number = |digits: &str| digits.parse::<u32>().ok();
        let fits = match (number(low), part.contains(':')) {
            (Some(low), true) => number(high).is_some_and(|high| low < high),
            (low, _) => low.is_some(),
        };
        if !fits {
            return Err(format!(
                "`[{range}]` is not an element such as `[3]` or a range such as `[1:4]`"
            ));
        }
    }
    Ok((bare, range))
}

/// `;` and `%` in a URI are written `%3B` and `%25` (Part 6, 5.1.12).
fn escape(uri: &str) -> String {
    uri.replace('%', "%25").replace(';', "%3B")
}

fn unescape(text: &str) -> Result<String, String> {
    let mut parts = text.split('%');
    let mut uri = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (letter, rest) = match part.get(..2) {
            Some("3B" | "3b") => (';', &part[2..]),
            Some("25") => ('%', &part[2..]),
            // Other escapes are the URI's own.
            _ => ('%', part),
        };
        uri.push(letter);
        uri.push_str(rest);
    }
    if uri.contains('\0') {
        return Err("a URI cannot hold a zero character".to_owned());
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, node_id: &str, range: &str) {
        let address = Address::parse(text).unwrap();
        let namespaces = ["http://opcfoundation.org/UA/".into(), "urn:a".into(), "urn:b;c".into()];
        assert_eq!(address.resolve(&namespaces).unwrap().to_string(), node_id, "{text}");
        assert_eq!(&*address.range, range, "{text}");
        assert_eq!(address.to_string(), text);
    }

    #[test]
    fn addresses_are_read_as_engineers_write_them() {
        check("i=2258", "i=2258", "");
        check("ns=2;i=10", "ns=2;i=10", "");
        check("ns=2;s=Line1.Temp", "ns=2;s=Line1.Temp", "");
        check("nsu=urn:a;s=x=y;z", "ns=1;s=x=y;z", "");
        check("nsu=urn:b%3Bc;i=1[3]", "ns=2;i=1", "3");
        check("ns=1;s=Levels[1:4]", "ns=1;s=Levels", "1:4");
        check("ns=1;i=5[0,2:3]", "ns=1;i=5", "0,2:3");
        check("ns=3;s=\"DB\".\"arr\"[0][]", "ns=3;s=\"DB\".\"arr\"[0]", "");
        check("ns=3;s=tank[left]", "ns=3;s=tank[left]", "");
        check(
            "ns=1;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
            "ns=1;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
            "",
        );
        check("ns=1;b=AQL/AA==", "ns=1;b=AQL/AA==", "");
    }

    #[test]
    fn what_is_no_address_is_explained() {
        for (text, problem) in [
            ("Line1.Temp", "is not `i=`, `s=`, `g=` or `b=`"),
            ("ns=2;Line1.Temp", "is not `i=`, `s=`, `g=` or `b=`"),
            ("ns=x;i=1", "not a number from 0 to 65535"),
            ("ns=70000;i=1", "not a number from 0 to 65535"),
            ("ns=+1;i=1", "not a number from 0 to 65535"),
            ("ns=2", "a `;` is missing"),
            ("nsu=;i=1", "no URI"),
            ("ns=2;i=-1", "not a number from 0 to 4294967295"),
            ("ns=2;s=", "nothing stands behind `s=`"),
            ("ns=2;g=123", "not a Guid"),
            ("ns=2;b=!", "not Base64"),
            ("ns=2;i=1[4:1]", "is not an element"),
            ("ns=2;i=1[1:]", "is not an element"),
            ("ns=2;x=1", "`x=` is not"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
        let length = |text: &str| Address::parse(text).unwrap().range_length();
        assert_eq!(length("i=1"), None);
        assert_eq!(length("i=1[7]"), Some(1));
        assert_eq!(length("i=1[0:3,2:4]"), Some(12));
        let elsewhere = Address::parse("nsu=urn:other;i=1").unwrap();
        assert_eq!(elsewhere.resolve(&["urn:a".into()]), None);
    }

    const ADDRESS_LIKE: &str =
        r#"(ns=[0-9]{1,4};|nsu=[a-z%;:]{1,9};|)[isgb]=[a-zA-Z0-9=\[\]:,;"-]{1,20}"#;

    proptest! {
        #[test]
        fn nothing_breaks_the_parser(text in "\\PC*") {
            let _ = Address::parse(&text);
        }

        #[test]
        fn what_is_shown_reads_back(text in ADDRESS_LIKE) {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
            }
        }
    }
}
