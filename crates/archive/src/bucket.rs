//! S3, and what speaks like it. Walls the client library off: requests run on a thread of their own,
//! and whoever asks waits for the answer. What the objects are is decided by the callers.

use crate::bucket_error::{BucketError, Why};
use bytes::Bytes;
use futures_util::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, BackoffConfig, Certificate, ClientOptions, CredentialProvider,
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode,
    PutMultipartOptions, PutOptions, RetryConfig,
};
use parking_lot::Mutex;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, mpsc as answers};
use std::time::Duration;
use tagwerk_env::{BoxFuture, DiskFile, Env};
use tokio::sync::mpsc;

/// Larger files go in parts of this size.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// An answer that is this late is none.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// A part on a line of 120 kbit/s.
const PART_TIME_MAX: Duration = Duration::from_secs(600);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// A request is tried again so often; the keeper comes back to what fails then.
const RETRIES_MAX: usize = 2;
const RETRY_TIME_MAX: Duration = Duration::from_secs(10);
/// Objects under a prefix; days of an edge for 50 years.
const OBJECTS_MAX: usize = 20_000;
const CA_BYTES_MAX: u64 = 1024 * 1024;
/// Metadata of every object: the CRC-32C of its bytes.
const CHECKSUM: &str = "tagwerk-crc32c";
const MEDIA_TYPE: &str = "application/vnd.apache.parquet";

/// Where the bucket is, and how it is entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSettings {
    /// None: that of AWS in the region.
    pub endpoint: Option<String>,
    pub name: String,
    /// Without a slash at its ends; not empty.
    pub prefix: String,
    pub region: String,
    pub access_key: String,
    /// The bucket's name stands in the path, and not in the name of the host.
    pub path_style: bool,
    /// PEM file of authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// Gives the secret key as it is now, or in words why there is none.
pub type SecretKey = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// An object as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub name: String,
    pub size: u64,
    pub etag: Option<String>,
}

pub(crate) struct Bucket {
    settings: BucketSettings,
    secret: SecretKey,
    env: Env,
    client: Mutex<Option<Arc<AmazonS3>>>,
    /// Bounded by those who wait for an answer.
    jobs: mpsc::UnboundedSender<Job>,
}

type Job = BoxFuture<'static, ()>;
type Answer<T> = Result<T, object_store::Error>;

impl Bucket {
    pub fn new(env: &Env, settings: BucketSettings, secret: SecretKey) -> Bucket {
        let (jobs, received) = mpsc::unbounded_channel();
        let started = std::thread::Builder::new()
            .name("archive-bucket".to_owned())
            .spawn(move || serve(received));
        if let Err(error) = started {
            // Every request says so, since nobody receives it.
            tracing::error!(%error, "the thread of the archive's bucket cannot be started");
        }
        Bucket { settings, secret, env: env.clone(), client: Mutex::default(), jobs }
    }

    /// As people write it.
    pub fn url(&self) -> String {
        let BucketSettings { name, prefix, .. } = &self.settings;
        format!("s3://{name}/{prefix}")
    }

    /// The objects directly under the prefix.
    pub fn list(&self) -> Result<Vec<Object>, BucketError> {
        let (client, prefix) = (self.client()?, Key::from(self.settings.prefix.as_str()));
        let found = self.wait(REQUEST_TIME_MAX, async move {
            let mut found = Vec::new();
            let mut all = client.list(Some(&prefix));
            let mut count = 0;
            while let Some(meta) = all.next().await {
                let meta = meta?;
                count += 1;
                if count > OBJECTS_MAX {
                    return Ok(None);
                }
                let mut below = meta.location.prefix_match(&prefix).into_iter().flatten();
                if let (Some(name), None) = (below.next(), below.next()) {
                    let name = name.as_ref().to_owned();
                    found.push(Object { name, size: meta.size, etag: meta.e_tag });
                }
            }
            Ok(Some(found))
        })?;
        found.ok_or_else(|| {
            let text = format!("there are more than {OBJECTS_MAX} objects under the prefix");
            BucketError::new(Why::Taken, text)
        })
    }

