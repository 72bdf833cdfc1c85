//! Checks the sources of lookup tables: files, queries and addresses.

use crate::check::Checker;
use crate::checked::{CheckedTls, HeaderText, TableSource};
use crate::document::{Lenient, Part};
use crate::names::check_name;
use crate::source::{Form, Node, shortened};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use tagwerk_component::Secret;
use tagwerk_model::limits;

const POSTGRES_PORT: u16 = 5432;

/// A CSV file whose first line names the columns.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "TableCsv", deny_unknown_fields)]
pub(crate) struct CsvForm<'s> {
    /// Below the folder `files` of the edge's data folder.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["recipes.csv"]))]
    pub path: Lenient<&'s str>,
    /// What stands between columns. Default: a comma.
    #[serde(default, borrow)]
    #[schemars(length(min = 1, max = 1))]
    pub separator: Lenient<Option<&'s str>>,
    /// What stands before the decimals of numbers: `.` or `,`. Default: a point.
    #[serde(default, borrow)]
    #[schemars(length(min = 1, max = 1))]
    pub decimal: Lenient<Option<&'s str>>,
}

/// A query of an SQLite file.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "TableSqlite", deny_unknown_fields)]
pub(crate) struct SqliteForm<'s> {
    /// Below the folder `files` of the edge's data folder.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["orders.db"]))]
    pub path: Lenient<&'s str>,
    /// One SELECT.
    #[serde(borrow)]
    pub query: Lenient<&'s str>,
}

/// A query of a PostgreSQL server, in a transaction that reads only.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "TablePostgres", deny_unknown_fields)]
pub(crate) struct PostgresForm<'s> {
    /// Its name or address.
    #[serde(borrow)]
    pub host: Lenient<&'s str>,
    /// Default: 5432.
    #[serde(default)]
    pub port: Lenient<Option<u16>>,
    #[serde(borrow)]
    pub database: Lenient<&'s str>,
    #[serde(borrow)]
    pub username: Lenient<&'s str>,
    #[serde(default)]
    pub password: Lenient<Option<Secret>>,
    /// Encrypts the connection; `{}` is enough. Default: it is not encrypted.
    #[serde(default)]
    #[schemars(with = "Option<TlsForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    tls: Part,
    /// One SELECT.
    #[serde(borrow)]
    pub query: Lenient<&'s str>,
}

/// An answer of a web server to GET.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "TableHttp", deny_unknown_fields)]
pub(crate) struct HttpForm<'s> {
    #[serde(borrow)]
    #[schemars(extend("examples" = ["https://mes.example/api/orders"]))]
    pub url: Lenient<&'s str>,
    /// Header lines, as text or as a secret.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, HeaderForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    headers: Part,
    /// Default: json, a list of objects.
    #[serde(default)]
    pub format: Lenient<Option<FormatForm>>,
    /// Where in the JSON the list is, as a JSON pointer. Default: it is the whole answer.
    #[serde(default, borrow)]
    #[schemars(extend("examples" = ["/data/items"]))]
    pub at: Lenient<Option<&'s str>>,
    /// What stands between columns of CSV. Default: a comma.
    #[serde(default, borrow)]
    #[schemars(length(min = 1, max = 1))]
    pub separator: Lenient<Option<&'s str>>,
    /// What stands before the decimals of numbers in CSV: `.` or `,`. Default: a point.
    #[serde(default, borrow)]
    #[schemars(length(min = 1, max = 1))]
    pub decimal: Lenient<Option<&'s str>>,
    #[serde(default)]
    #[schemars(with = "Option<TlsForm>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    tls: Part,
}

/// The value of a header line.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "declared for the schema, read part by part")]
pub(crate) enum HeaderForm {
    Text(String),
    Secret(Secret),
}

/// What the source answers with.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[schemars(rename = "TableFormat")]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormatForm {
    #[default]
    Json,
    Csv,
}

/// How the other side is known.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "TableTls", deny_unknown_fields)]
pub(crate) struct TlsForm<'s> {
    /// PEM file of the authorities to trust instead of the system's.
    #[serde(default, borrow)]
    pub ca_file: Lenient<Option<&'s str>>,
    /// PEM file of the edge's own certificate, with its chain.
    #[serde(default, borrow)]
    pub certificate_file: Lenient<Option<&'s str>>,
    /// PEM file of the key of `certificate_file`.
    #[serde(default, borrow)]
    pub key_file: Lenient<Option<&'s str>>,
    /// Name to expect in the other side's certificate, where it is not the host.
    #[serde(default, borrow)]
    pub server_name: Lenient<Option<&'s str>>,
    /// Check the other side's certificate. Default: true.
    #[serde(default)]
    pub verify: Lenient<Option<bool>>,
}

