//! Commands in containers, over a WebSocket.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, AttachParams};
use kube::{Client, Error as KubeError};
use ports::PortError;
use ports::cluster::{ExecExit, ExecOutcome, ExecRequest};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{path, status};

/// Bytes of each output that are kept; the rest is read and dropped.
const OUTPUT_CAP: usize = 1 << 20;

pub(crate) async fn exec(client: &Client, request: &ExecRequest) -> Result<ExecOutcome, PortError> {
    path::plain(&request.namespace)?;
    path::plain(&request.pod)?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), &request.namespace);
    let params = AttachParams {
        container: Some(request.container.clone()).filter(|name| !name.is_empty()),
        stdin: false,
        stdout: true,
        stderr: true,
        tty: false,
        max_stdin_buf_size: None,
        max_stdout_buf_size: Some(64 << 10),
        max_stderr_buf_size: Some(64 << 10),
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let run = async {
        let mut process = match pods.exec(&request.pod, request.command.clone(), &params).await {
            Ok(process) => process,
            Err(error) => return Err(not_started(error)),
        };
        let (out, err) = (process.stdout(), process.stderr());
        let status = process.take_status();
        let ((), (), status) = tokio::join!(keep(out, &mut stdout), keep(err, &mut stderr), async {
            match status {
                Some(status) => status.await,
                None => None,
            }
        });
        Ok(exit(status))
    };
    let exit = match tokio::time::timeout(request.timeout, Box::pin(run)).await {
        Ok(exit) => exit?,
        Err(_) => ExecExit::TimedOut,
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(ExecOutcome { stdout: text(&stdout), stderr: text(&stderr), exit })
}

/// Reads to the end, so that the command is never held up by us, and keeps the beginning.
async fn keep(reader: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut reader) = reader else { return };
    let mut buffer = vec![0; 16 << 10];
    while let Ok(length @ 1..) = reader.read(&mut buffer).await {
        let room = OUTPUT_CAP.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..length.min(room)]);
    }
}

fn exit(status: Option<Status>) -> ExecExit {
    let Some(status) = status else {
        return ExecExit::Failed("the connection ended before the command did".to_owned());
    };
    if status.status.as_deref() == Some("Success") {
        return ExecExit::Code(0);
    }
    let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    if status.reason.as_deref() == Some("NonZeroExitCode")
        && let Some(code) = code.and_then(|cause| cause.message.as_deref()?.trim().parse().ok())
    {
        return ExecExit::Code(code);
    }
    ExecExit::Failed(status.message.unwrap_or_else(|| "the command could not be run".to_owned()))
}

fn not_started(error: KubeError) -> PortError {
    match error {
        KubeError::Api(refused) => {
            let code = http::StatusCode::from_u16(refused.code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
            let reason = Some(refused.reason.as_str()).filter(|reason| !reason.is_empty());
            status::stated(code, reason, &refused.message)
        }
        error => status::transport("exec", error),
    }
}
