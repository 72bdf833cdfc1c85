//! Routes for what the edge keeps, and statements over it.

use super::*;

pub const STORAGE: Route = route(
    Get,
    "/api/v1/storage",
    VIEWER,
    "What history and journal hold, and how long the space lasts",
    json::<Storage>(),
);
pub const TAG_STORAGE: Route = asks(
    &[FILTER, OFFSET, LIMIT],
    route(
        Get,
        "/api/v1/storage/tags",
        VIEWER,
        "What history holds of each tag, largest first",
        json::<Page<TagStorage>>(),
    ),
);
pub const EXPORT_HISTORY: Route = asks(
    &[
        ("format", "parquet or csv; parquet unless told"),
        ("from", "instant of the first samples; the oldest unless told"),
        ("to", "instant before which samples are taken; now unless told"),
        (
            "tag",
            "device.tag, or a pattern such as device/tag or device/group/tag, with * and ?; may be \
             given more than once; all tags unless told",
        ),
    ],
    route(
        Get,
        "/api/v1/history/export",
        VIEWER,
        "Samples as a file, sorted by tag and time; archived ones too",
        Response::File,
    ),
);
pub const SQL: Route = up_to(
    SQL_BYTES_MAX,
    takes::<SqlRequest>(route(
        Post,
        "/api/v1/sql",
        VIEWER,
        "Answers a statement, which only reads; as CSV or an Arrow stream where `Accept` asks for \
         `text/csv` or `application/vnd.apache.arrow.stream`",
        json::<SqlAnswer>(),
    )),
);
pub const SQL_TABLES: Route = route(
    Get,
    "/api/v1/sql/tables",
    VIEWER,
    "The tables and functions of statements",
    json::<SqlTables>(),
);