impl<'s> Checker<'s> {
    /// A file that the edge may show: nothing of its own, and nothing of the system's.
    fn table_file(&mut self, node: Node<'s>, path: Option<&'s str>) -> Option<Box<str>> {
        let path = path?;
        if !is_table_file(path) {
            let problem = format!("`{}` is no file below the folder of tables", shortened(path));
            let remedy = "write its path below the folder `files` of the edge's data folder, such \
                          as `recipes.csv` or `mes/orders.csv`";
            self.report.error(node.get("path").unwrap_or(node), problem, remedy);
            return None;
        }
        Some(path.into())
    }

    fn letter(&mut self, node: Node<'s>, key: &str, given: Option<&str>, default: u8) -> u8 {
        let Some(text) = given else { return default };
        let fits = |byte: &u8| match key {
            "decimal" => matches!(byte, b'.' | b','),
            _ => byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') && text.len() == 1,
        };
        match text.as_bytes().first().filter(|byte| fits(byte)) {
            Some(byte) => *byte,
            None => {
                let problem = format!("`{}` cannot be the {key}", shortened(text));
                let remedy = match key {
                    "decimal" => "write \".\" or \",\"",
                    _ => "write one letter of ASCII, such as \";\" or \"\\t\"",
                };
                self.report.error(node.get(key).unwrap_or(node), problem, remedy);
                default
            }
        }
    }

    fn letters(
        &mut self,
        node: Node<'s>,
        separator: Option<&str>,
        decimal: Option<&str>,
    ) -> (u8, u8) {
        let separator = self.letter(node, "separator", separator, b',');
        let decimal = self.letter(node, "decimal", decimal, b'.');
        (separator, decimal)
    }

    pub fn csv_source(&mut self, node: Node<'s>) -> Option<TableSource> {
        let form = CsvForm::deserialize(node).ok()?;
        let path = self.table_file(node, form.path.get());
        let (separator, decimal) =
            self.letters(node, form.separator.optional(), form.decimal.optional());
        Some(TableSource::Csv { path: path?, separator, decimal })
    }

    fn query(&mut self, node: Node<'s>, query: Option<&'s str>) -> Option<Box<str>> {
        let query = query?;
        let max = limits::TABLE_QUERY_BYTES_MAX;
        let (problem, remedy) = match query.len() {
            _ if query.trim().is_empty() => {
                ("the query is empty".to_owned(), "write a SELECT".to_owned())
            }
            length if length > max => {
                (format!("the query has {length} bytes"), format!("shorten it to {max} bytes"))
            }
            _ => return Some(query.into()),
        };
        self.report.error(node.get("query").unwrap_or(node), problem, remedy);
        None
    }

    pub fn sqlite_source(&mut self, node: Node<'s>) -> Option<TableSource> {
        let form = SqliteForm::deserialize(node).ok()?;
        let path = self.table_file(node, form.path.get());
        let query = self.query(node, form.query.get());
        Some(TableSource::Sqlite { path: path?, query: query? })
    }

    pub fn postgres_source(&mut self, node: Node<'s>, table: &str) -> Option<TableSource> {
        let form = PostgresForm::deserialize(node).ok()?;
        let place = format!("tables/{table}/postgres/password");
        let password = form.password.optional().map(|secret| secret.secret);
        if let Some(password) = &password {
            self.table_secret(node.get("password").unwrap_or(node), place, password);
        }
        let host = form.host.get();
        if let Some(host) = host.filter(|host| !is_host(host)) {
            let problem = format!("`{}` is not a host name or an IP address", shortened(host));
            let remedy = "write it without scheme and port";
            self.report.error(node.get("host").unwrap_or(node), problem, remedy);
        }
        let tls = node.get("tls").filter(|part| part.form() == Form::Map);
        if tls.is_none() && host.is_some_and(|host| is_host(host) && !is_local(host)) {
            let problem = "the connection is not encrypted: anyone between can read along";
            self.report.warning(node, problem, "add `tls: {}`");
        }
        let tls = tls.map(|part| self.table_tls(part));
        let query = self.query(node, form.query.get());
        Some(TableSource::Postgres {
            host: host?.into(),
            port: form.port.optional().unwrap_or(POSTGRES_PORT),
            database: form.database.get()?.into(),
            username: form.username.get()?.into(),
            password: password.map(Into::into),
            tls: match tls {
                Some(tls) => Some(tls?),
                None => None,
            },
            query: query?,
        })
    }

    fn table_secret(&mut self, node: Node<'s>, place: String, name: &str) {
        if let Some((problem, remedy)) = check_name(name) {
            self.report.error(node.get("secret").unwrap_or(node), problem, remedy);
        }
        self.secrets.push((place, name.to_owned()));
    }

