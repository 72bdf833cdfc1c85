//! Settings of a connection: those that mean something here, those that clients set without need, and
//! none of the engine's.

use crate::refusal::Refusal;
use std::time::Duration;
use tagwerk_model::limits;
use tagwerk_sql::postgres::is_utf8;

/// PostgreSQL's version whose catalogue and protocol are spoken.
const LIKE: &str = "15.0";
const LIKE_NUMBER: &str = "150000";
const VALUE_BYTES_MAX: usize = 256;

/// Told to the client when they change, by the names that it knows.
const REPORTED: &[&str] = &[
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
];

const DEFAULTS: &[(&str, &str)] = &[
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("DateStyle", "ISO, MDY"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "on"),
    ("extra_float_digits", "1"),
    ("idle_in_transaction_session_timeout", "0"),
    ("in_hot_standby", "off"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "postgres"),
    ("is_superuser", "off"),
    ("lc_collate", "C"),
    ("lc_ctype", "C.UTF-8"),
    ("lc_messages", "C"),
    ("lc_monetary", "C"),
    ("lock_timeout", "0"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("row_security", "on"),
    ("search_path", "public"),
    ("server_encoding", "UTF8"),
    ("server_version", LIKE),
    ("server_version_num", LIKE_NUMBER),
    ("session_authorization", ""),
    ("ssl", "on"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("TimeZone", "UTC"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "on"),
];

/// Set by clients as a matter of habit; whatever their value, nothing here depends on it.
const HARMLESS: &[&str] = &[
    "application_name",
    "client_min_messages",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "escape_string_warning",
    "extra_float_digits",
    "geqo",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "jit",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "options",
    "row_security",
    "search_path",
    "ssl_renegotiation_limit",
    "synchronize_seqscans",
    "tcp_keepalives_count",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "transaction_isolation",
    "transaction_read_only",
];

#[derive(Clone, Debug)]
pub struct Settings {
    values: Vec<(String, String)>,
    timeout: Option<Duration>,
    /// As the client began, to which RESET goes back.
    begun: Option<Box<Settings>>,
}

impl Settings {
    pub fn new(version: &str, user: &str) -> Settings {
        let values = DEFAULTS.iter().map(|(name, value)| {
            let value = match *name {
                "server_version" => format!("{LIKE} (Tagwerk {version})"),
                "session_authorization" => user.to_owned(),
                _ => (*value).to_owned(),
            };
            ((*name).to_owned(), value)
        });
        Settings { values: values.collect(), timeout: None, begun: None }
    }

    /// From here on, RESET comes back to this.
    pub fn keep_as_begun(&mut self) {
        self.begun = Some(Box::new(Settings { begun: None, ..self.clone() }));
    }

    pub fn values(&self) -> &[(String, String)] {
        &self.values
    }

    pub fn reported(&self) -> impl Iterator<Item = (&str, &str)> {
        let told = |name: &str| REPORTED.contains(&name);
        self.values.iter().filter(move |(n, _)| told(n)).map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// How long a statement may take.
    pub fn time_max(&self) -> Duration {
        self.timeout.map_or(limits::SQL_TIME_MAX, |timeout| timeout.min(limits::SQL_TIME_MAX))
    }

    pub fn show(&self, name: &str) -> Result<(&str, &str), Refusal> {
        let wanted = match name {
            "time zone" => "TimeZone",
            "transaction isolation level" => "transaction_isolation",
            "session authorization" => "session_authorization",
            other => other,
        };
        let found = self.values.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted));
        found.map(|(name, value)| (name.as_str(), value.as_str())).ok_or_else(|| unknown(name))
    }

    /// None: its default, which is how the connection began.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), Refusal> {
        let begun = self.begun.as_ref().and_then(|begun| {
            let found = begun.values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        });
        let value = match value {
            Some(value) => value.to_owned(),
            None => begun.unwrap_or_default(),
        };
        let name = name.trim_start_matches("session ").to_lowercase();
        let value = self.checked(&name, value)?;
        match self.values.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            Some((_, old)) => *old = value,
            None => self.values.push((name, value)),
        }
        Ok(())
    }

    pub fn reset_all(&mut self) {
        if let Some(begun) = self.begun.take() {
            *self = Settings { begun: Some(begun.clone()), ..*begun };
        }
    }

    fn checked(&mut self, name: &str, value: String) -> Result<String, Refusal> {
        let lower = value.to_lowercase();
        let only = |right: bool, told: &str, why: &str| match right {
            true => Ok(told.to_owned()),
            false => Err(invalid(name, &value).hint(why)),
        };
        match name {
            _ if value.len() > VALUE_BYTES_MAX => {
                let text = format!("the value of {name} is longer than {VALUE_BYTES_MAX} bytes");
                Err(Refusal::new("22023", text))
            }
            "client_encoding" => only(is_utf8(&value), "UTF8", "texts are UTF-8; set it to UTF8"),
            "timezone" => only(
                ["utc", "etc/utc", "gmt", "etc/gmt", "z", "0", "+00:00", "00:00", "uct", "zulu"]
                    .contains(&lower.as_str()),
                "UTC",
                "times are UTC here; convert them where they are shown",
            ),
            "datestyle" => only(
                lower.split(',').all(|part| ["iso", "mdy", "dmy", "ymd"].contains(&part.trim())),
                "ISO, MDY",
                "dates are written as ISO 8601 says; set it to ISO",
            ),
            "intervalstyle" => only(lower == "postgres", "postgres", "intervals have one style"),
            "bytea_output" => only(lower == "hex", "hex", "bytes are written as hex"),
            "standard_conforming_strings" => only(
                ["on", "true", "1", "yes"].contains(&lower.as_str()),
                "on",
                "a backslash in a string stands for itself",
            ),
            "statement_timeout" => {
                let time = duration(&lower).ok_or_else(|| invalid(name, &value))?;
                self.timeout = (!time.is_zero()).then_some(time);
                Ok(match time.as_millis() {
                    millis if millis % 1_000 == 0 && millis > 0 => format!("{}s", millis / 1_000),
                    0 => "0".to_owned(),
                    millis => format!("{millis}ms"),
                })
            }
            harmless if HARMLESS.contains(&harmless) => Ok(value),
            known if DEFAULTS.iter().any(|(other, _)| other.eq_ignore_ascii_case(known)) => {
                Err(Refusal::new("55P02", format!("parameter \"{known}\" cannot be changed")))
            }
            other => Err(unknown(other)),
        }
    }
}

