//! What the fuzz targets call: readers of bytes from outside, with everything that they may meet.

use crate::email::reply::Reply;
use crate::http::answer::{Answer, Expected, Verdict};

/// An HTTP answer: two bytes of status, then `Retry-After`, a media type and the body, on lines.
/// Must never panic, and never take anything but 200 to 299 for a delivery.
pub fn http_answer(bytes: &[u8]) {
    let Some((status, rest)) = bytes.split_first_chunk() else { return };
    let mut lines = rest.splitn(3, |byte| *byte == b'\n');
    let mut text = || lines.next().map(|line| String::from_utf8_lossy(line).into_owned());
    let (retry_after, content_type, body) = (text(), text(), text());
    let answer = Answer {
        status: u16::from_be_bytes(*status) % 1_000,
        location: content_type.clone(),
        content_type,
        retry_after,
        body: body.unwrap_or_default().into_bytes(),
        cut: false,
    };
    let json = r#"{"text":"a","json":{"":1,"/a/0/b":true,"/~1":"x"}}"#;
    let expected: Option<Expected> = serde_json::from_str(json).ok();
    for expected in [None, expected.as_ref()] {
        for unix_ns in [i64::MIN, 0, i64::MAX] {
            let verdict = answer.judge(expected, "the server", unix_ns);
            let taken = (200..300).contains(&answer.status);
            assert!(taken || verdict != Verdict::Delivered, "{answer:?}");
        }
    }
    // The secret part of a token is not looked at here, only that reading it holds.
    drop(crate::http::access::read_token(&answer, "the token server"));
}

/// What a mail server answers: any bytes, in pieces. A reply is the same however it arrives.
pub fn smtp_replies(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((reply, taken))) = Reply::read(rest) {
        assert!(taken > 0 && taken <= rest.len() && (200..600).contains(&reply.code));
        assert_eq!(Reply::read(&rest[..taken]), Ok(Some((reply.clone(), taken))));
        drop((reply.extension("AUTH"), reply.to_string()));
        rest = &rest[taken..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_reply_of_a_mail_server_is_borne(text in "([2-6][0-9]{2}[ -][ -~]{0,9}\r?\n){0,5}.{0,9}") {
            super::smtp_replies(text.as_bytes());
        }

        #[test]
        fn any_answer_is_borne(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            super::http_answer(&bytes);
        }

        #[test]
        fn answers_that_look_right_are_borne(
            status in 0u16..1_000,
            wait in "[0-9]{0,30}|[A-Za-z]{3}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT",
            body in "[\\[{]?\"?(access_token|expires_in|a)?\"?[:\\[]?[-0-9eE.\"\\]}]{0,20}",
        ) {
            let mut bytes = status.to_be_bytes().to_vec();
            bytes.extend(format!("{wait}\ntext/html\n{body}").bytes());
            super::http_answer(&bytes);
        }
    }
}
