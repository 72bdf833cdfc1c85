//! Files, SQLite and HTTP; and the shelf that reads them again.

use crate::rig::{context, read, run_python, serve_python, shown, table, trusting};
use std::path::Path;
use std::time::Duration;
use tagwerk_config::{CheckedTable, CheckedTls, HeaderText, TableSource};
use tagwerk_model::ColumnType;
use tagwerk_tables::{Shelf, Store};

fn csv(path: &str) -> TableSource {
    TableSource::Csv { path: path.into(), separator: b';', decimal: b',' }
}

fn sqlite(query: &str) -> TableSource {
    TableSource::Sqlite { path: "orders.db".into(), query: query.into() }
}

const WRITE_DATABASE: &str = r#"
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("CREATE TABLE orders (id INTEGER, name TEXT, weight REAL, blob BLOB)")
    db.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)",
                   [(1, "Käse", 2.5, b"\x00\xff"), (2, None, 3, None)])
"#;

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path());
    std::fs::write(folder.path().join("a.csv"), "code;limit\n7;80,5\n").unwrap();
    let found = read(&context, &table(csv("a.csv"), &[])).await.unwrap();
    assert_eq!(found, ["code:int64,limit:float64", "7|80.5"]);
    let said = [("limit", ColumnType::Float64)];
    let found = read(&context, &table(csv("a.csv"), &said)).await.unwrap();
    assert_eq!(found, ["limit:float64", "80.5"]);
    let missing = read(&context, &table(csv("b.csv"), &[])).await.unwrap_err();
    assert!(missing.contains("b.csv cannot be read"), "{missing}");
    let large = std::fs::File::create(folder.path().join("large.csv")).unwrap();
    large.set_len(20 * 1024 * 1024).unwrap();
    let told = read(&context, &table(csv("large.csv"), &[])).await.unwrap_err();
    assert!(told.contains("the limit is 16777216"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_sqlite_is_read_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path());
    let (own, other) = (folder.path().join("orders.db"), folder.path().join("other.db"));
    run_python(WRITE_DATABASE, &[&own]).await;
    run_python(WRITE_DATABASE, &[&other]).await;
    let all = "SELECT id, name, weight, blob FROM orders ORDER BY id";
    let found = read(&context, &table(sqlite(all), &[])).await.unwrap();
    let expected =
        ["id:int64,name:text,weight:float64,blob:bytes", "1|Käse|2.5|[00, ff]", "2|null|3.0|null"];
    assert_eq!(found, expected);
    let refused = |query: String, words: &'static str| {
        let context = context.clone();
        async move {
            let told = read(&context, &table(sqlite(&query), &[])).await.unwrap_err();
            assert!(told.contains(words), "{query}: {told}");
        }
    };
    refused(format!("ATTACH '{}' AS x", other.display()), "more than read").await;
    refused("DELETE FROM orders".to_owned(), "more than read").await;
    refused("PRAGMA journal_mode = WAL".to_owned(), "more than read").await;
    refused("SELECT missing FROM orders".to_owned(), "no such column").await;
    let many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    refused(many.to_owned(), "more than 100000 rows").await;
    assert!(read(&context, &table(sqlite(all), &[])).await.is_ok());
}

