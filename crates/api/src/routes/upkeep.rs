//! Routes for keeping an edge: certificates, secrets, backup, users, tokens.

use super::*;

pub const CERTIFICATES: Route = route(
    Get,
    "/api/v1/certificates",
    ENGINEER,
    "The edge's own certificates, those it trusts, and those that wait for a decision",
    json::<Certificates>(),
);
pub const NEW_CERTIFICATE: Route = audited(
    Audit::Certificate,
    up_to(
        CERTIFICATE_BODY_BYTES_MAX,
        takes::<NewCertificate>(route(
            Post,
            "/api/v1/certificates",
            ENGINEER,
            "Trusts a certificate, or takes a revocation list",
            json::<Certificates>(),
        )),
    ),
);
pub const TRUST_CERTIFICATE: Route = audited(
    Audit::Certificate,
    route(
        Post,
        "/api/v1/certificates/{fingerprint}/trust",
        ENGINEER,
        "Trusts a certificate that was rejected",
        json::<Certificates>(),
    ),
);
pub const REMOVE_CERTIFICATE: Route = audited(
    Audit::Certificate,
    route(
        Delete,
        "/api/v1/certificates/{fingerprint}",
        ENGINEER,
        "Trusts a certificate no longer, forgets a rejected one, or removes a revocation list",
        Response::Empty,
    ),
);
pub const CERTIFICATE_PEM: Route = route(
    Get,
    "/api/v1/certificates/{fingerprint}/pem",
    ENGINEER,
    "A certificate as PEM",
    Response::Text,
);

pub const SECRETS: Route = route(
    Get,
    "/api/v1/secrets",
    ENGINEER,
    "Names of the secrets and where they are used; never a value",
    json::<List<Secret>>(),
);
pub const SET_SECRET: Route = audited(
    Audit::Secret,
    up_to(
        SECRET_BODY_BYTES_MAX,
        takes::<NewSecret>(route(
            Put,
            "/api/v1/secrets/{name}",
            ADMIN,
            "Sets a secret; what uses it connects anew",
            json::<Secret>(),
        )),
    ),
);
pub const REMOVE_SECRET: Route = audited(
    Audit::Secret,
    route(
        Delete,
        "/api/v1/secrets/{name}",
        ADMIN,
        "Removes a secret that nothing uses",
        Response::Empty,
    ),
);

pub const BACKUP: Route = audited(
    Audit::Backup,
    takes::<BackupRequest>(route(
        Post,
        "/api/v1/backup",
        ADMIN,
        "The edge's state but its samples, in one encrypted file",
        Response::File,
    )),
);
pub const RESTORE: Route = Route {
    headers: &[(PASSPHRASE_HEADER, "the passphrase of the backup, percent-encoded")],
    ..asks(
        &[("apply", "true: put it in place; otherwise it is only looked at")],
        audited(
            Audit::Backup,
            takes_file(
                BACKUP_BYTES_MAX,
                route(
                    Post,
                    "/api/v1/restore",
                    ADMIN,
                    "Checks a backup and, when asked to, puts it in place",
                    json::<RestoreAnswer>(),
                ),
            ),
        ),
    )
};

pub const USERS: Route = route(Get, "/api/v1/users", ADMIN, "All users", json::<List<User>>());
pub const NEW_USER: Route = audited(
    Audit::Access,
    takes::<NewUser>(route(Post, "/api/v1/users", ADMIN, "Adds a user", json::<User>())),
);
pub const CHANGE_USER: Route = audited(
    Audit::Access,
    takes::<UserChange>(route(
        Put,
        "/api/v1/users/{username}",
        ADMIN,
        "Changes a user's role or password, and ends the user's sessions",
        json::<User>(),
    )),
);
pub const REMOVE_USER: Route = audited(
    Audit::Access,
    route(
        Delete,
        "/api/v1/users/{username}",
        ADMIN,
        "Removes a user; never the last administrator",
        Response::Empty,
    ),
);
pub const TOKENS: Route =
    route(Get, "/api/v1/tokens", ADMIN, "All API tokens", json::<List<Token>>());
pub const NEW_TOKEN: Route = audited(
    Audit::Access,
    takes::<NewToken>(route(
        Post,
        "/api/v1/tokens",
        ADMIN,
        "Makes an API token; shown this once",
        json::<TokenMade>(),
    )),
);
pub const REMOVE_TOKEN: Route = audited(
    Audit::Access,
    route(Delete, "/api/v1/tokens/{id}", ADMIN, "Removes an API token", Response::Empty),
);
