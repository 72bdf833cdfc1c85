//! Commands about devices and their values.

use super::client::Client;
use super::{table, watch};
use anyhow::{Context, bail};
use clap::Subcommand;
use hyper::Method;
use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;
use tagwerk_api::{
    Anything, Command as Written, CommandState, Device, List, NewCommand, Page, Severity, Status,
    Tag,
};

#[derive(Subcommand)]
pub enum Command {
    /// Tell how the edge fares; succeeds only when all is well
    Status,
    /// List the devices
    Devices,
    /// List tags with their values
    Tags {
        /// Only this device's
        device: Option<String>,
        /// Part of the name, description or address
        #[arg(long)]
        filter: Option<String>,
        /// Only those without a good value
        #[arg(long)]
        bad: bool,
    },
    /// Read a tag from its device now
    Read {
        #[arg(value_name = "DEVICE/TAG")]
        tag: String,
    },
    /// Write a value to a device
    Write {
        #[arg(value_name = "DEVICE/TAG")]
        tag: String,
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Do not ask first
        #[arg(long)]
        yes: bool,
        /// Not sent any more after this time, such as 10s
        #[arg(long)]
        expires: Option<String>,
        /// An id of your own; a repeat with the same id is not sent again
        #[arg(long)]
        id: Option<String>,
    },
    /// Print values as they change
    Watch {
        /// A device, or tags as DEVICE/TAG; the status when missing
        #[arg(value_name = "DEVICE|DEVICE/TAG")]
        what: Vec<String>,
    },
}

