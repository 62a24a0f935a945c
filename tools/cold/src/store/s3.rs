//! S3-compatible storage, by the crate `object_store`. Keys and region come from the environment alone (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`; `AWS_ENDPOINT` for storage that is not Amazon's). Another machine is spoken to
//! in clear text only where `AWS_ALLOW_HTTP=true` says so.

use super::ObjectStore;
use crate::fault;
use anyhow::Context;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{ObjectStore as _, ObjectStoreExt as _, WriteMultipart};
use pitlane_config::is_local;
use pitlane_session::exit::usage;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use tokio::runtime::{Builder, Runtime};

/// Bytes of one part of an upload, and of one read.
const PART: u64 = 8 << 20;

/// A bucket, and what its keys begin with.
pub(super) struct Bucket {
    name: String,
    prefix: String,
    store: AmazonS3,
    runtime: Runtime,
}

impl Bucket {
    /// The bucket of `BUCKET/PREFIX`.
    pub(super) fn named(place: &str) -> anyhow::Result<Self> {
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        if name.is_empty() {
            return Err(usage(format!("s3://{place}: name the bucket, as in s3://BUCKET/PREFIX")));
        }
        let builder = AmazonS3Builder::from_env().with_bucket_name(name);
        // In clear text to this machine alone; to others AWS_ALLOW_HTTP has to say so.
        let endpoint = std::env::var("AWS_ENDPOINT").unwrap_or_default();
        let builder = if is_local(&endpoint) { builder.with_allow_http(true) } else { builder };
        let store = builder.build().map_err(|error| {
            usage(format!(
                "s3://{place}: {error}; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"
            ))
        })?;
        let runtime =
            Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
        let prefix = prefix.trim_matches('/').to_owned();
        Ok(Self { name: name.to_owned(), prefix, store, runtime })
    }

    fn key(&self, key: &str) -> Key {
        if self.prefix.is_empty() { Key::from(key) } else { Key::from(format!("{}/{key}", self.prefix)) }
    }
}

impl ObjectStore for Bucket {
    fn describe(&self) -> String {
        format!("s3://{}/{}", self.name, self.prefix)
    }

    fn put(&self, key: &str, file: &Path) -> anyhow::Result<()> {
        let mut from = File::open(file).map_err(|error| fault::disk("open", file, &error))?;
        let put = async {
            let upload = self.store.put_multipart(&self.key(key)).await?;
            let (mut writer, mut part) = (WriteMultipart::new(upload), vec![0; PART as usize]);
            loop {
                let count = from.read(&mut part)?;
                if count == 0 {
                    break;
                }
                writer.wait_for_capacity(2).await?;
                writer.write(&part[..count]);
            }
            writer.finish().await?;
            anyhow::Ok(())
        };
        self.runtime.block_on(put).with_context(|| format!("cannot put {key} into {}", self.describe()))
    }

    fn open(&self, key: &str) -> anyhow::Result<Option<Box<dyn Read>>> {
        match self.runtime.block_on(self.store.head(&self.key(key))) {
            // Read whole: the objects of an archive are a few dozen MiB at most.
            Ok(_) => {
                let get = async { self.store.get(&self.key(key)).await?.bytes().await };
                let bytes = self.runtime.block_on(get);
                let bytes = bytes.with_context(|| format!("cannot get {key} from {}", self.describe()))?;
                Ok(Some(Box::new(io::Cursor::new(bytes.to_vec()))))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot look at {key} in {}", self.describe())),
        }
    }

    fn remove(&self, key: &str) -> anyhow::Result<()> {
        match self.runtime.block_on(self.store.delete(&self.key(key))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot remove {key} from {}", self.describe())),
        }
    }

    fn list(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        let folder = self.key(prefix.trim_end_matches('/'));
        let list = async {
            let mut keys = Vec::new();
            // Folders below, one level at a time: no stream of another crate is needed.
            let mut folders = vec![folder];
            while let Some(folder) = folders.pop() {
                let listed = self.store.list_with_delimiter(Some(&folder)).await?;
                folders.extend(listed.common_prefixes);
                keys.extend(listed.objects.into_iter().map(|object| object.location.to_string()));
            }
            Ok::<_, object_store::Error>(keys)
        };
        let keys = self.runtime.block_on(list).with_context(|| format!("cannot list {}", self.describe()))?;
        let own = |key: &String| {
            let key =
                if self.prefix.is_empty() { Some(key.as_str()) } else { key.strip_prefix(&self.prefix) };
            key.map(|key| key.trim_start_matches('/').to_owned())
        };
        let mut keys: Vec<String> =
            keys.iter().filter_map(own).filter(|key| key.starts_with(prefix)).collect();
        keys.sort();
        Ok(keys)
    }
}
