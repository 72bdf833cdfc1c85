//! A PostgreSQL server of this machine's, started for the test.

use crate::rig::{context, read, table, trusting};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tagwerk_config::{CheckedTable, CheckedTls, TableSource};

/// Programs of the newest version that is installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let versions = versions.expect("PostgreSQL is installed (`cargo xtask setup` says how)");
    let mut found: Vec<PathBuf> =
        versions.flatten().map(|entry| entry.path().join("bin")).collect();
    found.sort();
    found.pop().expect("a version of PostgreSQL")
}

/// The server refuses to run as root.
fn as_another(program: &Path) -> Command {
    let root = std::fs::metadata("/proc/self").map(|of| {
        use std::os::unix::fs::MetadataExt;
        of.uid() == 0
    });
    if !root.unwrap_or(false) {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    command
}

/// That the server may write in too.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("tw").tempdir_in("/tmp").unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everybody).unwrap();
    folder
}

struct Server {
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    /// `login` is how users on this machine show who they are.
    fn start(login: &str) -> Server {
        Server::start_in(folder(), login, "")
    }

    /// With further settings.
    fn start_in(folder: tempfile::TempDir, login: &str, settings: &str) -> Server {
        let data = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, "open sesame").unwrap();
        let mut init = as_another(&programs().join("initdb"));
        init.args(["--username=edge", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        init.arg(format!("--auth={login}")).arg("--pwfile").arg(&password);
        init.arg("-D").arg(&data);
        run(init);
        // The port is free when it is asked for; another server of the test's cannot have it.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut start = as_another(&programs().join("pg_ctl"));
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off \
             -c unix_socket_directories={} {settings}",
            folder.path().display()
        );
        start.arg("-D").arg(&data).args(["-w", "-t", "120", "-o", &options]);
        start.arg("-l").arg(folder.path().join("log")).arg("start");
        run(start);
        Server { folder, port }
    }

    fn psql(&self, sql: &str) {
        let mut psql = Command::new(programs().join("psql"));
        psql.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            "edge",
            "-d",
            "postgres",
        ]);
        psql.args(["-v", "ON_ERROR_STOP=1", "-c", sql]).env("PGPASSWORD", "open sesame");
        run(psql);
    }

    fn table(&self, query: &str) -> CheckedTable {
        self.table_by(None, query)
    }

    fn table_by(&self, tls: Option<CheckedTls>, query: &str) -> CheckedTable {
        let source = TableSource::Postgres {
            host: "127.0.0.1".into(),
            port: self.port,
            database: "postgres".into(),
            username: "edge".into(),
            password: Some("password".into()),
            tls,
            query: query.into(),
        };
        table(source, &[])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut stop = as_another(&programs().join("pg_ctl"));
        stop.arg("-D").arg(self.folder.path().join("data")).args(["-m", "immediate", "stop"]);
        let _ = stop.stdout(Stdio::null()).status();
    }
}

