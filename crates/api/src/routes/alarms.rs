//! Routes of alarms.

use super::*;

pub const ALARMS: Route = asks(
    &[
        ("state", "`open` (active, or to be acknowledged or reset), or the name of a state"),
        ("priority", "only this priority"),
        ("device", "only this device"),
        ("text", "part of a name, a tag or a text"),
        OFFSET,
        LIMIT,
    ],
    route(
        Get,
        "/api/v1/alarms",
        VIEWER,
        "Alarms as they are now, the most urgent first",
        json::<Page<Alarm>>(),
    ),
);
pub const ALARM_CHANGES: Route = asks(
    &[
        ("alarm", "only alarms of this name"),
        ("device", "only this device"),
        ("tag", "only this tag"),
        ("kind", "only this kind of change"),
        ("before", "only changes before this one"),
        LIMIT,
    ],
    route(
        Get,
        "/api/v1/alarms/changes",
        VIEWER,
        "What became of alarms, newest first",
        json::<AlarmChanges>(),
    ),
);
pub const OPERATE_ALARMS: Route = audited(
    Audit::Alarm,
    takes::<AlarmChoice>(route(
        Post,
        "/api/v1/alarms/{action}",
        OPERATOR,
        "Does something to alarms: `acknowledge`, `reset`, `shelve`, `unshelve`, \
         `take-out-of-service` or `return-to-service`",
        json::<AlarmAnswer>(),
    )),
);
