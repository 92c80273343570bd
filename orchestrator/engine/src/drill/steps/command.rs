//! `command`: runs a program of the user's, without any of landfall's rights.

use scenario::steps::command::{Outputs, Params};
use scenario::{Failure, FailureKind};

use crate::drill::step::{StepContext, StepFailed, failed};
use crate::drill::workshop::{CommandAnswer, CommandExit, UserCommand};

const OUTPUT: usize = 64 << 10;
/// Of what a failed command said, so much is shown.
const TAIL: usize = 2000;

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let answer = call(context, params, &params.run).await?;
    let stdout = String::from_utf8_lossy(&answer.stdout).into_owned();
    match answer.exit {
        CommandExit::Code(code) if code == params.exit_code => {
            let json = if answer.cut { None } else { serde_json::from_str(&stdout).ok() };
            Ok(Outputs { exit_code: code, stdout, json })
        }
        _ => Err(refused(&params.run, &answer, params.exit_code)),
    }
}

pub(super) async fn undo(context: &StepContext, params: &Params) -> Result<(), StepFailed> {
    if params.undo.is_empty() {
        return Ok(());
    }
    let left = || vec![format!("what {} made; {} takes it away", params.run.join(" "), params.undo.join(" "))];
    let answer = match call(context, params, &params.undo).await {
        Ok(answer) => answer,
        Err(failure) => return Err(StepFailed { failure, left: left() }),
    };
    match answer.exit {
        CommandExit::Code(0) => Ok(()),
        _ => Err(StepFailed { failure: refused(&params.undo, &answer, 0), left: left() }),
    }
}

async fn call(context: &StepContext, params: &Params, argv: &[String]) -> Result<CommandAnswer, Failure> {
    if argv.first().is_none_or(String::is_empty) {
        return Err(Failure::new(FailureKind::Invalid, "there is no program to run"));
    }
    let mut env = params.env.clone();
    env.insert("LANDFALL_TOKEN".to_owned(), context.token.clone());
    let folder = match &params.folder {
        Some(folder) => context.path(folder),
        None => context.run_folder().to_owned(),
    };
    context.say(format!("running {}", argv.join(" ")));
    let command = UserCommand { argv: argv.to_vec(), env, folder, output_cap: OUTPUT };
    context.workshop.command(&command).await.map_err(|error| failed(format!("failed to run {}", argv[0]), &error))
}

fn refused(argv: &[String], answer: &CommandAnswer, wanted: i32) -> Failure {
    let ended = match answer.exit {
        CommandExit::Code(code) if wanted == 0 => format!("ended with exit code {code}"),
        CommandExit::Code(code) => format!("ended with exit code {code}, not {wanted}"),
        CommandExit::Signal(signal) => format!("was killed by signal {signal}"),
    };
    let said = if answer.stderr.is_empty() { &answer.stdout } else { &answer.stderr };
    let said = String::from_utf8_lossy(&said[said.len().saturating_sub(TAIL)..]);
    let said = said.trim();
    let message = if said.is_empty() {
        format!("{} {ended} and said nothing", argv.join(" "))
    } else {
        format!("{} {ended}: {said}", argv.join(" "))
    };
    Failure::new(FailureKind::Other, message)
}
