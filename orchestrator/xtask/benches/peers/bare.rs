//! The bare pipeline: page through Secrets and ConfigMaps, tar them in Velero's layout, gzip at landfall's level.
//!
//! Nothing else: no discovery, no facts, no plan, no digests, no side files, no upload. Listing and compressing overlap.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;

const LEVEL: u32 = 6;

pub(crate) struct Piped {
    pub(crate) wall: Duration,
    /// Until the last page had arrived.
    pub(crate) listed: Duration,
    pub(crate) items: usize,
    pub(crate) listed_bytes: u64,
    pub(crate) written_bytes: u64,
}

#[derive(Deserialize)]
struct Page<'a> {
    metadata: PageMetadata,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct Item {
    metadata: ItemMetadata,
}

#[derive(Deserialize)]
struct ItemMetadata {
    name: String,
    namespace: String,
}

type Pages = (&'static str, &'static str, Bytes);

/// Only the list, page after page, one kind after the other, thrown away.
pub(crate) async fn list(client: &Client) -> anyhow::Result<Duration> {
    let started = Instant::now();
    for resource in ["configmaps", "secrets"] {
        let mut next = String::new();
        loop {
            let body = page(client, resource, &next).await?;
            next = serde_json::from_slice::<Page>(&body)?.metadata.next;
            if next.is_empty() {
                break;
            }
        }
    }
    Ok(started.elapsed())
}

pub(crate) async fn pipeline(client: &Client, folder: &Path) -> anyhow::Result<Piped> {
    let started = Instant::now();
    let (sender, pages) = sync_channel(4);
    let path = folder.join("bare.tar.gz");
    let out = path.clone();
    let writer = std::thread::spawn(move || write(&out, &pages));
    let (configs, secrets) = tokio::join!(
        send(client, "configmaps", "ConfigMap", sender.clone()),
        send(client, "secrets", "Secret", sender.clone()),
    );
    let listed_bytes = configs? + secrets?;
    let listed = started.elapsed();
    drop(sender);
    let items = writer.join().ok().context("the writer stopped")??;
    let wall = started.elapsed();
    let written_bytes = std::fs::metadata(&path)?.len();
    std::fs::remove_file(path)?;
    Ok(Piped { wall, listed, items, listed_bytes, written_bytes })
}

async fn page(client: &Client, resource: &str, next: &str) -> anyhow::Result<Bytes> {
    let token = if next.is_empty() { String::new() } else { format!("&continue={next}") };
    client.get(&format!("/api/v1/{resource}?limit=500{token}")).await
}

async fn send(
    client: &Client,
    resource: &'static str,
    kind: &'static str,
    pages: SyncSender<Pages>,
) -> anyhow::Result<u64> {
    let (mut next, mut bytes) = (String::new(), 0);
    loop {
        let body = page(client, resource, &next).await?;
        bytes += body.len() as u64;
        next = serde_json::from_slice::<Page>(&body)?.metadata.next;
        let sending = pages.clone();
        tokio::task::spawn_blocking(move || sending.send((resource, kind, body)))
            .await?
            .context("the writer stopped")?;
        if next.is_empty() {
            return Ok(bytes);
        }
    }
}

fn write(path: &Path, pages: &Receiver<Pages>) -> anyhow::Result<usize> {
    let gzip = GzEncoder::new(BufWriter::new(File::create(path)?), Compression::new(LEVEL));
    let mut tar = tar::Builder::new(gzip);
    let mut body = Vec::new();
    let mut items = 0;
    for (resource, kind, page) in pages {
        let page: Page = serde_json::from_slice(&page)?;
        for raw in page.items {
            let Item { metadata } = serde_json::from_str(raw.get())?;
            body.clear();
            body.extend_from_slice(format!("{{\"apiVersion\":\"v1\",\"kind\":\"{kind}\",").as_bytes());
            body.extend_from_slice(&raw.get().as_bytes()[1..]);
            for version in ["", "v1-preferredversion/"] {
                let ItemMetadata { name, namespace } = &metadata;
                let mut header = tar::Header::new_gnu();
                header.set_size(body.len() as u64);
                header.set_mode(0o755);
                header.set_mtime(1_700_000_000);
                let path = format!("resources/{resource}/{version}namespaces/{namespace}/{name}.json");
                tar.append_data(&mut header, path, body.as_slice())?;
            }
            items += 1;
        }
    }
    let mut out = tar.into_inner()?.finish()?;
    std::io::Write::flush(&mut out)?;
    Ok(items)
}
