//! `landfall sandbox`: up, down, list, kubeconfig.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sandbox::sandbox::RealNode;
use sandbox::{Down, Release, Sandbox, SandboxName, State, UpRequest};
use serde::Serialize;

use super::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::printer::table;
use crate::progress::SandboxNews;

#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Start a control plane, or show the one that runs under this name.
    ///
    /// Without --detach it lives until this command ends: press Ctrl-C.
    ///
    /// Example: landfall sandbox up source --kubernetes 1.24 --nodes 3 --detach
    Up(UpArgs),
    /// Stop a sandbox and remove everything that is left of it but its logs.
    ///
    /// Example: landfall sandbox down source
    Down(DownArgs),
    /// Show all sandboxes.
    ///
    /// Example: landfall sandbox list --output json
    List,
    /// Print the path of a sandbox's kubeconfig, or its content.
    ///
    /// Example: KUBECONFIG=$(landfall sandbox kubeconfig source) kubectl get nodes
    Kubeconfig(KubeconfigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Lower-case letters, digits and dashes.
    name: String,
    /// Release: 1.36 or 1.24.
    #[arg(long, default_value = "1.36", value_name = "VERSION")]
    kubernetes: String,
    /// Fake nodes; pods on them become ready without running. Brings the controllers with it.
    #[arg(long, default_value_t = 0, value_name = "N")]
    nodes: u32,
    /// Run kube-controller-manager and kube-scheduler too.
    #[arg(long)]
    controllers: bool,
    /// Add one node that really runs pods. Needs root on Linux.
    #[arg(long)]
    real_node: bool,
    /// Leave it running when this command ends.
    #[arg(long)]
    detach: bool,
    /// Port of the apiserver; a free one by default.
    #[arg(long)]
    port: Option<u16>,
    /// List what the server serves once it is ready, then go on.
    #[arg(long)]
    show: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    #[arg(required_unless_present = "all")]
    names: Vec<String>,
    /// Every sandbox.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Remove the logs too: nothing is left on the disk.
    #[arg(long)]
    purge: bool,
    /// Before they are removed, move the logs of each into a folder of its name in this one.
    #[arg(long, value_name = "DIR", requires = "purge")]
    keep_logs: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct KubeconfigArgs {
    name: String,
    /// Print the file's content instead of its path.
    #[arg(long)]
    raw: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    state: String,
    kubernetes: Option<String>,
    nodes: u32,
    real_node: bool,
    detached: bool,
    server: Option<String>,
    kubeconfig: String,
    logs: String,
    /// Only when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    serves: Option<Vec<Served>>,
}

#[derive(Debug, Serialize)]
struct Served {
    resource: String,
    version: String,
    scope: &'static str,
}

pub(crate) async fn run(command: SandboxCommand, context: &Context) -> Outcome {
    match command {
        SandboxCommand::Up(args) => up(args, context).await,
        SandboxCommand::Down(args) => down(args, context).await,
        SandboxCommand::List => list(context),
        SandboxCommand::Kubeconfig(args) => kubeconfig(&args, context),
    }
}

async fn up(args: UpArgs, context: &Context) -> Outcome {
    let settings = context.settings.sandbox()?;
    let mut request = UpRequest::new(SandboxName::parse(&args.name)?);
    request.kubernetes = Release::parse(&args.kubernetes)?;
    request.nodes = args.nodes;
    request.controllers = args.controllers;
    request.real_node = args.real_node.then(RealNode::default);
    request.detach = args.detach;
    request.port = args.port;
    let news = SandboxNews::new(context.printer);
    let sandbox = Sandbox::up(&settings, &request, &news).await?;
    drop(news);
    let mut shown = shown(&sandbox::status(&settings, &request.name)?);
    if args.show {
        shown.serves = Some(served(&sandbox.kubeconfig()).await?);
    }
    context.printer.value(&shown, one)?;
    if args.detach || sandbox.was_running() {
        sandbox.detach()?;
        return Ok(Exit::Good);
    }
    context.printer.say("press Ctrl-C to end it");
    let mut sandbox = sandbox;
    tokio::select! {
        signal = tokio::signal::ctrl_c() => {
            signal.map_err(anyhow::Error::from)?;
            let news = SandboxNews::new(context.printer);
            sandbox.down(&settings, &news).await?;
            Ok(Exit::Good)
        }
        why = sandbox.ended() => Err(Failure::from(anyhow::anyhow!("the sandbox ended: {why}")).exit(Exit::NotGood)),
    }
}

async fn served(kubeconfig: &Path) -> Result<Vec<Served>, Failure> {
    let cluster = cluster::KubeCluster::from_kubeconfig_file(kubeconfig, None).await?;
    let discovery = ports::Cluster::discover(&cluster).await?;
    let served = discovery.catalog.preferred_resources().into_iter().map(|resource| Served {
        resource: resource.group_resource().to_string(),
        version: resource.group_version().to_string(),
        scope: if resource.namespaced { "namespaced" } else { "cluster" },
    });
    Ok(served.collect())
}

async fn down(args: DownArgs, context: &Context) -> Outcome {
    let settings = context.settings.sandbox()?;
    let names = match args.all {
        true => sandbox::list(&settings)?.into_iter().map(|status| status.name).collect(),
        false => args.names.iter().map(|name| SandboxName::parse(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let news = SandboxNews::new(context.printer);
    for name in names {
        let down = match args.purge {
            true => {
                let logs = args.keep_logs.as_ref().map(|folder| folder.join(name.as_str()));
                sandbox::purge(&settings, &name, logs.as_deref(), &news).await?
            }
            false => sandbox::down(&settings, &name, &news).await?,
        };
        match down {
            Down::Nothing => context.printer.say(&format!("there is no sandbox {name}")),
            Down::Ended { processes } => {
                context.printer.say(&format!("sandbox {name} is gone ({processes} processes)"))
            }
        }
    }
    Ok(Exit::Good)
}

fn list(context: &Context) -> Outcome {
    let all: Vec<Shown> = sandbox::list(&context.settings.sandbox()?)?.iter().map(shown).collect();
    context.printer.value(&all, |all| {
        let rows = all.iter().map(|s| {
            let nodes = if s.real_node { format!("{} + real", s.nodes) } else { s.nodes.to_string() };
            vec![
                s.name.clone(),
                s.state.clone(),
                s.kubernetes.clone().unwrap_or_default(),
                nodes,
                s.server.clone().unwrap_or_default(),
            ]
        });
        table(&["name", "state", "kubernetes", "nodes", "server"], rows)
    })?;
    Ok(Exit::Good)
}

fn kubeconfig(args: &KubeconfigArgs, context: &Context) -> Outcome {
    let path = sandbox::kubeconfig(&context.settings.sandbox()?, &SandboxName::parse(&args.name)?)?;
    if args.raw {
        context.printer.raw(&std::fs::read(&path).map_err(anyhow::Error::from)?)?;
    } else {
        context.printer.raw(format!("{}\n", path.display()).as_bytes())?;
    }
    Ok(Exit::Good)
}

fn shown(status: &sandbox::Status) -> Shown {
    let state = match &status.state {
        State::Running => "running".to_owned(),
        State::Starting => "starting".to_owned(),
        State::Broken { ended } => format!("broken: {} ended", ended.join(", ")),
        State::Ended => "ended".to_owned(),
    };
    Shown {
        name: status.name.to_string(),
        state,
        kubernetes: status.kubernetes.map(|release| release.to_string()),
        nodes: status.nodes,
        real_node: status.real_node,
        detached: status.detached,
        server: status.server.clone(),
        kubeconfig: status.kubeconfig.display().to_string(),
        logs: status.logs.display().to_string(),
        serves: None,
    }
}

fn one(shown: &Shown) -> String {
    let mut text = format!("{} {}\n", shown.name, shown.state);
    for (key, value) in [
        ("kubernetes", shown.kubernetes.clone().unwrap_or_default()),
        ("server", shown.server.clone().unwrap_or_default()),
        ("kubeconfig", shown.kubeconfig.clone()),
        ("logs", shown.logs.clone()),
    ] {
        text.push_str(&format!("  {key:<11} {value}\n"));
    }
    if let Some(serves) = &shown.serves {
        let row = |one: &Served| vec![one.resource.clone(), one.version.clone(), one.scope.to_owned()];
        text.push_str(&table(&["resource", "version", "scope"], serves.iter().map(row)));
    }
    text
}
