//! A notice as a mail: headers and body as bytes; RFC 5322, 2045 and 2047. Pure.

use super::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::{Duration, UNIX_EPOCH};
use tagwerk_component::Notice;

/// Bytes of text in one encoded word: its 75 letters hold no more.
const WORD_BYTES_MAX: usize = 42;
/// Letters in a line of the body.
const LINE_LETTERS: usize = 76;

/// The mail, its lines ended by `\r\n`. Nothing in it is longer than a line may be, nor begins with a
/// dot.
pub fn write(settings: &Settings, notice: &Notice, unix_ns: i64) -> String {
    let domain = settings.from.rsplit_once('@').map_or("tagwerk", |(_, domain)| domain);
    let priority = if notice.urgent { "X-Priority: 1\r\nImportance: high\r\n" } else { "" };
    let mut mail = format!(
        "Date: {}\r\nFrom: {}<{}>\r\nMessage-ID: <{}@{domain}>\r\nSubject: {}\r\n",
        date(unix_ns),
        match notice.edge.is_empty() {
            true => String::new(),
            false => format!("{} ", encoded(&notice.edge)),
        },
        settings.from,
        notice.id,
        encoded(&notice.subject),
    );
    for (place, to) in settings.to.iter().enumerate() {
        let begin = if place == 0 { "To: " } else { ",\r\n " };
        mail.push_str(&format!("{begin}<{to}>"));
    }
    // RFC 3834: nobody's holiday is told to the edge.
    mail.push_str("\r\nAuto-Submitted: auto-generated\r\n");
    mail.push_str(priority);
    mail.push_str(
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n",
    );
    let body = STANDARD.encode(notice.message.replace('\n', "\r\n"));
    for line in body.as_bytes().chunks(LINE_LETTERS) {
        mail.push_str(&String::from_utf8_lossy(line));
        mail.push_str("\r\n");
    }
    mail
}

/// Text in a header, as encoded words on lines of their own. Always encoded: what devices say can then
/// never end the header.
fn encoded(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for letter in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if word.len() + letter.len_utf8() > WORD_BYTES_MAX {
            words.push(std::mem::take(&mut word));
        }
        word.push(letter);
    }
    words.push(word);
    let words = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
    words.collect::<Vec<_>>().join("\r\n ")
}

fn date(unix_ns: i64) -> String {
    let passed = Duration::from_nanos(u64::try_from(unix_ns).unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + passed).replace("GMT", "+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(subject: &str, message: &str) -> Notice {
        Notice {
            id: "17-3".into(),
            edge: "press-1".into(),
            subject: subject.into(),
            message: message.into(),
            urgent: true,
            ..Notice::default()
        }
    }

    fn settings() -> Settings {
        serde_json::from_str(
            r#"{"server": "h", "from": "tagwerk@plant.example", "to": ["a@x", "b@y"]}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_mail_has_headers_and_a_body() {
        let mail = write(&settings(), &notice("Überhitzt", "line 1\nline 2"), 1_700_000_000 << 30);
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        for line in [
            "From: =?utf-8?B?cHJlc3MtMQ==?= <tagwerk@plant.example>",
            "Message-ID: <17-3@plant.example>",
            "Subject: =?utf-8?B?w5xiZXJoaXR6dA==?=",
            "To: <a@x>,\r\n <b@y>",
            "Auto-Submitted: auto-generated",
            "X-Priority: 1",
        ] {
            assert!(head.contains(line), "{line} in {head}");
        }
        let body: String = body.split("\r\n").collect();
        assert_eq!(STANDARD.decode(body).unwrap(), b"line 1\r\nline 2");
    }

    #[test]
    fn nothing_gets_out_of_its_place() {
        let long = "ü\r\nBcc: x@y\r\n".repeat(500);
        let mail = write(&settings(), &notice(&long, &format!(".\n{long}")), 0);
        assert!(mail.ends_with("\r\n") && !mail.contains("Bcc"));
        for line in mail.split("\r\n") {
            assert!(line.len() <= 78 && !line.starts_with('.') && !line.contains(['\r', '\n']));
        }
        assert!(mail.starts_with("Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"));
    }
}