    fn table_tls(&mut self, node: Node<'s>) -> Option<CheckedTls> {
        let form = TlsForm::deserialize(node).ok()?;
        let verify = form.verify.optional().unwrap_or(true);
        if !verify {
            let problem =
                "the other side's certificate is not checked: anyone between can pose as it";
            let remedy = "name the other side's authority in `ca_file` and remove `verify: false`";
            self.report.warning(node.get("verify").unwrap_or(node), problem, remedy);
        }
        let (certificate, key) = (form.certificate_file.optional(), form.key_file.optional());
        if certificate.is_some() != key.is_some() {
            let remedy = "name both `certificate_file` and `key_file`, or neither";
            self.report.error(node, "a certificate and its key are given together", remedy);
        }
        Some(CheckedTls {
            ca_file: form.ca_file.optional().map(Into::into),
            certificate_file: certificate.map(Into::into),
            key_file: key.map(Into::into),
            server_name: form.server_name.optional().map(Into::into),
            verify,
        })
    }

    pub fn http_source(&mut self, node: Node<'s>, table: &str) -> Option<TableSource> {
        let form = HttpForm::deserialize(node).ok()?;
        let url = form.url.get();
        if let Some(url) = url {
            self.table_url(node, url);
        }
        let headers = self.table_headers(node, table);
        let csv = matches!(form.format.optional().unwrap_or_default(), FormatForm::Csv);
        let at = form.at.optional();
        if let Some(at) = at.filter(|at| !at.is_empty() && !at.starts_with('/')) {
            let problem = format!("`{}` is no JSON pointer", shortened(at));
            self.report.error(node.get("at").unwrap_or(node), problem, format!("write `/{at}`"));
        }
        let of_other = match csv {
            true => ["at"].as_slice(),
            false => ["separator", "decimal"].as_slice(),
        };
        if let Some(part) = of_other.iter().find_map(|key| node.get(key)) {
            let other = if csv { "json" } else { "csv" };
            let remedy = format!("remove it, or write `format: {other}`");
            self.report.error(part, format!("this is for `format: {other}`"), remedy);
        }
        let (separator, decimal) =
            self.letters(node, form.separator.optional(), form.decimal.optional());
        let tls = node.get("tls").filter(|part| part.form() == Form::Map);
        let tls = tls.map(|part| self.table_tls(part));
        Some(TableSource::Http {
            url: url?.into(),
            headers,
            csv: csv.then_some((separator, decimal)),
            at: at.unwrap_or_default().into(),
            tls: match tls {
                Some(tls) => Some(tls?),
                None => None,
            },
        })
    }

    fn table_url(&mut self, node: Node<'s>, url: &str) {
        let place = node.get("url").unwrap_or(node);
        let plain = url.strip_prefix("http://");
        let rest = plain.or_else(|| url.strip_prefix("https://")).unwrap_or_default();
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let letters = url.chars().all(|c| c.is_ascii_graphic() && !"\"<>\\^`{|}#".contains(c));
        let bracketed = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let host = match (bracketed, authority.rsplit_once(':')) {
            (Some((host, _)), _) => host,
            (None, Some((host, port))) if port.parse::<u16>().is_ok() => host,
            (None, Some(_)) => "",
            (None, None) => authority,
        };
        if !letters || !is_host(host) {
            let problem = format!("`{}` is no address that can be asked", shortened(url));
            let remedy = "write scheme, host and path, such as `https://mes.example/api/orders`; \
                          who asks is told in `headers`";
            self.report.error(place, problem, remedy);
            return;
        }
        if plain.is_some() && !is_local(host) {
            let problem = "rows come in clear text: anyone between can read and change them";
            self.report.warning(place, problem, "write `https://…`");
        }
    }

    /// Names, and texts or names of secrets.
    fn table_headers(&mut self, node: Node<'s>, table: &str) -> Vec<(Box<str>, HeaderText)> {
        let list = node.get("headers").filter(|part| part.form() == Form::Map);
        let mut headers = Vec::new();
        for (key, value) in list.into_iter().flat_map(Node::pairs) {
            let name = key.text();
            let letter = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(letter) {
                let problem = format!("`{}` is no name of a header", shortened(name));
                self.report.error(key, problem, "write it as in `Authorization`");
                continue;
            }
            if let Ok(secret) = Secret::deserialize(value) {
                let place = format!("tables/{table}/http/headers/{name}");
                self.table_secret(value, place, &secret.secret);
                headers.push((name.into(), HeaderText::Secret(secret.secret.into())));
            } else if let Ok(text) = <&str>::deserialize(value) {
                if !text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
                    let remedy = "write one line of ASCII";
                    self.report.error(value, "this cannot stand in a header", remedy);
                    continue;
                }
                headers.push((name.into(), HeaderText::Plain(text.into())));
            }
        }
        headers
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:%".contains(c))
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// Whether a path stays below the folder of tables' files.
pub fn is_table_file(path: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    !path.contains('\\') && path.split('/').all(is_part)
}