const SERVE: &str = r#"
import http.server, json, os, ssl
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = {"/items?x=1": (200, "application/json", json.dumps({"data": [
                    {"code": 1, "key": self.headers["X-Key"]}]})),
                 "/csv": (200, "text/csv", "a,b\n1,x\n"),
                 "/sized": (200, "text/csv", "a,b\n1,x\n"),
                 "/moved": (302, "text/plain", "")}
        status, kind, text = found.get(self.path, (404, "text/plain", "not here"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 302:
            self.send_header("Location", "/csv")
        if self.path == "/sized":
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.path == "/endless":
            return
        self.wfile.write(text.encode())
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
if os.path.exists("server.pem"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1])
server.serve_forever()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path());
    let (_server, port) = serve_python(SERVE, folder.path()).await;
    let ask = |path: &str, csv: Option<(u8, u8)>, at: &str| {
        let source = TableSource::Http {
            url: format!("http://127.0.0.1:{port}{path}").into(),
            headers: vec![("X-Key".into(), HeaderText::Secret("key".into()))],
            csv,
            at: at.into(),
            tls: None,
        };
        table(source, &[])
    };
    let found = read(&context, &ask("/items?x=1", None, "/data")).await.unwrap();
    assert_eq!(found, ["code:int64,key:text", "1|open sesame"]);
    let found = read(&context, &ask("/csv", Some((b',', b'.')), "")).await.unwrap();
    assert_eq!(found, ["a:int64,b:text", "1|x"]);
    let told = read(&context, &ask("/nothing", None, "")).await.unwrap_err();
    assert!(told.contains("404 Not Found: not here; correct `url`"), "{told}");
    let told = read(&context, &ask("/moved", None, "")).await.unwrap_err();
    assert!(told.contains("write /csv in `url`"), "{told}");
    let told = read(&context, &ask("/items?x=1", None, "/rows")).await.unwrap_err();
    assert!(told.contains("nothing at `/rows`"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_answer_is_from_the_right_server_or_none() {
    let (own, strangers) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tagwerk_testkit::write_certificates(own.path());
    tagwerk_testkit::write_certificates(strangers.path());
    let context = context(own.path());
    let (_server, port) = serve_python(SERVE, own.path()).await;
    let ask = |tls: Option<CheckedTls>, url: String| {
        let (csv, at) = (Some((b',', b'.')), "".into());
        table(TableSource::Http { url: url.into(), headers: Vec::new(), csv, at, tls }, &[])
    };
    let url = format!("https://127.0.0.1:{port}/sized");
    let found = read(&context, &ask(Some(trusting(own.path())), url.clone())).await.unwrap();
    assert_eq!(found, ["a:int64,b:text", "1|x"]);
    // Nobody whom this machine trusts made the certificate, and the authority of others did not either.
    for tls in [None, Some(trusting(strangers.path()))] {
        let told = read(&context, &ask(tls, url.clone())).await.unwrap_err();
        assert!(told.contains("certificate") && told.contains("check `tls`"), "{told}");
    }
    let other_name = CheckedTls { server_name: Some("plant".into()), ..trusting(own.path()) };
    let told = read(&context, &ask(Some(other_name), url.clone())).await.unwrap_err();
    assert!(told.contains("plant"), "{told}");
    let any = CheckedTls { verify: false, ..trusting(strangers.path()) };
    assert!(read(&context, &ask(Some(any), url)).await.is_ok());
    // Whether an answer without a length is whole, only the end of the encryption would say.
    let open = format!("https://127.0.0.1:{port}/csv");
    let told = read(&context, &ask(Some(trusting(own.path())), open)).await.unwrap_err();
    assert!(told.contains("broke"), "{told}");
    let plain = format!("http://127.0.0.1:{port}/sized");
    assert!(read(&context, &ask(None, plain)).await.is_err());
}

fn shelf(folder: &Path) -> Shelf {
    let context = context(&folder.join("files"));
    let store = Store::open(&context.env.disk, &folder.join("tables")).unwrap();
    Shelf::new(context, store)
}

/// Resolves when the table is as is asked for.
async fn wait(shelf: &Shelf, holds: impl Fn(&tagwerk_tables::TableView) -> bool) {
    let mut changed = shelf.watch();
    while !shelf.one("t").is_some_and(|view| holds(&view)) {
        let _ = tokio::time::timeout(Duration::from_millis(20), changed.changed()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_version_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("files/a.csv");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "a\n1\n").unwrap();
    let defined =
        [CheckedTable { refresh: Some(Duration::from_secs(3_600)), ..table(csv("a.csv"), &[]) }];
    let shelf_now = shelf(folder.path());
    shelf_now.define(&defined);
    wait(&shelf_now, |view| view.current.is_some() && !view.reading).await;
    let first = shelf_now.one("t").unwrap().current.unwrap();
    assert_eq!(shown(&first.table), ["a:int64", "1"]);
    std::fs::write(&file, "a\n2\n").unwrap();
    assert!(shelf_now.refresh("t"));
    wait(&shelf_now, |view| view.current.as_ref().unwrap().version != first.version).await;
    let second = shelf_now.one("t").unwrap().current.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(shelf_now.refresh("t"));
    wait(&shelf_now, |view| view.failing.is_some() && !view.reading).await;
    let view = shelf_now.one("t").unwrap();
    assert_eq!(view.current.unwrap().version, second.version);
    assert!(view.failing.unwrap().fault.problem.contains("cannot be read"));
    assert!(view.next_unix_ns.is_some() && view.reads == 2 && view.failures == 1);
    shelf_now.end();
    // A start without the source.
    let shelf_later = shelf(folder.path());
    shelf_later.define(&defined);
    assert_eq!(shelf_later.one("t").unwrap().current.unwrap().version, second.version);
    assert_eq!(shelf_later.known(&defined[0]).unwrap().version, second.version);
    // Read otherwise, it is another table.
    let other = [table(csv("a.csv"), &[("a", ColumnType::Text)])];
    assert!(shelf_later.known(&other[0]).is_none());
    shelf_later.define(&other);
    assert!(shelf_later.one("t").unwrap().current.is_none());
    assert!(!shelf_later.refresh("u"));
}
