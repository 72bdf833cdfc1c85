//! Values as they change, from the live stream.

use super::client::Client;
use anyhow::{Context, bail};
use http_body_util::BodyExt;
use hyper::Method;
use std::process::ExitCode;
use tagwerk_api::{LiveTags, Severity, Status};

/// The longest event that is read. Longer: the stream is not an edge's.
const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

pub async fn run(client: &Client, what: &[String]) -> anyhow::Result<ExitCode> {
    let encoded = |text: &str| crate::show::encoded(text);
    let query = match what {
        [] => String::new(),
        [device] if !device.contains('/') => format!("?device={}", encoded(device)),
        tags if tags.iter().all(|tag| tag.contains('/')) => {
            format!("?tags={}", encoded(&tags.join(",")))
        }
        _ => bail!("name one device, or any number of tags as DEVICE/TAG"),
    };
    let path = format!("/api/v1/live{query}");
    let response = client.open(Method::GET, &path, &[], "".into()).await?;
    if !response.status().is_success() {
        // The refusal's words come with an ordinary request; a stream has none.
        client.get(&path).await?;
        bail!("the edge does not stream");
    }
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.context("the edge hung up")?;
        text.extend_from_slice(frame.data_ref().map_or(&[][..], |bytes| bytes));
        while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = text.drain(..end + 2).collect();
            show(client, &String::from_utf8_lossy(&event), what.is_empty())?;
        }
        if text.len() > EVENT_BYTES_MAX {
            bail!("an event is longer than {EVENT_BYTES_MAX} bytes");
        }
    }
    bail!("the edge ended the stream")
}

fn show(client: &Client, event: &str, with_status: bool) -> anyhow::Result<()> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    let (Some(name), Some(data)) = (field("event: "), field("data: ")) else { return Ok(()) };
    match name {
        "tags" if client.json => println!("{data}"),
        "status" if client.json && with_status => println!("{data}"),
        "tags" => {
            let live: LiveTags = serde_json::from_str(data).context("an event has another form")?;
            for tag in live.tags {
                let time = tag.time.map(|time| time.0).unwrap_or_default();
                let value = tag.text.unwrap_or_else(|| "-".to_owned());
                let quality = match tag.quality {
                    Severity::Good => String::new(),
                    _ => format!("  ({})", tag.reason.unwrap_or_default()),
                };
                println!("{time}  {}/{}  {value}{quality}", tag.device, tag.name);
            }
        }
        "status" if with_status => {
            let s: Status = serde_json::from_str(data).context("an event has another form")?;
            println!(
                "{}  {}/{} devices online, {}/{} tags good, {} problems",
                s.now,
                s.devices.online,
                s.devices.total,
                s.tags.good,
                s.tags.total,
                s.problems.len()
            );
        }
        _ => {}
    }
    Ok(())
}
