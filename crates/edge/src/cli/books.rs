//! Commands about the ledger and dead letters.

use super::client::Client;
use super::table;
use clap::{Args, Subcommand};
use hyper::Method;
use std::process::ExitCode;
use tagwerk_api::{Cause, DeadLetter, DeadLetterAnswer, DeadLetterChoice, Ledger, Page};

#[derive(Subcommand)]
pub enum Command {
    /// What was expected, stored and delivered in a time, and what is missing and why
    Ledger(LedgerArguments),
    /// Messages that destinations refused for good
    #[command(subcommand)]
    DeadLetters(DeadLetterCommand),
}

#[derive(Args)]
pub struct LedgerArguments {
    /// Beginning, such as 2026-11-20T00:00:00Z; an hour before the end unless told
    #[arg(long)]
    from: Option<String>,
    /// End; now unless told
    #[arg(long)]
    to: Option<String>,
    /// Only this device
    #[arg(long)]
    device: Option<String>,
}

#[derive(Subcommand)]
pub enum DeadLetterCommand {
    /// List them, newest first
    List {
        /// Only this sink
        #[arg(long)]
        sink: Option<String>,
    },
    /// Deliver them once more: these, or all of the sink
    Retry { sink: String, id: Vec<String> },
    /// Give them up: these, or all of the sink
    Discard { sink: String, id: Vec<String> },
    /// Print their samples, one JSON object per line
    Export {
        /// Only this sink
        #[arg(long)]
        sink: Option<String>,
    },
}

pub async fn run(client: Client, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Ledger(arguments) => ledger(&client, &arguments).await?,
        Command::DeadLetters(DeadLetterCommand::List { sink }) => {
            let answer =
                client.get(&with("/api/v1/dead-letters?limit=1000", "sink", &sink)).await?;
            match client.json {
                true => println!("{}", answer.text()),
                false => letters(answer.parse::<Page<DeadLetter>>()?.items),
            }
        }
        Command::DeadLetters(DeadLetterCommand::Export { sink }) => {
            let path = with("/api/v1/dead-letters/export?", "sink", &sink);
            print!("{}", client.get(path.trim_end_matches('?')).await?.text());
        }
        Command::DeadLetters(DeadLetterCommand::Retry { sink, id }) => {
            let letters = choose(&client, "retry", sink, id).await?;
            println!("{letters} dead letters are to be delivered once more");
        }
        Command::DeadLetters(DeadLetterCommand::Discard { sink, id }) => {
            let letters = choose(&client, "discard", sink, id).await?;
            println!("{letters} dead letters given up");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The path with one more parameter, where it is given.
fn with(path: &str, name: &str, value: &Option<String>) -> String {
    match value {
        None => path.to_owned(),
        Some(value) => format!("{path}&{name}={}", crate::show::encoded(value)),
    }
}

async fn choose(
    client: &Client,
    what: &str,
    sink: String,
    ids: Vec<String>,
) -> anyhow::Result<u64> {
    let ids = (!ids.is_empty()).then_some(ids);
    let path = format!("/api/v1/dead-letters/{what}");
    let answer = client.send_json(Method::POST, &path, &DeadLetterChoice { sink, ids }).await?;
    Ok(answer.parse::<DeadLetterAnswer>()?.letters)
}

async fn ledger(client: &Client, arguments: &LedgerArguments) -> anyhow::Result<()> {
    let path = with("/api/v1/ledger?", "from", &arguments.from);
    let path = with(&path, "to", &arguments.to);
    let path = with(&path, "device", &arguments.device);
    let path = path.replacen("?&", "?", 1);
    let answer = client.get(path.trim_end_matches('?')).await?;
    if client.json {
        println!("{}", answer.text());
        return Ok(());
    }
    let ledger: Ledger = answer.parse()?;
    let sum = |causes: &[Cause]| causes.iter().map(|cause| cause.samples).sum::<u64>();
    let account = &ledger.account;
    println!("{} to {}", ledger.from.0, ledger.to.0);
    println!(
        "{} samples expected: {} good, {} uncertain, {} without a value, {} unchanged, {} not read",
        account.expected,
        account.good,
        account.uncertain,
        sum(&account.bad),
        account.suppressed,
        sum(&account.missed)
    );
    let rows = ledger.sinks.into_iter().map(|sink| {
        let counts = [sink.delivered, sink.pending, sink.rejected, sum(&sink.lost)];
        let counts = counts.map(|count| count.to_string());
        [vec![sink.sink, sink.state], counts.to_vec(), vec![sink.doing.unwrap_or_default()]]
            .concat()
    });
    let heads = ["SINK", "STATE", "DELIVERED", "PENDING", "REFUSED", "LOST", "NOW"];
    table::print(&heads, &rows.collect::<Vec<_>>());
    let rows = ledger.deviations.into_iter().map(|found| {
        let place = [found.device, found.group, found.sink].into_iter().flatten();
        let until = if found.open { "still".to_owned() } else { found.to.0 };
        let place = place.collect::<Vec<_>>().join("/");
        vec![place, found.from.0, until, found.samples.to_string(), found.text]
    });
    table::print(&["MISSING", "FROM", "TO", "SAMPLES", "WHY"], &rows.collect::<Vec<_>>());
    Ok(())
}

fn letters(letters: Vec<DeadLetter>) {
    let rows = letters.into_iter().map(|letter| {
        let place = format!("{}/{}", letter.device, letter.group);
        let samples = letter.samples.to_string();
        vec![letter.id, letter.sink, letter.time.0, place, samples, letter.reason]
    });
    let heads = ["ID", "SINK", "TIME", "GROUP", "SAMPLES", "REASON"];
    table::print(&heads, &rows.collect::<Vec<_>>());
}
