//! `landfall infra leaks`: what still points at an environment, in a backup, in files, or in a live cluster.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use archive::{Caps, Spool};
use clap::Args;
use engine::bucket::BackupKeys;
use futures::StreamExt;
use infra::{LeakScanner, MapFile, Pairs, pair};
use model::{Finding, GroupResource, ItemId, Manifest, Reason, Severity};
use ports::Cluster;
use ports::cluster::{ListEvent, ListQuery};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::contract::line;
use super::environment;
use crate::cluster_flags::ClusterFlags;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::locations;

/// Findings that people are shown without --verbose.
const SHOWN: usize = 60;
const PAGE: u32 = 500;
/// Of a file that is searched.
const FILE_CAP: u64 = 256 << 20;

#[derive(Debug, Args)]
pub(crate) struct LeaksArgs {
    /// A folder or file with manifests, the archive of a backup, or a backup's name; a live cluster without it.
    what: Option<String>,
    /// Where the backup is.
    #[arg(long)]
    location: Option<String>,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Search the cluster of the current context.
    #[arg(long = "cluster", conflicts_with = "what")]
    live: bool,
    /// The environment that nothing may point at any more: a contract, outputs, a state, a folder or backup:NAME.
    #[arg(long, value_name = "CONTRACT")]
    source: String,
    /// The environment that objects may point at. With it, ids that neither side knows are found as well.
    #[arg(long, value_name = "CONTRACT")]
    target: Option<String>,
    /// A map, whose source values are looked for too.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Exit with 1 for what stands in free text, too.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    searched: usize,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

pub(crate) async fn run(args: &LeaksArgs, context: &Context) -> Outcome {
    let location = args.location.as_deref();
    let source = environment::read(&args.source, location, context).await?;
    let target = match &args.target {
        Some(target) => Some(environment::read(target, location, context).await?),
        None => None,
    };
    let map: Option<MapFile> = args.map.as_deref().map(super::map::read_map).transpose()?;
    let pairs = match (&target, &map) {
        (None, None) => Pairs::default(),
        (target, map) => {
            let target = target.as_ref().map(environment::Environment::side).unwrap_or_default();
            pair(source.side(), target, map.as_ref()).map_err(|error| Failure::from(error).exit(Exit::Decision))?
        }
    };
    let target = target.as_ref().map(|target| &target.contract);
    let scanner = LeakScanner::with_pairs(&source.contract, target, &pairs)?;
    let mut search = Search { scanner: &scanner, report: Report::default() };
    let flagged = args.cluster.kubeconfig.is_some() || args.cluster.context.is_some() || args.cluster.sandbox.is_some();
    match &args.what {
        Some(_) if flagged => return Err(Failure::usage("a cluster and something else cannot be searched in one go")),
        Some(what) => search.named(what, location, context).await?,
        None if flagged || args.live => {
            let cluster = args.cluster.connect(&context.settings).await?;
            search.cluster(cluster.as_ref()).await?;
        }
        None => {
            let hint = "name a backup, a folder or a file, or say --cluster, --sandbox NAME or --kubeconfig FILE";
            return Err(Failure::usage("nothing to search is named").hint(hint));
        }
    }
    let report = search.report;
    context.printer.value(&report, |report| text(report, context.printer.verbose))?;
    let bad = report.errors > 0 || (args.strict && report.warnings > 0);
    Ok(if bad { Exit::NotGood } else { Exit::Good })
}

struct Search<'a> {
    scanner: &'a LeakScanner,
    report: Report,
}