fn run(mut command: Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_read_and_nothing_is_written() {
    let server = Server::start("scram-sha-256");
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path());
    server.psql(
        "CREATE TABLE orders (id int, code bigint, name text, weight numeric(8,2), ready bool, \
         share real, due timestamptz, day date, raw bytea, note jsonb); \
         INSERT INTO orders VALUES (1, 9007199254740993, 'Käse', 2.50, true, 0.1, \
         '2026-01-01 02:00:00.5+02', '2026-01-01', '\\x00ff', '{\"a\": 1}'), \
         (2, NULL, NULL, NULL, NULL, 'NaN', NULL, NULL, NULL, NULL)",
    );
    let found = read(&context, &server.table("SELECT * FROM orders ORDER BY id;")).await.unwrap();
    let expected = [
        "id:int64,code:int64,name:text,weight:float64,ready:bool,share:float64,due:time,day:time,\
         raw:bytes,note:text",
        "1|9007199254740993|Käse|2.5|true|0.1|1767225600500000000|1767225600000000000|[00, ff]|\
         {\"a\": 1}",
        "2|null|null|null|null|NaN|null|null|null|null",
    ];
    assert_eq!(found, expected);
    // Types are the server's, also where there is no row.
    let found = read(&context, &server.table("SELECT id, due FROM orders WHERE false")).await;
    assert_eq!(found.unwrap(), ["id:int64,due:time"]);
    let refused = [
        ("SELECT nothing FROM orders", "column \"nothing\" does not exist"),
        ("DELETE FROM orders RETURNING id", "read-only transaction"),
        ("SELECT 1; DELETE FROM orders", "cannot insert multiple commands"),
        ("COMMIT", "no columns"),
        ("SELECT generate_series(1, 200000) AS n", "more than 100000 rows"),
        ("SELECT repeat('x', 1000) AS t FROM generate_series(1, 50000)", "larger than 16 MiB"),
        ("SELECT repeat('x', 20000000) AS t", "a row of more than 16 MiB"),
        ("SELECT 1 AS a, 2 AS a", "two columns"),
    ];
    for (query, words) in refused {
        let told = read(&context, &server.table(query)).await.unwrap_err();
        assert!(told.contains(words), "{query}: {told}");
    }
    let found = read(&context, &server.table("SELECT count(*) AS n FROM orders")).await.unwrap();
    assert_eq!(found, ["n:int64", "2"]);
    let CheckedTable { source, .. } = server.table("SELECT 1");
    let TableSource::Postgres { host, port, database, username, tls, query, .. } = source else {
        panic!("it is PostgreSQL")
    };
    let password = None;
    let nobody = TableSource::Postgres { host, port, database, username, password, tls, query };
    let told = read(&context, &table(nobody, &[])).await.unwrap_err();
    assert!(told.contains("wants a password"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_login_is_known() {
    let server = Server::start("md5");
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path());
    let found = read(&context, &server.table("SELECT 1 AS one")).await.unwrap();
    assert_eq!(found, ["one:int64", "1"]);
    server.psql("ALTER USER edge PASSWORD 'another'");
    let told = read(&context, &server.table("SELECT 1 AS one")).await.unwrap_err();
    assert!(told.contains("28P01") && told.contains("password"), "{told}");
}

/// The server takes a key that nobody but itself can read.
fn own_key(folder: &Path) {
    use std::os::unix::fs::{PermissionsExt, chown};
    let key = folder.join("server.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    // Whoever is not root runs the server himself.
    let _ = chown(&key, Some(65_534), Some(65_534));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_connection_is_to_the_right_server_or_none() {
    let folder = folder();
    tagwerk_testkit::write_certificates(folder.path());
    own_key(folder.path());
    let (strangers, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tagwerk_testkit::write_certificates(strangers.path());
    let context = context(files.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let settings = format!(
        "-c ssl=on -c ssl_cert_file={} -c ssl_key_file={}",
        file("server.pem"),
        file("server.key")
    );
    let (known, unknown) = (trusting(folder.path()), trusting(strangers.path()));
    let server = Server::start_in(folder, "scram-sha-256", &settings);
    let asks = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let found = read(&context, &server.table_by(Some(known), asks)).await.unwrap();
    assert_eq!(found, ["ssl:bool", "true"]);
    let told = read(&context, &server.table_by(Some(unknown), asks)).await.unwrap_err();
    assert!(told.contains("certificate") && told.contains("check `tls`"), "{told}");
    let found = read(&context, &server.table(asks)).await.unwrap();
    assert_eq!(found, ["ssl:bool", "false"]);
    let plain = Server::start("scram-sha-256");
    let trusted = trusting(strangers.path());
    let told = read(&context, &plain.table_by(Some(trusted), asks)).await.unwrap_err();
    assert!(told.contains("does not encrypt; switch `ssl` on there"), "{told}");
}
