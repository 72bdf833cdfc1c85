//! Commands for commissioning: trying devices, watching what goes over the wire, and what happened.

use super::client::Client;
use super::table;
use anyhow::{Context, bail};
use clap::Subcommand;
use hyper::Method;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tagwerk_api::{
    Anything, BrowseAnswer, BrowseTrial, Direction, Events, Finding, Frame, ReadAnswer,
    TraceAnswer, TraceSwitch, Trial, TrialProblem, Weight,
};

/// A device in a file of its own.
const DEVICE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How often a log that is followed is asked for.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

#[derive(Subcommand)]
pub enum Command {
    /// Try a device before it is saved
    #[command(subcommand)]
    Trial(TrialCommand),
    /// Follow what goes over a device's wire, until interrupted
    Trace {
        device: String,
        /// Only print what was recorded, and end
        #[arg(long)]
        once: bool,
        /// Leave it on afterwards; it turns itself off after an hour
        #[arg(long)]
        keep_on: bool,
    },
    /// List what happened, newest first
    Events {
        /// login, configuration, access, command, device, sink, system, secret or certificate
        #[arg(long)]
        kind: Option<String>,
        /// Part of the text, the subject or who did it
        #[arg(long)]
        text: Option<String>,
        /// How many
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
}

/// The file has one device as JSON, as in the document.
#[derive(Subcommand)]
pub enum TrialCommand {
    /// Read every tag of a device once
    Read {
        file: PathBuf,
        /// Print what went over the wire
        #[arg(long)]
        frames: bool,
    },
    /// List what there is in a device
    Browse {
        file: PathBuf,
        /// Below which node, by its id
        #[arg(default_value = "")]
        node: String,
        /// Print what went over the wire
        #[arg(long)]
        frames: bool,
    },
}

pub async fn run(client: Client, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Trial(TrialCommand::Read { file, frames }) => read(&client, &file, frames).await,
        Command::Trial(TrialCommand::Browse { file, node, frames }) => {
            browse(&client, &file, node, frames).await
        }
        Command::Trace { device, once, keep_on } => trace(&client, &device, once, keep_on).await,
        Command::Events { kind, text, limit } => events(&client, kind, text, limit).await,
    }
}

fn device(client: &Client, file: &Path) -> anyhow::Result<Anything> {
    let bytes = client
        .env()
        .disk
        .read(file, DEVICE_BYTES_MAX)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} has no device as JSON", file.display()))
}

async fn read(client: &Client, file: &Path, frames: bool) -> anyhow::Result<ExitCode> {
    let trial = Trial { device: device(client, file)?, templates: None };
    let answer = client.send_json(Method::POST, "/api/v1/trials/read", &trial).await?;
    let read: ReadAnswer = answer.parse()?;
    let code = if read.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if client.json {
        println!("{}", answer.text());
        return Ok(code);
    }
    tell(&read.findings, read.problem.as_ref());
    if frames {
        read.frames.iter().for_each(print_frame);
    }
    let rows: Vec<Vec<String>> = read
        .values
        .into_iter()
        .map(|value| {
            let unit = value.unit.unwrap_or_default();
            let text = value.text.unwrap_or_else(|| "-".to_owned());
            vec![
                format!("{}/{}", value.group, value.tag),
                value.address,
                format!("{text} {unit}").trim_end().to_owned(),
                value.quality.reason,
            ]
        })
        .collect();
    table::print(&["TAG", "ADDRESS", "VALUE", "QUALITY"], &rows);
    Ok(code)
}

