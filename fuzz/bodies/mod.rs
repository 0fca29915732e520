//! What is fuzzed: for each target a function that takes any bytes and panics if something is
//! wrong, and the inputs that it begins with. Nothing here knows of a fuzzer, so the server's tests
//! run all of it too.

#[path = "../../server/tests/simulator/budget.rs"]
mod budget;
pub(crate) mod connection_http;
pub(crate) mod connection_plain;
pub(crate) mod connection_tls;
pub(crate) mod connection_websocket;
pub(crate) mod data_dir;
mod files;
pub(crate) mod frames;
mod free_crypto;
pub(crate) mod journal;
pub(crate) mod known_hosts;
pub(crate) mod links;
pub(crate) mod messages;
pub(crate) mod requests;
mod room;
mod script;
mod seeds;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod texts;
pub(crate) mod websocket;
mod wire;

/// Something that is fuzzed.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Tries an input.
    pub(crate) run: fn(&[u8]),
    /// Inputs to begin with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Bytes of an input, at most.
    pub(crate) bytes_max: usize,
}

/// All of them, the fastest first.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "links", run: links::run, seeds: seeds::links, bytes_max: 320 },
    Target { name: "messages", run: messages::run, seeds: seeds::messages, bytes_max: 1024 },
    Target { name: "frames", run: frames::run, seeds: seeds::frames, bytes_max: 2048 },
    Target { name: "websocket", run: websocket::run, seeds: seeds::websocket, bytes_max: 1024 },
    Target {
        name: "known_hosts",
        run: known_hosts::run,
        seeds: seeds::known_hosts,
        bytes_max: 512,
    },
    Target { name: "texts", run: texts::run, seeds: seeds::texts, bytes_max: 320 },
    Target { name: "requests", run: requests::run, seeds: seeds::requests, bytes_max: 9_000 },
    Target { name: "settings", run: settings::run, seeds: seeds::settings, bytes_max: 512 },
    Target { name: "session", run: session::run, seeds: seeds::session, bytes_max: 2048 },
    Target { name: "journal", run: journal::run, seeds: seeds::journal, bytes_max: 1024 },
    Target { name: "data_dir", run: data_dir::run, seeds: seeds::data_dir, bytes_max: 1024 },
    Target {
        name: "connection_plain",
        run: connection_plain::run,
        seeds: seeds::plain,
        bytes_max: 1024,
    },
    Target { name: "connection_tls", run: connection_tls::run, seeds: seeds::tls, bytes_max: 512 },
    Target {
        name: "connection_websocket",
        run: connection_websocket::run,
        seeds: seeds::websocket_rooms,
        bytes_max: 1024,
    },
    Target {
        name: "connection_http",
        run: connection_http::run,
        seeds: seeds::http_rooms,
        bytes_max: 1024,
    },
];
