//! What each kind of text takes and refuses.

use super::*;

#[test]
fn nicks_hold_letters_of_any_script_and_nothing_that_misleads() {
    for good in ["ada", "Ada_9", "żółw", "李雷", "हिन्दी", "🦀", "_x", "a-b.c", &"n".repeat(32)]
    {
        assert!(Nick::new(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "a b",
        "a\u{a0}b",
        "ada\u{200d}",
        "\u{3164}",
        "-a",
        ".a",
        "a\u{202e}b",
        "a\nb",
        "/who",
        "a@b",
        &"n".repeat(33),
    ] {
        assert!(Nick::new(bad).is_err(), "{bad:?}");
    }
    assert_eq!(Nick::from_bytes(b"\xff"), Err(TextError::NotUtf8));
}

#[test]
fn a_new_nick_can_be_seen_and_is_nobody_elses() {
    for bad in [
        "\u{301}",
        "\u{301}a",
        "\u{20dd}",
        "\u{93e}",
        "\u{301}\u{302}",
        "a\u{fe0f}",
        "a\u{e0100}",
        "a\u{600}",
        "a\u{e000}",
        "a\u{f0000}",
        "a\u{378}",
        "a\u{fffe}",
        "\u{2800}",
        "\u{1d159}",
        "you",
        "YOU",
        "Yоu",
        "уоu",
        "y0u",
    ] {
        assert!(Nick::new(bad).is_err(), "{bad:?}");
    }
    for good in ["youssef", "thou", "zoe\u{308}", "हिन्दी", "🦀🏽"] {
        assert!(Nick::new(good).is_ok(), "{good}");
    }
}

#[test]
fn nobody_can_have_the_name_of_guests() {
    let guest = Nick::guest();
    assert_eq!(Nick::from_bytes(guest.as_str().as_bytes()), Ok(guest.clone()));
    for taken in [guest.as_str(), "Web-Guest", "wеb-guest"] {
        assert_eq!(Nick::new(taken), Err(TextError::LooksLikeGuest), "{taken}");
    }
    assert!(Nick::new("guest").is_ok() && Nick::new("web-guest2").is_ok());
}

#[test]
fn a_name_that_is_in_use_stays_readable() {
    for used in ["you", "a\u{378}", "\u{301}"] {
        let nick = Nick::from_bytes(used.as_bytes()).unwrap();
        assert!(nick.as_str() == used && nick.check_new().is_err(), "{used:?}");
    }
    let family = "👨\u{200d}👩\u{200d}👧.jpg";
    let name = FileName::from_bytes(family.as_bytes()).unwrap();
    assert!(name.as_str() == family && name.check_new().is_err());
    assert!(Nick::from_bytes("a\u{202e}b".as_bytes()).is_err());
}

#[test]
fn file_names_are_never_paths() {
    for good in ["a", "…", "photo of me.jpg", "a:b", ".profile", &"x".repeat(255)] {
        assert!(FileName::new(good).is_ok(), "{good}");
    }
    let long = "x".repeat(256);
    for bad in [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a\0b",
        "a\x1b[2J",
        "gpj.\u{202e}exe",
        "❤\u{fe0f}",
        "a\u{200d}b",
        "a\u{e000}",
        "a\u{378}",
        &long,
    ] {
        assert!(FileName::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_lossy_file_name_keeps_its_extension_and_obeys_the_rule() {
    assert_eq!(FileName::lossy("a/b\nc.txt").unwrap().as_str(), "a_b_c.txt");
    let long = FileName::lossy(&format!("{}.tar", "é".repeat(400))).unwrap();
    assert!(long.as_str().ends_with(".tar") && long.as_str().len() <= 255);
    let titled = FileName::lossy(&format!("v1. {}", "long title ".repeat(40))).unwrap();
    assert_eq!(titled.as_str().len(), 255);
    assert!(FileName::lossy(&format!("..{}", "a".repeat(300))).is_ok());
    assert!(FileName::lossy("..").is_err());
    assert_eq!(FileName::lossy("👨\u{200d}👧 ❤\u{fe0f}.jpg").unwrap().as_str(), "👨👧 ❤.jpg");
    assert_eq!(FileName::lossy("a\u{202e}b\u{e000}\u{378}").unwrap().as_str(), "a_b__");
    assert_eq!(FileName::lossy(".\u{200d}.").unwrap().as_str(), "._.");
    assert_eq!(FileName::new(".profile").unwrap().split_extension(), (".profile", ""));
}

#[test]
fn messages_may_have_lines_but_no_escapes() {
    assert!(Message::new("one\n\ttwo").is_ok());
    assert_eq!(Message::new("\x1b[2J"), Err(TextError::Forbidden('\x1b')));
    assert_eq!(Message::new("a\u{9b}"), Err(TextError::Forbidden('\u{9b}')));
    assert_eq!(Message::new(""), Err(TextError::Empty));
    assert!(Message::new(&"m".repeat(8192)).is_ok());
    assert_eq!(Message::new(&"m".repeat(8193)), Err(TextError::TooLong { limit: 8192 }));
}

#[test]
fn links_begin_with_http_and_a_host_or_not_at_all() {
    let longest = format!("https://{}:65535", "h".repeat(255));
    for good in ["", "http:", "https:", "http://a", "https://[::1]:9000", &longest] {
        assert_eq!(LinkBase::new(good).map(|it| it.as_str().to_owned()), Ok(good.into()));
    }
    for bad in
        ["h", "https", "https:/", "https://", "https://a/", "https:///a", "HTTPS://a", "ftp:", ":"]
    {
        assert_eq!(LinkBase::new(bad), Err(TextError::NotLinkBase), "{bad}");
    }
    for (bad, c) in [
        ("https://a b", ' '),
        ("https://ada@b", '@'),
        ("https://b?q", '?'),
        ("https://\u{430}", '\u{430}'),
        ("https://a\x1b", '\x1b'),
    ] {
        assert_eq!(LinkBase::new(bad), Err(TextError::Forbidden(c)), "{bad}");
    }
    let limit = LINK_BASE_BYTES_MAX;
    assert_eq!(LinkBase::new(&format!("{longest}0")), Err(TextError::TooLong { limit }));
}

#[test]
fn a_note_can_be_made_of_anything() {
    assert_eq!(Note::lossy("").as_str(), "-");
    assert_eq!(Note::lossy("a\nb").as_str(), "a b");
    assert!(Note::new(Note::lossy(&"é".repeat(300)).as_str()).is_ok());
}
