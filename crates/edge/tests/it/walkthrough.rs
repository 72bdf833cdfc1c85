//! The commands of `docs/guides/first-device.md` as they are written there, except for the ports, which a
//! test may not fix, and the build, which is done.

use crate::rig::{Program, free_port, repository, until};
use std::path::Path;
use std::process::{Command, Output};

/// Commands that run until they are stopped, each in a terminal of its own.
const LONG: [&str; 4] = ["tagwerk-plant serve", "mosquitto ", "mosquitto_sub ", "tagwerk run "];

struct Guide {
    /// The fenced blocks, with their language.
    blocks: Vec<(String, String)>,
}

impl Guide {
    fn read() -> Guide {
        let path = repository().join("docs/guides/first-device.md");
        let text = std::fs::read_to_string(path).unwrap();
        let mut blocks = Vec::new();
        for (at, part) in text.split("```").enumerate() {
            if at % 2 == 1 {
                let (language, content) = part.split_once('\n').unwrap();
                blocks.push((language.to_owned(), content.to_owned()));
            }
        }
        Guide { blocks }
    }

    fn commands(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().filter(|(language, _)| language == "sh").flat_map(|(_, b)| b.lines())
    }

    fn document(&self) -> &str {
        &self.blocks.iter().find(|(language, _)| language == "yaml").expect("a document").1
    }
}

/// The folder that the reader works in, and the ports in place of those of the guide.
struct Reader {
    folder: tempfile::TempDir,
    ports: [(&'static str, String); 2],
    console: u16,
}

impl Reader {
    fn new() -> Reader {
        let ports = ["5020", "1883"].map(|port| (port, free_port().to_string()));
        Reader { folder: tempfile::tempdir().unwrap(), ports, console: free_port() }
    }

    fn moved(&self, text: &str) -> String {
        self.ports.iter().fold(text.to_owned(), |text, (port, free)| text.replace(port, free))
    }

    fn shell(&self, command: &str) -> Command {
        let mut command = self.moved(command);
        if command.starts_with("tagwerk run ") {
            command = format!("{command} --listen 127.0.0.1:{}", self.console);
        }
        let programs = Path::new(env!("CARGO_BIN_EXE_tagwerk")).parent().unwrap();
        let path = format!("{}:{}:/usr/sbin", programs.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        // `exec`, so that what is stopped is the program and not the shell.
        shell.arg("-c").arg(format!("exec {command}")).current_dir(self.folder.path());
        shell.env("PATH", path).env("TAGWERK_URL", format!("http://127.0.0.1:{}", self.console));
        shell.env_remove("TAGWERK_TOKEN").env_remove("TAGWERK_DATA");
        shell
    }

    /// At a terminal, where the program may ask and the answer is yes.
    fn answer_yes(&self, command: &str) -> Output {
        let inner = self.shell(command);
        let mut shell = Command::new("sh");
        let line = inner.get_args().nth(1).unwrap().to_str().unwrap().to_owned();
        shell.arg("-c").arg(format!("echo y | script -qec '{line}' /dev/null"));
        shell.current_dir(self.folder.path());
        inner.get_envs().for_each(|(key, value)| {
            match value {
                Some(value) => shell.env(key, value),
                None => shell.env_remove(key),
            };
        });
        shell.output().unwrap()
    }

    fn save(&self, document: &str) {
        std::fs::write(self.folder.path().join("first.yaml"), document).unwrap();
    }
}

#[test]
fn the_first_device_comes_to_life_as_the_guide_says() {
    let guide = Guide::read();
    let reader = Reader::new();
    let document = reader.moved(guide.document());
    let mut running: Vec<Program> = Vec::new();
    let mut said = Vec::new();
    for command in guide.commands() {
        if command.starts_with("cargo build") || command.starts_with("export PATH") {
            continue;
        }
        if command.contains("lint") {
            reader.save(&document);
        }
        if LONG.iter().any(|long| command.starts_with(long)) {
            let mut program = Program::start(command, &mut reader.shell(command));
            wait_until_it_works(&mut program, &reader);
            running.push(program);
            continue;
        }
        if command.contains(" diff ") {
            let pressure = "          - { name: drum_pressure";
            assert!(document.contains(pressure), "{document}");
            let level = "          - { name: level, address: \"input:2\", type: float32 }\n";
            reader.save(&document.replace(pressure, &format!("{level}{pressure}")));
        }
        let output = match command.contains(" write ") {
            true => reader.answer_yes(command),
            false => reader.shell(command).output().unwrap(),
        };
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(output.status.success(), "{command}: {text}");
        said.push((command.to_owned(), text));
    }
    let answer = |part: &str| {
        let found = said.iter().find(|(command, _)| command.contains(part));
        &found.unwrap_or_else(|| panic!("the guide has no `{part}`")).1
    };
    assert_eq!(answer("lint"), "");
    assert!(answer(" tags ").contains("drum_pressure"), "{}", answer(" tags "));
    assert!(answer(" write ").contains("done"), "{}", answer(" write "));
    assert!(answer(" diff ").contains("level"), "{}", answer(" diff "));
    assert!(answer(" apply ").contains("revision 2"), "{}", answer(" apply "));
    assert!(answer(" revisions").contains("one more tag"), "{}", answer(" revisions"));
    assert!(answer(" rollback ").contains("revision 3"), "{}", answer(" rollback "));
    let mut subscriber = running.into_iter().find(|p| p.name.contains("mosquitto_sub")).unwrap();
    let wanted = "tagwerk/my-first-edge/boiler-1/process";
    until("a message at the subscriber", || {
        subscriber.still_runs();
        subscriber.words().iter().any(|line| line.starts_with(wanted)).then_some(())
    });
}

fn wait_until_it_works(program: &mut Program, reader: &Reader) {
    let listens = |port: &str| {
        let port: u16 = port.parse().unwrap();
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    };
    let name = program.name.clone();
    until(&format!("`{name}` works"), || {
        program.still_runs();
        let works = match name.split(' ').next() {
            Some("tagwerk-plant") => listens(&reader.ports[0].1),
            Some("mosquitto") => listens(&reader.ports[1].1),
            // It prints the link for the first password once it answers.
            Some("tagwerk") => program.words().iter().any(|line| line.contains("/setup?token=")),
            _ => true,
        };
        works.then_some(())
    });
}
