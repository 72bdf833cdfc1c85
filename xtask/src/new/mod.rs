//! `new driver|sink|page|decision NAME`: the beginning of one, in its place and on its list. One file
//! per kind.

mod decision;
mod driver;
mod list;
mod page;
mod sink;

use crate::workspace::Workspace;
use anyhow::{Result, bail};
use clap::ValueEnum;

#[derive(clap::Args)]
pub struct Args {
    #[arg(value_enum)]
    kind: Kind,
    /// Small letters, digits and `-`, such as `opc-ua`
    name: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// A field protocol: a crate made from `driver-sim`
    Driver,
    /// A northbound destination: a file in `crates/sinks`
    Sink,
    /// A page of the console, with its route
    Page,
    /// A numbered decision record
    Decision,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let name = Name::parse(&args.name)?;
    let next = match args.kind {
        Kind::Driver => driver::create(workspace, &name)?,
        Kind::Sink => sink::create(workspace, &name)?,
        Kind::Page => page::create(workspace, &name)?,
        Kind::Decision => decision::create(workspace, &name)?,
    };
    println!("{next}");
    Ok(())
}

/// A name in the forms that code wants it in.
pub struct Name {
    /// `opc-ua`
    kebab: String,
}

impl Name {
    pub fn parse(text: &str) -> Result<Name> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let words = text.split('-').all(|word| !word.is_empty() && word.chars().all(letter));
        if !words || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            bail!("`{text}` is no name: small letters, digits and `-`, such as `opc-ua`");
        }
        Ok(Name { kebab: text.to_owned() })
    }

    pub fn kebab(&self) -> &str {
        &self.kebab
    }

    /// `opc_ua`
    pub fn snake(&self) -> String {
        self.kebab.replace('-', "_")
    }

    /// `OpcUa`
    pub fn camel(&self) -> String {
        self.words(|word| word[..1].to_uppercase() + &word[1..], "")
    }

    /// `Opc ua`
    pub fn title(&self) -> String {
        let text = self.kebab.replace('-', " ");
        text[..1].to_uppercase() + &text[1..]
    }

    fn words(&self, each: impl Fn(&str) -> String, between: &str) -> String {
        self.kebab.split('-').map(each).collect::<Vec<_>>().join(between)
    }
}

/// Writes a file that must not be there yet.
fn write_new(workspace: &Workspace, path: &str, text: &str) -> Result<()> {
    if workspace.path(path).exists() {
        bail!("{path} is there already");
    }
    workspace.write(path, text)
}

#[cfg(test)]
mod tests;
