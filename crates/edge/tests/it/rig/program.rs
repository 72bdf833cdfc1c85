//! A program that a test starts, and what it says line by line. Killed with its value.

use super::until;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

pub struct Program {
    pub name: String,
    child: Child,
    input: Option<ChildStdin>,
    said: Arc<Mutex<Vec<String>>>,
    errors: Arc<Mutex<Vec<String>>>,
    taken: usize,
}

impl Program {
    pub fn start(name: &str, command: &mut Command) -> Program {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{name} does not start: {e}"));
        let said = collect(child.stdout.take().unwrap());
        let errors = collect(child.stderr.take().unwrap());
        let input = child.stdin.take();
        Program { name: name.to_owned(), child, input, said, errors, taken: 0 }
    }

    /// The next line on standard output.
    pub fn line(&mut self) -> String {
        let line = until(&format!("a line from {}", self.name), || {
            let found = self.said.lock().unwrap().get(self.taken).cloned();
            if found.is_none() {
                self.still_runs();
            }
            found
        });
        self.taken += 1;
        line
    }

    /// The next line, as JSON.
    pub fn json(&mut self) -> serde_json::Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{}: {e}: {line}", self.name))
    }

    pub fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("its input is open");
        writeln!(input, "{line}").unwrap_or_else(|e| panic!("{}: {e}", self.name));
    }

    /// All lines said so far, on both outputs.
    pub fn words(&self) -> Vec<String> {
        let (said, errors) = (self.said.lock().unwrap(), self.errors.lock().unwrap());
        said.iter().chain(errors.iter()).cloned().collect()
    }

    /// Lines of standard output from `from` on.
    pub fn lines_from(&self, from: usize) -> Vec<String> {
        self.said.lock().unwrap().get(from..).unwrap_or_default().to_vec()
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Fails the test when the program has ended by itself.
    #[track_caller]
    pub fn still_runs(&mut self) {
        if let Some(status) = self.ended() {
            panic!("{} ended by itself ({status}):\n{}", self.name, self.words().join("\n"));
        }
    }

    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().expect("`kill` is there");
        until(&format!("the end of {}", self.name), || self.ended())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn collect(from: impl std::io::Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let into = lines.clone();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            into.lock().unwrap().push(text);
            line.clear();
        }
    });
    lines
}

pub fn repository() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    path.canonicalize().expect("the repository is there")
}

/// One of `tests/peers/`, to be run by the Python that `cargo xtask setup` makes.
pub fn python(script: &str) -> Command {
    let venv = std::env::var_os("TAGWERK_VENV").map(PathBuf::from);
    let python = venv.unwrap_or_else(|| repository().join(".venv")).join("bin/python");
    assert!(python.exists(), "there is no {}: run `cargo xtask setup`", python.display());
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script));
    command
}
