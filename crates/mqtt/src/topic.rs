//! Topics that can be published to.

/// Longest topic, MQTT 5 section 1.5.4.
pub const TOPIC_BYTES_MAX: usize = 65_535;

/// Why a topic cannot be published to.
pub fn topic_problem(topic: &str) -> Option<String> {
    if topic.is_empty() {
        return Some("the topic is empty".into());
    }
    if topic.len() > TOPIC_BYTES_MAX {
        return Some(format!("the topic has {} bytes, MQTT allows {TOPIC_BYTES_MAX}", topic.len()));
    }
    let wrong = topic.chars().find(|c| matches!(c, '+' | '#') || c.is_control())?;
    Some(format!("{wrong:?} cannot stand in the topic `{}`", topic.escape_debug()))
}