    /// Bytes of an object, as long as it is the one that was listed.
    pub fn read(&self, object: &Object, range: Range<u64>) -> Result<Bytes, BucketError> {
        let (client, key) = (self.client()?, self.key(&object.name));
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: object.etag.clone(),
            ..GetOptions::default()
        };
        let bytes = self.wait(REQUEST_TIME_MAX, async move {
            client.get_opts(&key, options).await?.bytes().await
        })?;
        match bytes.len() as u64 == range.end - range.start {
            true => Ok(bytes),
            false => Err(BucketError::new(Why::Other, "fewer bytes came than were asked for")),
        }
    }

    /// Makes an object of a file, unless another has the name, and looks at it once it is there.
    pub fn put(&self, name: &str, file: &dyn DiskFile) -> Result<(), BucketError> {
        let (length, checksum) = sum(file)?;
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, MEDIA_TYPE.to_owned()),
            (Attribute::Metadata(CHECKSUM.into()), checksum.clone()),
        ]);
        let sent = match length <= PART_BYTES as u64 {
            true => self.put_whole(name, file, length, attributes),
            false => self.put_parts(name, file, length, attributes),
        };
        // A request that was answered too late may have been carried out, and tried again.
        let is_taken = matches!(&sent, Err(error) if error.why == Why::Taken);
        if !is_taken {
            sent?;
        }
        match self.head(name)? {
            Some(found) if found == (length, Some(checksum)) => Ok(()),
            Some(_) if is_taken => {
                let text = format!("another object has the name {name}");
                Err(BucketError::new(Why::Taken, text))
            }
            _ => {
                let text = format!("{name} was accepted, and is not there as it was sent");
                Err(BucketError::new(Why::Other, text))
            }
        }
    }

    fn put_whole(
        &self,
        name: &str,
        file: &dyn DiskFile,
        length: u64,
        attributes: Attributes,
    ) -> Result<(), BucketError> {
        let (client, key) = (self.client()?, self.key(name));
        let bytes = part(file, 0, length)?;
        let options = PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() };
        self.wait(PART_TIME_MAX, async move {
            client.put_opts(&key, bytes.into(), options).await.map(drop)
        })
    }

    fn put_parts(
        &self,
        name: &str,
        file: &dyn DiskFile,
        length: u64,
        attributes: Attributes,
    ) -> Result<(), BucketError> {
        // Not every store knows a condition at the end of parts.
        if self.head(name)?.is_some() {
            return Err(BucketError::new(Why::Taken, "it is there already"));
        }
        let (client, key) = (self.client()?, self.key(name));
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let begun = async move { client.put_multipart_opts(&key, options).await };
        let mut upload = self.wait(REQUEST_TIME_MAX, begun)?;
        let sent = (0..length).step_by(PART_BYTES).try_for_each(|at| {
            let bytes = part(file, at, length)?;
            self.wait(PART_TIME_MAX, upload.put_part(bytes.into()))
        });
        match sent {
            Ok(()) => self.wait(PART_TIME_MAX, complete(upload)),
            Err(error) => {
                // What stays is removed by a rule of the bucket.
                let _ = self.wait(REQUEST_TIME_MAX, async move { upload.abort().await });
                Err(error)
            }
        }
    }

    /// Length and checksum of an object, where there is one.
    fn head(&self, name: &str) -> Result<Option<(u64, Option<String>)>, BucketError> {
        let (client, key) = (self.client()?, self.key(name));
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found =
            self.wait(REQUEST_TIME_MAX, async move { client.get_opts(&key, options).await });
        match found {
            Ok(found) => {
                let checksum = found.attributes.get(&Attribute::Metadata(CHECKSUM.into()));
                Ok(Some((found.meta.size, checksum.map(|value| value.as_ref().to_owned()))))
            }
            Err(BucketError { why: Why::NoObject, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn remove(&self, name: &str) -> Result<(), BucketError> {
        let (client, key) = (self.client()?, self.key(name));
        self.wait(REQUEST_TIME_MAX, async move { client.delete(&key).await })
    }

    fn key(&self, name: &str) -> Key {
        Key::from(self.settings.prefix.as_str()).join(name)
    }

    /// Where requests go, for messages.
    fn endpoint(&self) -> &str {
        self.settings.endpoint.as_deref().unwrap_or("the store of AWS")
    }

    fn client(&self) -> Result<Arc<AmazonS3>, BucketError> {
        let mut client = self.client.lock();
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        let BucketSettings { name, region, path_style, .. } = &self.settings;
        let mut options =
            ClientOptions::new().with_timeout(PART_TIME_MAX).with_connect_timeout(CONNECT_TIME_MAX);
        for certificate in self.authorities()? {
            options = options.with_root_certificate(certificate);
        }
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIME_MAX,
        };
        let key = Credentials {
            access_key: self.settings.access_key.clone(),
            secret: self.secret.clone(),
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_region(region)
            .with_credentials(Arc::new(key))
            .with_virtual_hosted_style_request(!path_style)
            .with_retry(retry)
            .with_client_options(options);
        if let Some(endpoint) = &self.settings.endpoint {
            let plain = endpoint.starts_with("http://");
            let endpoint = endpoint.trim_end_matches('/');
            let endpoint = match (path_style, endpoint.split_once("://")) {
                (false, Some((scheme, host))) => format!("{scheme}://{name}.{host}"),
                _ => endpoint.to_owned(),
            };
            builder = builder.with_endpoint(endpoint).with_allow_http(plain);
        }
        let built = builder.build().map_err(|error| {
            BucketError::from_library(&error, Some(Why::Settings), self.endpoint())
        })?;
        Ok(client.insert(Arc::new(built)).clone())
    }

    fn authorities(&self) -> Result<Vec<Certificate>, BucketError> {
        let Some(file) = &self.settings.ca_file else { return Ok(Vec::new()) };
        let wrong =
            |what: String| BucketError::new(Why::Settings, format!("{} {what}", file.display()));
        let pem = self.env.disk.read(file, CA_BYTES_MAX);
        let pem = pem.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        match Certificate::from_pem_bundle(&pem) {
            Ok(found) if !found.is_empty() => Ok(found),
            _ => Err(wrong("holds no certificate in PEM".to_owned())),
        }
    }

    fn wait<T: Send + 'static>(
        &self,
        time_max: Duration,
        work: impl Future<Output = Answer<T>> + Send + 'static,
    ) -> Result<T, BucketError> {
        let (answer, answered) = answers::sync_channel(1);
        let clock = self.env.clock.clone();
        let deadline = clock.now().after(time_max);
        let job: Job = Box::pin(async move {
            // Nobody waits any more when it cannot be sent.
            let _ = answer.send(tagwerk_env::timeout(&*clock, deadline, work).await);
        });
        let stopped = || BucketError::new(Why::Other, "the thread of the bucket does not run");
        self.jobs.send(job).map_err(|_| stopped())?;
        match answered.recv() {
            Ok(Some(Ok(answer))) => Ok(answer),
            Ok(Some(Err(error))) => {
                Err(BucketError::from_library(&error, why(&error), self.endpoint()))
            }
            Ok(None) => {
                let (endpoint, seconds) = (self.endpoint(), time_max.as_secs());
                let text = format!("{endpoint} did not answer within {seconds} s");
                Err(BucketError::new(Why::Unreachable, text))
            }
            Err(_) => Err(stopped()),
        }
    }
}

/// Runs requests until the bucket is dropped.
fn serve(mut jobs: mpsc::UnboundedReceiver<Job>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the thread of the archive's bucket cannot work");
            return;
        }
    };
    runtime.block_on(async move {
        while let Some(job) = jobs.recv().await {
            tokio::spawn(job);
        }
    });
    // A name that is being looked up holds nobody.
    runtime.shutdown_background();
}

