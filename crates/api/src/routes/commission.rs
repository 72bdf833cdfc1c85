//! Routes for setting devices up and looking at what happens: trials, communication log, templates,
//! tables, events.

use super::*;

pub const TRACE: Route = asks(
    &[("after", "`next` of the answer before: only what came since"), LIMIT],
    route(
        Get,
        "/api/v1/devices/{device}/trace",
        VIEWER,
        "The device's communication log",
        json::<TraceAnswer>(),
    ),
);
pub const TRACE_SWITCH: Route = audited(
    Audit::Access,
    takes::<TraceSwitch>(route(
        Put,
        "/api/v1/devices/{device}/trace",
        OPERATOR,
        "Turns the device's communication log on or off; it turns itself off after an hour",
        json::<TraceAnswer>(),
    )),
);

pub const TRIAL_READ: Route = audited(
    Audit::Access,
    up_to(
        TRIAL_BYTES_MAX,
        takes::<Trial>(route(
            Post,
            "/api/v1/trials/read",
            ENGINEER,
            "Reads every tag of a device once, without saving it",
            json::<ReadAnswer>(),
        )),
    ),
);
pub const TRIAL_BROWSE: Route = audited(
    Audit::Access,
    up_to(
        TRIAL_BYTES_MAX,
        takes::<BrowseTrial>(route(
            Post,
            "/api/v1/trials/browse",
            ENGINEER,
            "What there is in a device, without saving it",
            json::<BrowseAnswer>(),
        )),
    ),
);
pub const TRIAL_ESTIMATE: Route = up_to(
    TRIAL_BYTES_MAX,
    takes::<Trial>(route(
        Post,
        "/api/v1/trials/estimate",
        ENGINEER,
        "What a device would ask of its link; nothing is sent",
        json::<EstimateAnswer>(),
    )),
);

pub const TEMPLATES: Route = route(
    Get,
    "/api/v1/templates",
    VIEWER,
    "The library of templates, and those that the configuration uses",
    json::<Templates>(),
);
pub const EXPORT: Route = asks(
    &[
        ("format", "csv or xlsx; csv unless told"),
        ("devices", "names, with commas between; all unless told"),
        ("empty", "true: only the headers and one row as an example"),
    ],
    route(
        Get,
        "/api/v1/export",
        ENGINEER,
        "The tags of the running configuration as a table, one row each",
        Response::File,
    ),
);
pub const IMPORT: Route = asks(
    &[
        ("format", "auto, csv, xlsx, neuron or thingspro; auto unless told"),
        ("mode", "merge or replace; merge unless told"),
    ],
    takes_file(
        IMPORT_BYTES_MAX,
        route(
            Post,
            "/api/v1/import",
            ENGINEER,
            "The configuration that a table would make; nothing is applied",
            json::<ImportAnswer>(),
        ),
    ),
);

pub const EVENTS: Route = asks(
    &[
        (
            "kind",
            "login, configuration, access, command, device, sink, system, secret or certificate",
        ),
        ("text", "part of the text, the subject or who did it, in any case"),
        ("before", "only events before this number"),
        LIMIT,
    ],
    route(Get, "/api/v1/events", VIEWER, "What happened, newest first", json::<Events>()),
);
