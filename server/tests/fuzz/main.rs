//! The fuzz targets of `fuzz/`, without a fuzzer: each takes the inputs it begins with and a few
//! that are made of them. So they cannot rot, and what no fuzzer needs to find is found here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../fuzz/bodies/mod.rs"]
mod bodies;

use std::fs;
use std::path::Path;

use bodies::{TARGETS, Target};
use chatshelf_testkit::rng::Rng;

/// Changed inputs for each target.
const CHANGED: usize = 2_000;

/// Runs the target of this name.
fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    assert!(seeds.len() > 2, "a fuzzer needs something to begin with");
    seeds.iter().for_each(|seed| try_input(target, seed));
    let mut rng = Rng::new(1, 0);
    for _ in 0..CHANGED {
        let mut input = seeds[rng.below(seeds.len() as u64) as usize].clone();
        input.truncate(target.bytes_max);
        for _ in 0..1 + rng.below(4) {
            change(&mut input, &seeds, &mut rng);
        }
        try_input(target, &input);
    }
}

fn try_input(target: &Target, input: &[u8]) {
    let tried = std::panic::catch_unwind(|| (target.run)(input));
    assert!(tried.is_ok(), "{} fails on {}", target.name, input.escape_ascii());
}

/// Changes, adds or takes away something.
fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.up_to(input.len());
    match rng.below(4) {
        0 => input.truncate(at),
        1 => input.insert(at, rng.below(256) as u8),
        2 => {
            let other = &seeds[rng.below(seeds.len() as u64) as usize];
            let from = rng.up_to(other.len());
            input.splice(at..at, other[from..].iter().take(100).copied());
        }
        _ => input.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << rng.below(8)),
    }
}

#[test]
fn every_target_has_a_program_that_a_fuzzer_runs() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    for Target { name, .. } in TARGETS {
        let program = fs::read_to_string(dir.join(format!("targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("bodies::{name}::run(bytes)")), "{name}");
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
    }
    assert_eq!(fs::read_dir(dir.join("targets")).unwrap().count(), TARGETS.len());
}

/// Writes what `make fuzz` begins with: for each target a folder of its inputs; and the targets,
/// each with the most bytes that its inputs have.
#[test]
#[ignore = "writes files: make fuzz calls it"]
fn corpora() {
    let dir = std::env::var_os("CORPORA").expect("CORPORA is the folder for them");
    let dir = Path::new(&dir);
    for target in TARGETS {
        let dir = dir.join(target.name);
        fs::create_dir_all(&dir).unwrap();
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(dir.join(format!("seed-{number}")), seed).unwrap();
        }
    }
    let line = |target: &Target| format!("{} {}\n", target.name, target.bytes_max);
    fs::write(dir.join("targets"), TARGETS.iter().map(line).collect::<String>()).unwrap();
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*

        #[test]
        fn no_target_is_left_out() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

targets! {
    links messages frames websocket known_hosts texts requests settings session journal data_dir
    connection_plain connection_tls connection_websocket connection_http
}
