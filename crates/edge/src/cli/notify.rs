//! Commands about notifications.

use super::client::Client;
use super::table;
use anyhow::Context;
use clap::Subcommand;
use hyper::Method;
use std::process::ExitCode;
use tagwerk_api::{Notify, NotifyState, NotifyTest};

#[derive(Subcommand)]
pub enum Command {
    /// Who is told of alarms
    #[command(subcommand)]
    Notify(NotifyCommand),
}

#[derive(Subcommand)]
pub enum NotifyCommand {
    /// List the channels and what became of their messages
    List,
    /// Send a test by a channel, and say what the server answered
    Test { channel: String },
}

pub async fn run(client: Client, Command::Notify(command): Command) -> anyhow::Result<ExitCode> {
    match command {
        NotifyCommand::List => {
            let answer = client.get("/api/v1/notify").await?;
            match client.json {
                true => println!("{}", answer.text()),
                false => print(&answer.parse()?),
            }
            Ok(ExitCode::SUCCESS)
        }
        NotifyCommand::Test { channel } => {
            let name = crate::show::encoded(&channel);
            let path = format!("/api/v1/notify/channels/{name}/test");
            let answer = client.send(Method::POST, &path, &[], "".into()).await?;
            let test: NotifyTest = answer.parse().context("the outcome of the test")?;
            match client.json {
                true => println!("{}", answer.text()),
                false => test.answers.iter().for_each(|answer| {
                    let word = if answer.ok { "taken" } else { "not taken" };
                    println!("{}: {word}: {}", answer.recipient, answer.answer);
                }),
            }
            Ok(if test.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn print(notify: &Notify) {
    let rows: Vec<Vec<String>> = notify
        .channels
        .iter()
        .map(|channel| {
            let state = match channel.state {
                NotifyState::Unused => "unused",
                NotifyState::Delivering => "delivering",
                NotifyState::Failing => "failing",
            };
            let failure = channel.last_failure.as_ref();
            let failure = failure.filter(|_| channel.state == NotifyState::Failing);
            vec![
                channel.name.clone(),
                channel.kind.clone(),
                state.to_owned(),
                channel.delivered.to_string(),
                (channel.waiting_messages + channel.waiting_alarms).to_string(),
                channel.given_up.to_string(),
                failure.map(|failure| failure.cause.clone()).unwrap_or_default(),
            ]
        })
        .collect();
    let heads = ["CHANNEL", "KIND", "STATE", "DELIVERED", "WAITING", "GIVEN UP", "CAUSE"];
    table::print(&heads, &rows);
}