async fn complete(mut upload: Box<dyn MultipartUpload>) -> Answer<()> {
    match upload.complete().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let _ = upload.abort().await;
            Err(error)
        }
    }
}

fn why(error: &object_store::Error) -> Option<Why> {
    match error {
        object_store::Error::NotFound { .. } => Some(Why::NoObject),
        object_store::Error::AlreadyExists { .. } => Some(Why::Taken),
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => Some(Why::Refused),
        object_store::Error::Precondition { .. } => Some(Why::Other),
        object_store::Error::InvalidPath { .. } => Some(Why::Settings),
        _ => None,
    }
}

/// Length and CRC-32C of a file.
fn sum(file: &dyn DiskFile) -> Result<(u64, String), BucketError> {
    let length = file.length().map_err(unread)?;
    let mut crc = 0;
    for at in (0..length).step_by(PART_BYTES) {
        crc = crc32c::crc32c_append(crc, &part(file, at, length)?);
    }
    Ok((length, format!("{crc:08x}")))
}

fn part(file: &dyn DiskFile, at: u64, length: u64) -> Result<Vec<u8>, BucketError> {
    let mut bytes = vec![0; length.saturating_sub(at).min(PART_BYTES as u64) as usize];
    let read = file.read_at(&mut bytes, at).map_err(unread)?;
    match read == bytes.len() {
        true => Ok(bytes),
        false => Err(BucketError::new(Why::Other, "the written file became shorter")),
    }
}

fn unread(error: std::io::Error) -> BucketError {
    BucketError::new(Why::Other, format!("the written file cannot be read: {error}"))
}

/// Asks for the secret with every request, so that a new one is used at once.
struct Credentials {
    access_key: String,
    secret: SecretKey,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    fn get_credential<'life0, 'async_trait>(
        &'life0 self,
    ) -> BoxFuture<'async_trait, Answer<Arc<AwsCredential>>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let secret_key = (self.secret)().map_err(|error| object_store::Error::Generic {
                store: "S3",
                source: Box::new(BucketError::new(Why::Settings, error)),
            })?;
            let key_id = self.access_key.clone();
            Ok(Arc::new(AwsCredential { key_id, secret_key, token: None }))
        })
    }
}