pub async fn run(client: Client, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Status => status(&client).await,
        Command::Devices => devices(&client).await,
        Command::Tags { device, filter, bad } => tags(&client, device, filter, bad).await,
        Command::Read { tag } => {
            let path = tag_path(&tag, "/read")?;
            let answer = client.send(Method::POST, &path, &[], "".into()).await?;
            match client.json {
                true => println!("{}", answer.text()),
                false => print_tags(&[answer.parse()?]),
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Write { tag, value, yes, expires, id } => {
            write(&client, &tag, &value, yes, expires.as_deref(), id).await
        }
        Command::Watch { what } => watch::run(&client, &what).await,
    }
}

fn tag_path(name: &str, rest: &str) -> anyhow::Result<String> {
    let (device, tag) =
        name.split_once('/').with_context(|| format!("{name} is not DEVICE/TAG"))?;
    let (device, tag) = (crate::show::encoded(device), crate::show::encoded(tag));
    Ok(format!("/api/v1/devices/{device}/tags/{tag}{rest}"))
}

async fn status(client: &Client) -> anyhow::Result<ExitCode> {
    let answer = client.get("/api/v1/status").await?;
    let status: Status = answer.parse()?;
    let code = if status.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if client.json {
        println!("{}", answer.text());
        return Ok(code);
    }
    println!("{} runs Tagwerk {} since {}", status.edge, status.version, status.started_at);
    match &status.config {
        None => println!("no configuration; apply one with `tagwerk apply FILE`"),
        Some(c) => {
            println!("configuration {}, applied by {} at {}", c.revision, c.by, c.applied_at)
        }
    }
    let (devices, tags) = (status.devices, status.tags);
    println!(
        "{} devices: {} online, {} not, {} disabled",
        devices.total, devices.online, devices.offline, devices.disabled
    );
    println!(
        "{} tags: {} good, {} uncertain, {} bad, {} stale",
        tags.total, tags.good, tags.uncertain, tags.bad, tags.stale
    );
    for sink in &status.sinks {
        let state = format!("{:?}", sink.state).to_lowercase();
        println!("sink {}: {state}, {} samples wait", sink.name, sink.backlog_samples);
    }
    for problem in &status.problems {
        println!("\n{}, since {}", problem.subject, problem.since);
        println!("  {}", problem.cause);
        println!("  the edge: {}", problem.doing);
        println!("  you: {}", problem.remedy);
    }
    if status.problems.is_empty() {
        println!("all is well");
    }
    Ok(code)
}

async fn devices(client: &Client) -> anyhow::Result<ExitCode> {
    let answer = client.get("/api/v1/devices").await?;
    if client.json {
        println!("{}", answer.text());
        return Ok(ExitCode::SUCCESS);
    }
    let list: List<Device> = answer.parse()?;
    let rows: Vec<Vec<String>> = list
        .items
        .into_iter()
        .map(|device| {
            let tags = device.tags;
            vec![
                device.name,
                format!("{:?}", device.state).to_lowercase(),
                device.link,
                format!("{}/{}", tags.good, tags.total),
                device.reason.unwrap_or_default(),
            ]
        })
        .collect();
    table::print(&["DEVICE", "STATE", "LINK", "GOOD", "REASON"], &rows);
    Ok(ExitCode::SUCCESS)
}

async fn tags(
    client: &Client,
    device: Option<String>,
    filter: Option<String>,
    bad: bool,
) -> anyhow::Result<ExitCode> {
    let base = match device {
        Some(device) => format!("/api/v1/devices/{}/tags", crate::show::encoded(&device)),
        None => "/api/v1/tags".to_owned(),
    };
    let mut query = "limit=1000".to_owned();
    if let Some(filter) = filter {
        query.push_str(&format!("&filter={}", crate::show::encoded(&filter)));
    }
    if bad {
        query.push_str("&quality=bad");
    }
    let mut offset = 0;
    loop {
        let answer = client.get(&format!("{base}?{query}&offset={offset}")).await?;
        let page: Page<Tag> = answer.parse()?;
        match client.json {
            true => println!("{}", answer.text()),
            false => print_tags(&page.items),
        }
        match page.next {
            Some(next) => offset = next,
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn print_tags(tags: &[Tag]) {
    let rows: Vec<Vec<String>> = tags
        .iter()
        .map(|tag| {
            let unit = tag.unit.as_deref().unwrap_or_default();
            let value = tag.text.as_deref().unwrap_or("-");
            vec![
                format!("{}/{}", tag.device, tag.name),
                format!("{value} {unit}").trim_end().to_owned(),
                match tag.quality.severity {
                    Severity::Good if tag.stale => "stale".to_owned(),
                    Severity::Good => "good".to_owned(),
                    _ => tag.quality.reason.clone(),
                },
                table::age(tag.age_ms),
            ]
        })
        .collect();
    table::print(&["TAG", "VALUE", "QUALITY", "AGE"], &rows);
}

async fn write(
    client: &Client,
    name: &str,
    value: &str,
    yes: bool,
    expires: Option<&str>,
    id: Option<String>,
) -> anyhow::Result<ExitCode> {
    let tag: Tag = client.get_as(&tag_path(name, "")?).await?;
    // Text may be given without its quotes; anything else is JSON as it stands.
    let value = match tag.data_type.as_str() {
        "text" | "bytes" if !value.starts_with('"') => serde_json::Value::from(value),
        _ => serde_json::from_str(value).with_context(|| {
            format!("{value} is no value of the type {}; write it as JSON", tag.data_type)
        })?,
    };
    let expires = expires.map(|text| {
        tagwerk_component::Duration::parse(text)
            .with_context(|| format!("{text} is no duration such as 10s"))
    });
    let expires_in_ms = expires.transpose()?.map(|d| crate::show::milliseconds(d.0));
    if !yes && !confirmed(&tag, &value)? {
        println!("nothing was written");
        return Ok(ExitCode::FAILURE);
    }
    let command = NewCommand {
        id,
        device: tag.device,
        tag: tag.name,
        value: Anything::from(value),
        expires_in_ms,
        wait_ms: None,
    };
    let answer = client.send_json(Method::POST, "/api/v1/commands", &command).await?;
    let written: Written = answer.parse()?;
    let done = written.state == CommandState::Done;
    if client.json {
        println!("{}", answer.text());
    } else {
        let state = format!("{:?}", written.state).to_lowercase();
        let reason = written.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        println!("command {} is {state}{reason}", written.id);
    }
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn confirmed(tag: &Tag, value: &serde_json::Value) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked here; add --yes to write without asking");
    }
    let now = tag.text.as_deref().unwrap_or("not known");
    print!("Write {value} to {}/{}, which is {now}? [y/N] ", tag.device, tag.name);
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
