//! Routes of notifications.

use super::*;

pub const NOTIFY: Route = route(
    Get,
    "/api/v1/notify",
    VIEWER,
    "Who is told of alarms: channels with what became of their messages, and routes",
    json::<Notify>(),
);
pub const TEST_CHANNEL: Route = audited(
    Audit::Notify,
    route(
        Post,
        "/api/v1/notify/channels/{channel}/test",
        OPERATOR,
        "Sends a test by a channel, and says what the server answered",
        json::<NotifyTest>(),
    ),
);
