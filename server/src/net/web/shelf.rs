//! The shelf as JSON, as `chatshelf list --json` shows it. Pure functions.

use chatshelf_common::id::UnixMillis;
use chatshelf_common::json;
use chatshelf_common::wire::frame::Item;
use jiff::Timestamp;

/// An array of the items, oldest first.
pub(super) fn json<'a>(items: impl Iterator<Item = &'a Item>) -> String {
    let items: Vec<String> = items.map(object).collect();
    format!("[{}]\n", items.join(","))
}

fn object(item: &Item) -> String {
    let mode = item.mode.map(|mode| mode.to_string());
    format!(
        "{{\"id\":{},\"name\":{},\"size\":{},\"nick\":{},\"at\":{},\"digest\":\"{}\",\"mode\":{},\
         \"modified\":{}}}",
        item.id,
        json::string(item.name.as_str()),
        item.size,
        json::string(item.nick.as_str()),
        time(Some(item.at)),
        item.digest,
        mode.map_or("null".into(), |mode| json::string(&mode)),
        time(item.modified),
    )
}

/// A moment in RFC 3339; null if there is none, or if it is beyond the calendar.
fn time(at: Option<UnixMillis>) -> String {
    let moment = at.and_then(|at| Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok());
    let shown = moment.map(|moment| moment.strftime("\"%Y-%m-%dT%H:%M:%S%.3fZ\"").to_string());
    shown.unwrap_or_else(|| "null".into())
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::Mode;
    use chatshelf_testkit::samples;

    use super::*;

    #[test]
    fn the_shelf_is_an_array_of_objects() {
        assert_eq!(json([].into_iter()), "[]\n");
        let plain = Item { at: UnixMillis(0), ..samples::item(1, "a", 5, samples::digest(b"a")) };
        let (mode, modified) = (Mode::new(0o755), Some(UnixMillis(1_700_000_000_123)));
        let full = Item { mode, modified, at: UnixMillis(u64::MAX), ..plain.clone() };
        let parsed: serde_json::Value =
            serde_json::from_str(&json([&plain, &full].into_iter())).unwrap();
        assert_eq!(parsed[0]["id"], 1);
        assert_eq!(parsed[0]["at"], "1970-01-01T00:00:00.000Z");
        assert_eq!(parsed[0]["digest"], samples::digest(b"a").to_string());
        assert!(parsed[0]["mode"].is_null() && parsed[1]["at"].is_null());
        assert_eq!(parsed[1]["modified"], "2023-11-14T22:13:20.123Z");
    }
}