impl Search<'_> {
    async fn named(&mut self, what: &str, location: Option<&str>, context: &Context) -> Result<(), Failure> {
        let path = Path::new(what);
        match what.strip_prefix("backup:") {
            None if path.is_dir() => self.folder(path, Path::new(""), 0),
            None if path.is_file() => self.file(path, what).map_err(Failure::from),
            None if what.contains('/') => Err(anyhow::anyhow!("there is no file or folder {what}").into()),
            name => self.backup(name.unwrap_or(what), location, context).await,
        }
    }

    fn object(&mut self, manifest: &Manifest, item: &ItemId) {
        self.report.searched += 1;
        let findings = self.scanner.scan(manifest, Some(item));
        findings.into_iter().for_each(|finding| self.report.add(finding));
    }

    fn folder(&mut self, root: &Path, folder: &Path, depth: usize) -> Result<(), Failure> {
        if depth > 64 {
            return Err(anyhow::anyhow!("{} is nested too deeply", folder.display()).into());
        }
        let full = root.join(folder);
        let list = std::fs::read_dir(&full).with_context(|| format!("failed to list {}", full.display()))?;
        let mut entries =
            list.collect::<Result<Vec<_>, _>>().with_context(|| format!("failed to list {}", full.display()))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().context("failed to look at a file")?;
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if kind.is_dir() {
                self.folder(root, &path, depth + 1)?;
            } else if kind.is_file() && ["yaml", "yml", "json"].contains(&extension) {
                self.file(&root.join(&path), &path.display().to_string())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str) -> anyhow::Result<()> {
        let mut file = std::fs::File::open(path).with_context(|| format!("failed to open {}", path.display()))?;
        let mut bytes = Vec::new();
        (&mut file).take(2).read_to_end(&mut bytes).with_context(|| format!("failed to read {}", path.display()))?;
        if bytes == [0x1f, 0x8b] {
            let archive = Read::chain(std::io::Cursor::new(bytes), std::io::BufReader::new(file));
            return self.archive(archive).with_context(|| format!("failed to read {}", path.display()));
        }
        file.take(FILE_CAP).read_to_end(&mut bytes).with_context(|| format!("failed to read {}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        for (at, objects) in versions::yaml::read_all(&text) {
            match objects {
                Ok(objects) => objects.iter().for_each(|object| self.object(object, &identity(object))),
                // A template, or what else is no object, is searched as the text that it is.
                Err(document) => {
                    self.report.searched += 1;
                    for found in self.scanner.scan_text(document) {
                        let message = format!("{name}, in what begins at line {at}: {found} belongs to the source");
                        let reason = Reason::new("source-identifier", message);
                        self.report.add(Finding { severity: Severity::Warning, item: None, pointer: None, reason });
                    }
                }
            }
        }
        Ok(())
    }

    fn archive(&mut self, reader: impl Read) -> anyhow::Result<()> {
        let mut seen = BTreeSet::new();
        let spool = Spool::unpack(reader, std::io::sink(), Caps::default(), |entry, _, body| {
            // Other versions of an object say the same once more.
            if seen.insert(entry.path.item.clone()) {
                // What cannot be read is among the troubles.
                if let Ok(manifest) = Manifest::from_slice(body) {
                    self.object(&manifest, &entry.path.item);
                }
            }
        })?;
        for trouble in spool.troubles {
            let reason = Reason::new("not-searched", trouble.to_string());
            self.report.add(Finding { severity: Severity::Warning, item: None, pointer: None, reason });
        }
        Ok(())
    }

    async fn backup(&mut self, name: &str, location: Option<&str>, context: &Context) -> Result<(), Failure> {
        let keys = BackupKeys::new(name).map_err(|error| Failure::from(error).exit(Exit::Usage))?;
        let location = locations::open(&context.settings, location).await?;
        let mut reader = match location.store.get(&keys.archive()).await {
            Ok(reader) => reader,
            Err(error) if error.is_not_found() => {
                let error = anyhow::anyhow!("there is no backup {name:?} in {}", location.store.describe());
                return Err(Failure::from(error).hint("`landfall backup get` lists what is there"));
            }
            Err(error) => return Err(error.into()),
        };
        let folder = crate::command::temp_folder(None)?;
        let path = folder.path().join("archive");
        let mut file = tokio::fs::File::create(&path).await.context("failed to create a temporary file")?;
        let mut buffer = vec![0; 1 << 17];
        loop {
            let n = reader.read(&mut buffer).await.context("failed to read the archive")?;
            if n == 0 {
                break;
            }
            file.write_all(&buffer[..n]).await.context("failed to write a temporary file")?;
        }
        file.flush().await.context("failed to write a temporary file")?;
        let file = std::fs::File::open(&path).context("failed to open a temporary file")?;
        Ok(self.archive(std::io::BufReader::new(file)).context("failed to read the archive")?)
    }

    /// Every object of every kind that the server lists, a page at a time.
    async fn cluster(&mut self, cluster: &dyn Cluster) -> Result<(), Failure> {
        let discovery = cluster.discover().await?;
        for (group_version, error) in &discovery.failures {
            let message = format!("{group_version} does not answer and was not searched: {}", model::chain(error));
            let reason = Reason::new("not-searched", message);
            self.report.add(Finding { severity: Severity::Warning, item: None, pointer: None, reason });
        }
        for resource in discovery.catalog.preferred_resources() {
            if !resource.has_verb("list") || is_passing(&resource.group_resource()) {
                continue;
            }
            let mut token = None;
            let mut restarts = 0;
            let mut seen: BTreeSet<(Option<String>, String)> = BTreeSet::new();
            loop {
                let limit = if restarts < 3 { PAGE } else { 0 };
                let query =
                    ListQuery { resource, namespace: None, label_selector: None, limit, continue_token: token.clone() };
                match self.page(cluster, &query, &mut seen).await {
                    Ok(None) => break,
                    Ok(more) => token = more,
                    Err(error) if error.is_expired() && restarts < 3 => {
                        restarts += 1;
                        token = None;
                    }
                    Err(error) => {
                        let message =
                            format!("{} was not searched: {}", resource.group_resource(), model::chain(&error));
                        let reason = Reason::new("not-searched", message);
                        self.report.add(Finding { severity: Severity::Error, item: None, pointer: None, reason });
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn page(
        &mut self,
        cluster: &dyn Cluster,
        query: &ListQuery<'_>,
        seen: &mut BTreeSet<(Option<String>, String)>,
    ) -> Result<Option<String>, ports::PortError> {
        let mut stream = cluster.list(query).await?;
        while let Some(event) = stream.next().await {
            match event? {
                ListEvent::Item(body) => {
                    let Ok(mut manifest) = Manifest::from_slice(&body) else { continue };
                    let key = (manifest.namespace().map(str::to_owned), manifest.name().to_owned());
                    if !seen.insert(key.clone()) {
                        continue;
                    }
                    manifest.set_gvk(&query.resource.gvk());
                    let item = ItemId { resource: query.resource.group_resource(), namespace: key.0, name: key.1 };
                    self.object(&manifest, &item);
                }
                ListEvent::End { continue_token, .. } => return Ok(continue_token),
            }
        }
        Ok(None)
    }
}

impl Report {
    fn add(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Info => {}
        }
        self.findings.push(finding);
    }
}

/// Records of what happened and claims of running processes point nowhere.
fn is_passing(resource: &GroupResource) -> bool {
    versions::runtime_state(resource).is_some()
        || resource.group == "metrics.k8s.io"
        || resource.resource == "componentstatuses"
}

fn identity(manifest: &Manifest) -> ItemId {
    let gvk = manifest.gvk();
    let guessed = || GroupResource::new(gvk.kind.to_lowercase(), &gvk.group);
    let row = versions::row_of_kind(&gvk).map(|row| row.group_resource());
    let resource = row.or_else(|| versions::resource_of(&gvk)).unwrap_or_else(guessed);
    ItemId { resource, namespace: manifest.namespace().map(str::to_owned), name: manifest.name().to_owned() }
}

fn text(report: &Report, verbose: u8) -> String {
    let mut text = String::new();
    let limit = if verbose > 0 { usize::MAX } else { SHOWN };
    let of = |severity| report.findings.iter().filter(move |finding| finding.severity == severity);
    let mut all = of(Severity::Error).chain(of(Severity::Warning)).collect::<Vec<_>>();
    if verbose > 0 {
        all.extend(of(Severity::Info));
    }
    for finding in all.iter().take(limit) {
        text.push_str(&line(finding));
        text.push('\n');
    }
    if all.len() > limit {
        text.push_str(&format!("… and {} more; see --verbose or --output json\n", all.len() - limit));
    }
    let Report { searched, errors, warnings, .. } = report;
    text.push_str(&format!("{searched} objects searched: {errors} errors, {warnings} warnings\n"));
    text
}