async fn browse(
    client: &Client,
    file: &Path,
    node: String,
    frames: bool,
) -> anyhow::Result<ExitCode> {
    let mut trial =
        BrowseTrial { device: device(client, file)?, templates: None, node, after: None };
    loop {
        let answer = client.send_json(Method::POST, "/api/v1/trials/browse", &trial).await?;
        let page: BrowseAnswer = answer.parse()?;
        if client.json {
            println!("{}", answer.text());
        } else {
            tell(&page.findings, page.problem.as_ref());
            if frames {
                page.frames.iter().for_each(print_frame);
            }
            let rows: Vec<Vec<String>> = page
                .nodes
                .into_iter()
                .map(|node| {
                    vec![
                        node.name + if node.inside { "/" } else { "" },
                        node.address.unwrap_or_default(),
                        node.data_type.unwrap_or_default(),
                        node.id,
                    ]
                })
                .collect();
            table::print(&["NAME", "ADDRESS", "TYPE", "ID"], &rows);
        }
        if !page.ok {
            return Ok(ExitCode::FAILURE);
        }
        match page.more {
            Some(more) => trial.after = Some(more),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn tell(findings: &[Finding], problem: Option<&TrialProblem>) {
    for finding in findings {
        let weight = match finding.weight {
            Weight::Error => "error",
            Weight::Warning => "warning",
        };
        println!("{weight}: {}: {}; {}", finding.path, finding.problem, finding.remedy);
    }
    if let Some(problem) = problem {
        println!("{}\n{}", problem.problem, problem.remedy);
    }
}

async fn trace(
    client: &Client,
    device: &str,
    once: bool,
    keep_on: bool,
) -> anyhow::Result<ExitCode> {
    let path = format!("/api/v1/devices/{}/trace", crate::show::encoded(device));
    let mut after = 0;
    if !once {
        let switched = client.send_json(Method::PUT, &path, &TraceSwitch { on: true }).await?;
        after = switched.parse::<TraceAnswer>()?.next;
    }
    let follow = async {
        loop {
            let answer = client.get(&format!("{path}?after={after}&limit=1000")).await?;
            let trace: TraceAnswer = answer.parse()?;
            match client.json {
                true if trace.frames.is_empty() && !once => {}
                true => println!("{}", answer.text()),
                false => trace.frames.iter().for_each(print_frame),
            }
            let all = trace.frames.is_empty() || trace.next == after;
            after = trace.next;
            if once && all {
                return anyhow::Ok(());
            }
            if !once && !trace.on {
                bail!("the log was turned off");
            }
            if all {
                let clock = &client.env().clock;
                clock.sleep_until(clock.now().after(FOLLOW_EVERY)).await;
            }
        }
    };
    let ended = tokio::select! {
        ended = follow => ended,
        // The end that a person asks for.
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    if !once && !keep_on {
        client.send_json(Method::PUT, &path, &TraceSwitch { on: false }).await?;
    }
    ended.map(|()| ExitCode::SUCCESS)
}

fn print_frame(frame: &Frame) {
    let arrow = match frame.direction {
        Direction::Sent => "->",
        Direction::Received => "<-",
        Direction::Note => "--",
    };
    let device = frame.device.as_deref().unwrap_or_default();
    println!("{} {arrow} {device} {}", frame.at, frame.meaning);
    if !frame.hex.is_empty() {
        println!("    {} ({} bytes)", frame.hex, frame.bytes);
    }
}

async fn events(
    client: &Client,
    kind: Option<String>,
    text: Option<String>,
    limit: u64,
) -> anyhow::Result<ExitCode> {
    let mut path = format!("/api/v1/events?limit={limit}");
    for (name, value) in [("kind", kind), ("text", text)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", crate::show::encoded(&value)));
        }
    }
    let answer = client.get(&path).await?;
    if client.json {
        println!("{}", answer.text());
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = answer
        .parse::<Events>()?
        .items
        .into_iter()
        .map(|event| {
            let word = |word: String| word.to_lowercase();
            vec![
                event.at.0,
                word(format!("{:?}", event.kind)),
                word(format!("{:?}", event.severity)),
                event.by.unwrap_or_default(),
                event.subject.unwrap_or_default(),
                event.text,
            ]
        })
        .collect();
    table::print(&["AT", "KIND", "WEIGHT", "BY", "SUBJECT", "WHAT"], &rows);
    Ok(ExitCode::SUCCESS)
}
