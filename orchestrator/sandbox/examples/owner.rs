//! An owner to be killed by this crate's own tests: brings a sandbox up, tells each step on stdout, then waits.

use std::io::Write;
use std::path::PathBuf;

use sandbox::{Event, RealNode, Release, Sandbox, SandboxName, Settings, Supervisor, UpRequest};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [supervisor, cache, state, assets, path, name, release, nodes, detach, real] = arguments.as_slice() else {
        tell("ten arguments are needed");
        return;
    };
    let supervisor = Supervisor { program: PathBuf::from(supervisor), arguments: Vec::new() };
    let mut settings = Settings::new(PathBuf::from(cache), PathBuf::from(state), supervisor);
    settings.assets = std::env::split_paths(assets).filter(|path| !path.as_os_str().is_empty()).collect();
    settings.path = std::env::split_paths(path).collect();
    let (Ok(name), Ok(kubernetes), Ok(nodes)) = (SandboxName::parse(name), Release::parse(release), nodes.parse())
    else {
        tell("bad arguments");
        return;
    };
    let real_node = (real == "real").then(RealNode::default);
    let request = UpRequest { kubernetes, nodes, real_node, detach: detach == "detach", ..UpRequest::new(name) };
    match Sandbox::up(&settings, &request, &|event: Event| tell(&format!("{event:?}"))).await {
        Ok(sandbox) => {
            tell(&format!("up {}", sandbox.server()));
            if !request.detach {
                std::future::pending::<()>().await;
            }
        }
        Err(error) => tell(&format!("error {error:?}")),
    }
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
