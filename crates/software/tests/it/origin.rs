use software::origin::{Verdict, judge, parse, registrable_domain, shown_host};

#[track_caller]
fn check(url: &str, official: &[&str], verdict: Verdict) {
    let official: Vec<String> = official.iter().map(|&host| host.to_owned()).collect();
    let found = judge(url, &official);
    assert_eq!(found.verdict, verdict, "{url}: {}", found.why.en);
    assert!(!found.why.ja.is_empty());
}

#[test]
fn official_places_are_the_vendors_alone() {
    check("https://zoom.us/client/zoom.deb", &["zoom.us"], Verdict::Official);
    check("https://cdn.ZOOM.us:443/x", &["zoom.us"], Verdict::Official);
    check("https://zoom.us./x", &["zoom.us"], Verdict::Official);
    check(
        "https://github.com/rustdesk/rustdesk/releases/x",
        &["github.com/rustdesk"],
        Verdict::Official,
    );
    check("https://github.com/RustDesk", &["github.com/rustdesk"], Verdict::Official);
    check("", &["zoom.us"], Verdict::Unknown);
    check("not an address", &["zoom.us"], Verdict::Unknown);
    check("file:///home/x", &["zoom.us"], Verdict::Unknown);
    check("https://zoom.us/", &[], Verdict::Unknown);
    check("https://www.softonic.jp/zoom", &["zoom.us"], Verdict::Unofficial);
    check("https://github.com/somebody/rustdesk", &["github.com/rustdesk"], Verdict::Unofficial);
    check("https://github.com/rustdesk-x/../evil", &["github.com/rustdesk"], Verdict::Unofficial);
    check("https://github.com/rustdesk/../evil/x", &["github.com/rustdesk"], Verdict::Unofficial);
    check("https://notzoom.us/", &["zoom.us"], Verdict::Unofficial);
}

#[test]
fn look_alikes_are_told() {
    check("https://zoom.us.download.example/", &["zoom.us"], Verdict::LookAlike);
    check("https://zoom-download.com/", &["zoom.us"], Verdict::LookAlike);
    check("https://zoom.click/", &["zoom.us"], Verdict::LookAlike);
    check("https://zo0m.us/", &["zoom.us"], Verdict::LookAlike);
    check("https://rnicrosoft.com/", &["microsoft.com"], Verdict::LookAlike);
    check("https://micorsoft.com/", &["microsoft.com"], Verdict::LookAlike);
    check("https://xn--mzlla-3ya4h.org/", &["mozilla.org"], Verdict::Unofficial);
    check("https://xn--80ak6aa92e.com/", &["apple.com"], Verdict::LookAlike);
    check("https://github.com/rustdeks/x", &["github.com/rustdesk"], Verdict::LookAlike);
    // What stands before an at sign is no host.
    check("https://zoom.us@evil.example/x", &["zoom.us"], Verdict::Unofficial);
    check("https:\\\\evil.example\\zoom.us", &["zoom.us"], Verdict::Unofficial);
}

#[test]
fn addresses_are_read_as_browsers_read_them() {
    let origin = parse("HTTPS://user:pw@Files.Example.co.jp:8443\\a/b?c#d").expect("an address");
    assert_eq!(
        (origin.host.as_str(), origin.domain.as_str()),
        ("files.example.co.jp", "example.co.jp")
    );
    assert!(origin.credentials && origin.encrypted);
    assert_eq!(parse("http://192.0.2.1/x").expect("numbers").domain, "192.0.2.1");
    assert_eq!(parse("http://[2001:db8::1]:80/x").expect("numbers").host, "2001:db8::1");
    assert_eq!(registrable_domain("x.github.io").as_deref(), Some("x.github.io"));
    assert_eq!(registrable_domain("co.jp"), None);
    assert_eq!(shown_host("xn--wgv71a119e.jp"), "xn--wgv71a119e.jp (日本語.jp)");
    for wrong in [
        "",
        "https://",
        "https:///",
        "javascript:alert(1)",
        "https://a b/",
        "https://a\u{202E}b/",
        "https://%41/",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
    assert!(parse(&format!("https://a/{}", "x".repeat(1 << 20))).is_err());
}
