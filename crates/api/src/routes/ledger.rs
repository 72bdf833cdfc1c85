//! Routes of the ledger and of dead letters.

use super::*;

const FROM: (&str, &str) = ("from", "an instant as in RFC 3339; an hour before `to` unless told");
const TO: (&str, &str) = ("to", "an instant as in RFC 3339; now unless told");
const DEVICE_ONLY: (&str, &str) = ("device", "only this device");
const SINK_ONLY: (&str, &str) = ("sink", "only this sink");

pub const LEDGER: Route = asks(
    &[FROM, TO, DEVICE_ONLY],
    route(
        Get,
        "/api/v1/ledger",
        VIEWER,
        "What was expected, kept and delivered in a time, and what is missing and why",
        json::<Ledger>(),
    ),
);
pub const LEDGER_GROUPS: Route = asks(
    &[FROM, TO, DEVICE_ONLY, OFFSET, LIMIT],
    route(
        Get,
        "/api/v1/ledger/groups",
        VIEWER,
        "The ledger by group, those with most missing first",
        json::<Page<GroupAccount>>(),
    ),
);
pub const DEAD_LETTERS: Route = asks(
    &[SINK_ONLY, OFFSET, LIMIT],
    route(
        Get,
        "/api/v1/dead-letters",
        VIEWER,
        "Messages that destinations refused for good, newest first",
        json::<Page<DeadLetter>>(),
    ),
);
pub const EXPORT_DEAD_LETTERS: Route = asks(
    &[SINK_ONLY],
    route(
        Get,
        "/api/v1/dead-letters/export",
        VIEWER,
        "The samples of the dead letters, one JSON object per line",
        Response::File,
    ),
);
pub const RETRY_DEAD_LETTERS: Route = audited(
    Audit::Sink,
    takes::<DeadLetterChoice>(route(
        Post,
        "/api/v1/dead-letters/retry",
        ENGINEER,
        "Delivers dead letters once more",
        json::<DeadLetterAnswer>(),
    )),
);
pub const DISCARD_DEAD_LETTERS: Route = audited(
    Audit::Sink,
    takes::<DeadLetterChoice>(route(
        Post,
        "/api/v1/dead-letters/discard",
        ENGINEER,
        "Gives dead letters up",
        json::<DeadLetterAnswer>(),
    )),
);
