//! `tidy`: the rules of ARCHITECTURE.md and STYLE.md that a program can hold. One file per subject;
//! each gives its complaints as lines, and all are printed at once.

mod arrows;
mod papers;
mod size;
mod source;
mod text;

pub use papers::LIMITS;

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};

#[derive(clap::Args, Default)]
pub struct Args {
    /// Lower the entries of tidy-exceptions.txt to what is measured now
    #[arg(long)]
    shrink: bool,
}

/// A file of the repository that is text.
pub struct TextFile {
    pub path: String,
    pub text: String,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let files = text_files(workspace)?;
    if args.shrink {
        size::shrink(workspace, &files)?;
    }
    let mut complaints = Vec::new();
    complaints.extend(arrows::check(workspace)?);
    complaints.extend(files.iter().flat_map(text::check));
    complaints.extend(files.iter().flat_map(source::check));
    complaints.extend(size::check(workspace, &files)?);
    complaints.extend(papers::check(workspace, &files)?);
    if complaints.is_empty() {
        println!("tidy: {} files keep the rules", files.len());
        return Ok(());
    }
    complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
    bail!("{} breaches of the rules in ARCHITECTURE.md and STYLE.md", complaints.len());
}

fn text_files(workspace: &Workspace) -> Result<Vec<TextFile>> {
    let mut files = Vec::new();
    for path in workspace.files()? {
        let bytes =
            std::fs::read(workspace.path(&path)).with_context(|| format!("reading {path}"))?;
        if let Ok(text) = String::from_utf8(bytes)
            && !text.contains('\0')
        {
            files.push(TextFile { path, text });
        }
    }
    Ok(files)
}

impl TextFile {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Test code lives in files and folders of that name, in `testkit`, and in examples.
    pub fn is_test(&self) -> bool {
        let folders = ["tests", "testkit", "examples"];
        self.path.ends_with("tests.rs") || self.path.split('/').any(|part| folders.contains(&part))
    }

    /// The lines outside of every `#[cfg(test)]` module and function, with their numbers from 1.
    pub fn lines_without_tests(&self) -> Vec<(usize, &str)> {
        let mut kept = Vec::new();
        let mut inside: Option<String> = None;
        let mut lines = self.text.lines().enumerate().peekable();
        while let Some((index, line)) = lines.next() {
            if let Some(end) = &inside {
                if line == end {
                    inside = None;
                }
                continue;
            }
            let starts_tests = line.trim() == "#[cfg(test)]"
                && lines.peek().is_some_and(|(_, next)| next.ends_with('{'));
            if starts_tests {
                let indent = &line[..line.len() - line.trim_start().len()];
                inside = Some(format!("{indent}}}"));
                continue;
            }
            kept.push((index + 1, line));
        }
        kept
    }
}

#[cfg(test)]
fn file(path: &str, text: &str) -> TextFile {
    TextFile { path: path.to_owned(), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_are_left_out() {
        let file =
            file("a.rs", "a\n#[cfg(test)]\nmod tests {\n    b\n}\nc\n#[cfg(test)]\nmod d;\n");
        let lines: Vec<_> = file.lines_without_tests().into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, ["a", "c", "#[cfg(test)]", "mod d;"]);
    }
}
