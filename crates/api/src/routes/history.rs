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
