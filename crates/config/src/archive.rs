//! Checks where days of history go.

use crate::check::Checker;
use crate::checked::{ArchivePlace, CheckedArchive, CheckedBucket, CheckedDevice};
use crate::document::{ArchiveForm, BucketForm};
use crate::names::check_name;
use crate::source::{Node, shortened};
use serde::Deserialize;
use std::time::Duration;

/// Files hold days: less cannot be kept.
const KEEP_MIN: Duration = Duration::from_secs(86_400);
/// What most stores that are not AWS answer to.
const REGION_DEFAULT: &str = "us-east-1";

impl<'s> Checker<'s> {
    pub fn archive(&mut self, node: Node<'s>, devices: &[CheckedDevice]) -> Option<CheckedArchive> {
        let form = ArchiveForm::deserialize(node).ok()?;
        let folder = form.folder.optional();
        if let Some(folder) = folder {
            let place = node.get("folder").unwrap_or(node);
            self.path_from_root(place, folder, "folder", "/srv/archive");
        }
        let keep = form.keep.optional().map(|keep| keep.0);
        if let Some(keep) = keep.filter(|keep| *keep < KEEP_MIN) {
            let problem =
                format!("the archive keeps {}, less than a day", tagwerk_component::Duration(keep));
            let place = node.get("keep").unwrap_or(node);
            self.report.error(place, problem, "write `24h` or more, or remove `keep` to keep all");
        }
        let tags = self.patterns(node, ("the archive", "archive"), devices);
        let place = match (node.get("folder"), node.get("bucket")) {
            (Some(_), Some(bucket)) => {
                let problem = "days go into a folder or into a bucket, not into both";
                self.report.error(bucket, problem, "remove `folder` or `bucket`");
                return None;
            }
            (Some(_), None) => ArchivePlace::Folder(folder?.into()),
            (None, Some(bucket)) => ArchivePlace::Bucket(self.bucket(bucket)?),
            (None, None) => {
                let remedy = "add `folder: …`, such as `/srv/archive`, or `bucket: …`";
                self.report.error(node, "the archive has no `folder` and no `bucket`", remedy);
                return None;
            }
        };
        Some(CheckedArchive { place, tags, keep })
    }

    fn path_from_root(&mut self, node: Node<'s>, path: &str, what: &str, example: &str) {
        if !path.starts_with('/') || path.contains('\0') {
            let problem = format!("`{}` is no {what} from the root on", shortened(path));
            self.report.error(node, problem, format!("write all of its path, such as `{example}`"));
        }
    }

    fn bucket(&mut self, node: Node<'s>) -> Option<CheckedBucket> {
        let form = BucketForm::deserialize(node).ok()?;
        let at = |key: &str| node.get(key).unwrap_or(node);
        let endpoint = form.endpoint.optional();
        if let Some(endpoint) = endpoint {
            self.endpoint(at("endpoint"), endpoint);
        }
        let name = form.name.get();
        if let Some(name) = name.filter(|name| !is_bucket_name(name)) {
            let problem = format!("`{}` is no name of a bucket", shortened(name));
            let remedy =
                "write 3 to 63 small letters, digits, `.` and `-`, such as `plant-history`";
            self.report.error(at("name"), problem, remedy);
        }
        let prefix = form.prefix.optional();
        if let Some(prefix) = prefix.filter(|prefix| !is_prefix(prefix)) {
            let problem = format!("`{}` is no prefix of objects", shortened(prefix));
            let remedy = "write letters, digits, `.`, `_`, `-` and single slashes between them, \
                          such as `plants/press-1`";
            self.report.error(at("prefix"), problem, remedy);
        }
        let region = form.region.optional();
        if region.is_none() && endpoint.is_none() && node.get("region").is_none() {
            let remedy = "add `region: …`, such as `eu-central-1`, or another store's `endpoint`";
            self.report.error(node, "the bucket is with AWS, and its region is not told", remedy);
        }
        if let Some(region) = region.filter(|region| !is_region(region)) {
            let problem = format!("`{}` is no region", shortened(region));
            self.report.error(at("region"), problem, "write it as in `eu-central-1`");
        }
        let ca_file = form.ca_file.optional();
        if let Some(file) = ca_file {
            self.path_from_root(at("ca_file"), file, "file", "/etc/tagwerk/store-ca.pem");
        }
        let access_key = form.access_key.get();
        if access_key
            .is_some_and(|key| key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()))
        {
            let remedy = "write the identifier that the store gave with the secret key";
            self.report.error(at("access_key"), "this is no identifier of an access key", remedy);
        }
        let secret_key = form.secret_key.get()?.secret;
        let secret_node =
            node.get("secret_key").and_then(|node| node.get("secret")).unwrap_or(node);
        if let Some((problem, remedy)) = check_name(&secret_key) {
            self.report.error(secret_node, problem, remedy);
        }
        self.secrets.push(("archive/bucket/secret_key".to_owned(), secret_key.clone()));
        Some(CheckedBucket {
            endpoint: endpoint.map(Into::into),
            name: name?.into(),
            prefix: prefix.map(Into::into),
            region: region.unwrap_or(REGION_DEFAULT).into(),
            access_key: access_key?.into(),
            secret_key: secret_key.into(),
            path_style: form.path_style.optional().unwrap_or(endpoint.is_some()),
            ca_file: ca_file.map(Into::into),
        })
    }

    fn endpoint(&mut self, node: Node<'s>, endpoint: &str) {
        let plain = endpoint.strip_prefix("http://");
        let host = plain.or_else(|| endpoint.strip_prefix("https://")).unwrap_or_default();
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.is_empty() || !host.chars().all(is_host) {
            let problem = format!("`{}` is no endpoint", shortened(endpoint));
            let remedy = "write scheme, host and, where it needs one, port, such as \
                          `https://minio.example:9000`; the bucket goes into `name`";
            self.report.error(node, problem, remedy);
            return;
        }
        let is_local = ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local));
        if plain.is_some() && !is_local {
            let problem = "samples go to the store in clear text: anyone between can read them";
            self.report.warning(node, problem, "write `https://…`");
        }
    }
}

fn is_bucket_name(name: &str) -> bool {
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.starts_with(is_edge)
        && name.ends_with(is_edge)
        && name.chars().all(|c| is_edge(c) || c == '.' || c == '-')
        && !name.contains("..")
}

fn is_prefix(prefix: &str) -> bool {
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    prefix.len() <= 512 && prefix.split('/').all(is_part)
}

fn is_region(region: &str) -> bool {
    !region.is_empty() && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}
