//! Rules for every text file: line ends, and nothing that belongs to one machine.

use super::TextFile;

/// Folders of one machine; split, so that this file keeps its own rule.
const MACHINE_FOLDERS: [&str; 2] = [concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Files whose bytes are the point, or that a program writes.
const ANY_SHAPE: [&str; 2] = ["cases/", "fuzz/corpus/"];

pub fn check(file: &TextFile) -> Vec<String> {
    let mut complaints = Vec::new();
    let path = &file.path;
    if !ANY_SHAPE.iter().any(|folder| path.starts_with(folder)) && !path.contains("/vectors/") {
        if file.text.contains('\r') {
            complaints.push(format!("{path}: line ends are \\n alone"));
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            complaints.push(format!("{path}: the last line has no end"));
        }
    }
    for (index, line) in file.text.lines().enumerate() {
        for folder in MACHINE_FOLDERS {
            // Part of a longer path or address, such as https://host/home/, is not meant.
            let found = line.match_indices(folder).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_' | '}'))
            });
            if found {
                complaints.push(format!("{path}:{}: a folder of one machine", index + 1));
            }
        }
    }
    if path.ends_with("package-lock.json") && file.text.contains("\"resolved\": \"http") {
        complaints.push(format!("{path}: records download addresses; see console/.npmrc"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    #[test]
    fn line_ends_and_machine_folders_are_noticed() {
        assert_eq!(check(&file("a.md", "fine\n")).len(), 0);
        assert_eq!(check(&file("a.md", "no end")).len(), 1);
        assert_eq!(check(&file("a.md", "a\r\n")).len(), 1);
        assert_eq!(check(&file("cases/x/in.txt", "a\r\nb")).len(), 0);
        let path = format!("in {}me/x\n", "/ho");
        assert_eq!(check(&file("a.md", &path)).len(), 1);
        let address = format!("https://host{}me/x\n", "/ho");
        assert_eq!(check(&file("a.md", &address)).len(), 0);
    }
}
