//! What the server costs, beside the least that could do the same, and beside what people run
//! instead (docs/BENCHMARKS.md). Run by `make bench`, `make bench-peers` and `make comparison`.

#[cfg(target_os = "linux")]
mod baseline;
#[cfg(target_os = "linux")]
mod chart;
#[cfg(target_os = "linux")]
mod comparison;
#[cfg(target_os = "linux")]
mod contenders;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod interrupt;
#[cfg(target_os = "linux")]
mod large;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod measured;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod rooms;
#[cfg(target_os = "linux")]
mod rules;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod spread;
#[cfg(target_os = "linux")]
mod stream;
#[cfg(target_os = "linux")]
mod targets;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the benchmarks need Linux: they pin processes to cores and read /proc");
}