fn invalid(name: &str, value: &str) -> Refusal {
    Refusal::new("22023", format!("invalid value for parameter \"{name}\": \"{value}\""))
}

fn unknown(name: &str) -> Refusal {
    let shown: String = name.chars().take(64).collect();
    Refusal::new("42704", format!("unrecognized configuration parameter \"{shown}\""))
}

/// Milliseconds, or with a unit.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = if number.is_empty() {
        return text.is_empty().then_some(Duration::ZERO);
    } else {
        number.parse().ok()?
    };
    Some(match unit.trim() {
        "" | "ms" => Duration::from_millis(number),
        "us" => Duration::from_micros(number),
        "s" => Duration::from_secs(number),
        "min" => Duration::from_secs(number.checked_mul(60)?),
        "h" => Duration::from_secs(number.checked_mul(3_600)?),
        "d" => Duration::from_secs(number.checked_mul(86_400)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_refused_and_reset() {
        let mut settings = Settings::new("1.2.3", "anna");
        settings.set("application_name", Some("psql")).unwrap();
        settings.keep_as_begun();
        for (name, value, taken) in [
            ("timezone", "UTC", true),
            ("timezone", "Europe/Berlin", false),
            ("client_encoding", "utf-8", true),
            ("client_encoding", "LATIN1", false),
            ("datestyle", "ISO, DMY", true),
            ("datestyle", "German", false),
            ("extra_float_digits", "3", true),
            ("statement_timeout", "2min", true),
            ("statement_timeout", "soon", false),
            ("server_version", "1", false),
            ("datafusion.execution.batch_size", "1", false),
        ] {
            assert_eq!(settings.set(name, Some(value)).is_ok(), taken, "{name} {value}");
        }
        assert_eq!(settings.time_max(), Duration::from_secs(120));
        assert_eq!(settings.show("statement_timeout").unwrap().1, "120s");
        settings.set("application_name", Some("other")).unwrap();
        settings.set("application_name", None).unwrap();
        assert_eq!(settings.show("application_name").unwrap().1, "psql");
        settings.reset_all();
        assert_eq!(settings.time_max(), limits::SQL_TIME_MAX);
        assert_eq!(settings.show("server_version").unwrap().1, "15.0 (Tagwerk 1.2.3)");
        assert_eq!(settings.show("nothing").unwrap_err().state, "42704");
    }
}
