//! What each option accepts, and what it sets.

use chatshelf_common::rate::Rate;

use super::*;
use crate::passwords::{Realm, Source};

fn parsed(line: &str) -> Result<Parsed<Config>, String> {
    let arguments = line.split_whitespace().map(OsString::from);
    parse(arguments, &Sources::NOTHING).map_err(|error| error.to_string())
}

fn config(line: &str) -> Config {
    match parsed(line) {
        Ok(Parsed::Run(config)) => config,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn without_options_it_runs_with_the_documented_defaults() {
    let Config { file, check, bind, port, metrics, data_dir, log, settings, disk, .. } = config("");
    assert_eq!((metrics, config("").allow_plain), (None, PeerScope::Loopback));
    assert!(matches!(config("").identity(), Ok(crate::identity::Origin::Own(..))));
    assert_eq!((log.format, log.level), (LogFormat::Text, LevelFilter::Warn));
    assert_eq!((file, check), (None, false));
    assert_eq!((bind, port, data_dir), (None, 9000, "chatshelf-data".into()));
    assert_eq!((settings.file_bytes_max, settings.keep), (1 << 30, 5));
    assert_eq!((settings.history_max, settings.members_max), (1000, 10_000));
    assert_eq!(settings.deadlines, Deadlines::DEFAULT);
    assert_eq!(settings.allowances, Allowances::DEFAULT);
    assert_eq!((disk.min_free_bytes, disk.partial_bytes_max), (None, 2 << 30));
    assert_eq!((disk.keep_partial_ms, disk.durability), (86_400_000, Durability::Interval));
}

#[test]
fn sizes_take_suffixes() {
    for (text, bytes) in
        [("1GiB", 1 << 30), ("500MB", 500_000_000), ("1k", 1000), ("64KiB", 65536), ("7", 7)]
    {
        let config = config(&format!("--max-file-size {text}"));
        assert_eq!(config.settings.file_bytes_max, bytes, "{text}");
    }
}

#[test]
fn twice_the_largest_file_is_kept_of_interrupted_uploads() {
    assert_eq!(config("--max-file-size 3GB").disk.partial_bytes_max, 6_000_000_000);
    let largest = config(&format!("--max-file-size {}", u64::MAX));
    assert_eq!(largest.disk.partial_bytes_max, u64::MAX);
}

#[test]
fn times_take_units() {
    for (text, seconds) in
        [("0", 0), ("0s", 0), ("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)]
    {
        let config = config(&format!("--keep-partial {text}"));
        assert_eq!(config.disk.keep_partial_ms, seconds * 1000, "{text}");
    }
}

#[test]
fn every_durability_can_be_chosen() {
    for level in [Durability::None, Durability::Interval, Durability::Always] {
        assert_eq!(config(&format!("--durability {level}")).disk.durability, level);
    }
}

#[test]
fn addresses_may_be_of_either_family() {
    assert_eq!(config("--bind 127.0.0.1 --port 0").bind, "127.0.0.1".parse().ok());
    assert_eq!(config("-b ::1 -p 65535").bind, "::1".parse().ok());
}

#[test]
fn a_bad_option_is_named_with_what_it_accepts() {
    for (line, told) in [
        ("--port 70000", "--port '70000': must be a number from 0 to 65535"),
        ("--keep 0", "--keep '0': must be a number from 1 to 1000"),
        ("--max-file-size big", "--max-file-size 'big': must be a size such as"),
        ("--bind nowhere", "--bind 'nowhere': must be an IPv4 or IPv6 address"),
        ("--history -1", "--history"),
        ("--keepalive 0", "--keepalive '0': must be a number from 1 to 3600"),
        ("--hello-timeout 0", "--hello-timeout '0': must be a number from 1 to 3600"),
        ("--limit-lines 20", "--limit-lines '20': must be off or a rate such as 20+5/s"),
        ("--limit-uploads 1GiB/d", "must be off or a rate such as"),
        ("--limit-joins 0+1/s", "must be off or a rate such as"),
        ("--limit-exempt us", "--limit-exempt 'us': must be none, loopback or any"),
        ("--min-free lots", "must be a size such as"),
        ("--keep-partial 24", "must be 0 or a time such as"),
        ("--keep-partial=-1h", "must be 0 or a time such as"),
        ("--keep-partial 1y", "must be 0 or a time such as"),
        ("--metrics 9100", "--metrics '9100': must be an address and a port, such as"),
        ("--allow-plain some", "--allow-plain 'some': must be none, loopback or any"),
        ("--durability maybe", "--durability 'maybe': must be none, interval or always"),
        ("--log-level loud", "--log-level 'loud': must be error, warn, info, debug or trace"),
        ("--log-format xml", "--log-format 'xml': must be text or json"),
        ("--frobnicate", "Unrecognized option: 'frobnicate'"),
        ("9000", "unexpected argument '9000'"),
    ] {
        let error = parsed(line).unwrap_err();
        assert!(error.contains(told) && !error.contains('\n'), "{line}: {error}");
    }
}

#[test]
fn the_defaults_are_those_of_the_help() {
    assert!(PROGRAM.defaults().count() >= 8);
    for (option, default) in PROGRAM.defaults() {
        let mut config = config(&format!("--{option}={default}"));
        config.log.overrides = false;
        assert_eq!(config, Config::default(), "{option}");
    }
}

#[test]
fn operators_are_told_of_every_variable() {
    let told = include_str!("../../../docs/OPERATIONS.md");
    for variable in PROGRAM.variables() {
        assert!(told.contains(&format!("`{variable}`")), "{variable}");
    }
}

#[test]
fn the_environment_sets_what_the_command_line_does_not() {
    let variable = |name: &str| match name {
        "CHATSHELF_SERVER_PORT" => Some("1".into()),
        "CHATSHELF_SERVER_MAX_FILE_SIZE" => Some("7".into()),
        _ => None,
    };
    let sources = Sources { variable: &variable, ..Sources::NOTHING };
    let Ok(Parsed::Run(config)) = parse(["-p2".into()], &sources) else { panic!() };
    assert_eq!((config.port, config.settings.file_bytes_max), (2, 7));
}

#[test]
fn a_rate_is_so_many_at_once_and_so_many_in_a_time() {
    let lines = |text: &str| config(&format!("--limit-lines {text}")).settings.allowances.lines;
    for (text, at_once, refill, period_ms) in [
        ("20+5/s", 20, 5, 1_000),
        ("10+30/min", 10, 30, 60_000),
        ("5/s", 5, 5, 1_000),
        ("1GiB+10MiB/h", 1 << 30, 10 << 20, 3_600_000),
        ("20GiB/h", 20 << 30, 20 << 30, 3_600_000),
    ] {
        assert_eq!(lines(text), Rate::new(at_once, refill, period_ms), "{text}");
        assert!(lines(text).is_some());
    }
    assert_eq!(lines("off"), None);
}

#[test]
fn every_deadline_can_be_set() {
    let set = config(
        "--hello-timeout 1 --join-timeout 2 --keepalive 3 --pong-timeout 4 --output-timeout 5 \
         --upload-timeout 6",
    );
    let (hello_ms, join_ms, keepalive_ms) = (1_000, 2_000, 3_000);
    let (pong_ms, output_ms, upload_ms) = (4_000, 5_000, 6_000);
    let deadlines = Deadlines { hello_ms, join_ms, keepalive_ms, pong_ms, output_ms, upload_ms };
    assert_eq!(set.settings.deadlines, deadlines);
}

#[test]
fn limits_hold_for_whom_they_are_meant() {
    for (text, exempt) in
        [("none", PeerScope::None), ("loopback", PeerScope::Loopback), ("any", PeerScope::Any)]
    {
        let set = config(&format!("--limit-exempt {text}"));
        assert_eq!(set.settings.allowances.exempt, exempt);
    }
}

#[test]
fn passwords_come_from_files_and_never_from_the_command_line() {
    let file = |config: Config| (config.password_file, config.operator_password_file);
    assert_eq!(file(config("")), (None, None));
    let given = config("--password-file /a --operator-password-file /b");
    assert_eq!(given.password(Realm::Room), Some(Source::File("/a".into())));
    assert_eq!(file(given), (Some("/a".into()), Some("/b".into())));
    assert!(parsed("--password sesame").is_err());
}

#[test]
fn what_holds_until_a_restart_is_kept() {
    let values =
        ["1", "127.0.0.1", "", "elsewhere", "always", "127.0.0.1:1", "web", "room", "operators"];
    assert_eq!(values.len(), AT_START.len());
    for (option, value) in AT_START.iter().zip(values) {
        let started = config("");
        let mut changed = config(&format!("--{option} {value}"));
        assert_ne!(changed, started, "{option}");
        changed.keep_from_start(&started);
        assert_eq!(changed, started, "{option}");
    }
}
