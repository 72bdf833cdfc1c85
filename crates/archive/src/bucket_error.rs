//! What can go wrong with a bucket, in words, and what to do about it. Never repeats a credential.

use std::error::Error;
use std::fmt;
use std::io;

/// More of what a server said is cut off.
const WORDS_MAX: usize = 300;

/// By what is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The client cannot be made of what is configured.
    Settings,
    Unreachable,
    /// The credentials, or what they allow.
    Refused,
    NoBucket,
    NoObject,
    /// Another object has the name.
    Taken,
    Other,
}

#[derive(Debug)]
pub(crate) struct BucketError {
    pub why: Why,
    pub text: String,
}

impl BucketError {
    pub fn new(why: Why, text: impl Into<String>) -> BucketError {
        BucketError { why, text: text.into() }
    }

    /// What of an operation of the disk was the bucket's.
    pub fn of(error: &io::Error) -> Option<&BucketError> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether it says nothing of the object itself: another time it may be there.
    pub fn is_passing(error: &io::Error) -> bool {
        BucketError::of(error).is_some_and(|error| error.why != Why::NoObject)
    }

    pub fn remedy(&self) -> &'static str {
        match self.why {
            Why::Settings => "correct `archive.bucket`, and store the secret that it names",
            Why::Unreachable => {
                "check the network, `archive.bucket.endpoint`, and for TLS `archive.bucket.ca_file`"
            }
            Why::Refused => {
                "check `archive.bucket.access_key` and its secret, that they may list, read, write \
                 and delete in the bucket, and the edge's clock"
            }
            Why::NoBucket => "make the bucket, or correct `archive.bucket.name`",
            Why::NoObject | Why::Taken => "give each edge a prefix of its own",
            Why::Other => "see what the server says of it, and check `archive.bucket`",
        }
    }

    /// Of what the library says: what the server answered, or what broke the connection.
    pub fn from_library(error: &(dyn Error + 'static), why: Option<Why>, endpoint: &str) -> Self {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            if let Some(error) = source.downcast_ref::<BucketError>() {
                return BucketError::new(error.why, error.text.clone());
            }
            innermost = source;
        }
        let all = error.to_string();
        if let Some(code) = element(&all, "Code") {
            let message = element(&all, "Message").unwrap_or_default();
            let (why, text) = match (code, why) {
                ("NoSuchBucket", _) => (Why::NoBucket, "there is no such bucket".to_owned()),
                ("AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch", _)
                | ("RequestTimeTooSkewed" | "ExpiredToken" | "InvalidToken", _) => {
                    (Why::Refused, format!("it is refused ({code}: {message})"))
                }
                (_, why) => {
                    (why.unwrap_or(Why::Other), format!("{endpoint} answered {code}: {message}"))
                }
            };
            return BucketError::new(why, shortened(&text));
        }
        let words = shortened(&innermost.to_string());
        match why {
            Some(Why::Refused) => BucketError::new(Why::Refused, "it is refused"),
            Some(why) => BucketError::new(why, words),
            // What the server answered begins so; all else is the way to it.
            None if all.contains("Server returned") || all.contains("Received redirect") => {
                BucketError::new(Why::Other, format!("{endpoint} answered: {words}"))
            }
            None => {
                BucketError::new(Why::Unreachable, format!("{endpoint} cannot be reached: {words}"))
            }
        }
    }
}

/// The text of an XML element, where there is one.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

impl fmt::Display for BucketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for BucketError {}

impl From<BucketError> for io::Error {
    fn from(error: BucketError) -> io::Error {
        let kind = match error.why {
            Why::NoObject => io::ErrorKind::NotFound,
            Why::Refused => io::ErrorKind::PermissionDenied,
            Why::Taken => io::ErrorKind::AlreadyExists,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
