//! The page, the dashboard and the alerts, as Prometheus itself takes them. It is not part of the
//! toolchain: `make check-metrics` asks for it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Program, is_installed};
use chatshelf_testkit::wait::{HANG, eventually};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::harness::Home;
use crate::metrics::{get, watched};

/// How long a query may take to find something: rates need several samples.
const LONG: Duration = Duration::from_secs(120);

/// From one question to the next.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// A file beside the dashboard.
fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana").join(name)
}

#[test]
fn promtool_finds_nothing_wrong_with_the_page() {
    if !is_installed("promtool") {
        return;
    }
    let home = Home::new();
    let (server, address) = watched(&home);
    Peer::join(server.address(), "ada").say_and_hear("hello");
    let (_, page) = get(address, "/metrics");
    let ended = Program::run(Command::new("promtool").args(["check", "metrics"]), &page);
    ended.has_code(0);
    assert_eq!(ended.stderr, "");
    server.end_well();
}

#[test]
fn promtool_finds_nothing_wrong_with_the_alerts() {
    if is_installed("promtool") {
        let mut command = Command::new("promtool");
        Program::run(command.args(["check", "rules"]).arg(beside("alerts.yml")), "").has_code(0);
    }
}

/// Every expression in the panels of the dashboard.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(expression)) = fields.get("expr") {
                found.push(expression.clone());
            }
            fields.values().for_each(|value| expressions(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

/// What a Prometheus answers to a query; none if that is nothing or no number.
fn query(prometheus: SocketAddr, expression: &str) -> Result<(), String> {
    let encoded = utf8_percent_encode(expression, NON_ALPHANUMERIC);
    let mut stream = TcpStream::connect(prometheus).map_err(|why| why.to_string())?;
    stream.set_read_timeout(Some(HANG)).unwrap();
    // Of HTTP/1.0, so that the answer comes in one piece.
    let request = format!("GET /api/v1/query?query={encoded} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|why| why.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|why| why.to_string())?;
    let (_, content) = answer.split_once("\r\n\r\n").ok_or("no head")?;
    let found: Value = serde_json::from_str(content).map_err(|why| why.to_string())?;
    let results = found["data"]["result"].as_array().ok_or_else(|| found.to_string())?;
    let is_number = |result: &Value| {
        result["value"][1].as_str().is_some_and(|text| text.parse().is_ok_and(f64::is_finite))
    };
    match results.is_empty() || !results.iter().all(is_number) {
        true => Err(found.to_string()),
        false => Ok(()),
    }
}

/// Asks until there is an answer; if none comes, says to what and why.
fn wait_for_answer(prometheus: SocketAddr, written: &str) -> Option<String> {
    // What Grafana puts in their places.
    let asked = written.replace("$__rate_interval", "20s").replace("$instance", ".*");
    let started = Instant::now();
    while let Err(why) = query(prometheus, &asked) {
        if started.elapsed() > LONG {
            return Some(format!("{written}: {why}"));
        }
        std::thread::sleep(ASK_EVERY);
    }
    println!("answered: {written}");
    None
}

/// Talks and uploads until it is told to stop.
fn keep_busy(room: SocketAddr, is_over: &AtomicBool) {
    let mut ada = Peer::join(room, "ada");
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        ada.say_and_hear(&format!("line {number}"));
        if number % 20 == 0 {
            ada.upload(&format!("{number}.txt"), &[7; 100_000]);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Run by `make check-metrics`.
#[test]
#[ignore = "it needs Prometheus, and some time for it to collect samples"]
fn a_real_prometheus_answers_every_query_of_the_dashboard() {
    let home = Home::new();
    let (server, address) = watched(&home);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("prometheus.yml");
    let scrape = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: chatshelf\n    \
         static_configs:\n      - targets: ['{address}']\n"
    );
    fs::write(&config, scrape).unwrap();
    let prometheus = Program::start(
        Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0"),
    );
    let at = eventually("where Prometheus listens", || {
        let log = prometheus.stderr();
        let (_, rest) = log.split_once("\"Listening on\" address=")?;
        rest.split_whitespace().next()?.parse::<SocketAddr>().ok()
    });
    let dashboard = fs::read_to_string(beside("chatshelf.json")).unwrap();
    let mut queries = Vec::new();
    expressions(&serde_json::from_str(&dashboard).unwrap(), &mut queries);
    assert!(queries.len() >= 20, "{} queries", queries.len());
    let is_over = AtomicBool::new(false);
    let unanswered = std::thread::scope(|scope| {
        scope.spawn(|| keep_busy(server.address(), &is_over));
        let unanswered = queries.iter().find_map(|written| wait_for_answer(at, written));
        is_over.store(true, Ordering::Relaxed);
        unanswered
    });
    assert_eq!(unanswered, None);
    prometheus.kill();
    server.end_well();
}
