use software::version::{Ranges, Scheme, compare};
use std::cmp::Ordering::{Equal, Greater, Less};

/// From old to new; what stands in one row separated by `=` is equal.
#[track_caller]
fn ascending(scheme: Scheme, list: &str) {
    let rows: Vec<Vec<&str>> =
        list.split(" < ").map(|row| row.split(" = ").map(str::trim).collect()).collect();
    for (place, row) in rows.iter().enumerate() {
        for one in row {
            for other in row {
                assert_eq!(compare(scheme, one, other), Equal, "{scheme:?}: {one} and {other}");
            }
            for newer in rows.iter().skip(place + 1).flatten() {
                assert_eq!(compare(scheme, one, newer), Less, "{scheme:?}: {one} before {newer}");
                assert_eq!(compare(scheme, newer, one), Greater, "{scheme:?}: {newer} after {one}");
            }
        }
    }
}

#[test]
fn every_scheme_orders_as_its_makers_do() {
    ascending(
        Scheme::Dotted,
        "1 = 1.0 = v1.0.0 = 1.0.0.0 < 1.2 < 1.10 = 1.10 (2931) < 2.0 < 5.17.5.2543 < 99999999999999999999999.1",
    );
    ascending(
        Scheme::Semver,
        "1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-alpha.beta < 1.0.0-beta < 1.0.0-beta.2 < 1.0.0-beta.11 < 1.0.0-rc.1 < 1.0.0 = 1.0.0+build.5 = v1.0 < 1.0.1",
    );
    ascending(
        Scheme::Letter,
        "1.0.2-beta1 < 1.0.2 < 1.0.2a < 1.0.2z < 1.0.2za < 1.0.2zg < 1.1.0 < 1.1.1w < 3.0.0-alpha1 < 3.0.0-beta2 < 3.0.0",
    );
    ascending(Scheme::Letter, "9.5p1 < 9.6 < 9.6p1 < 9.6p2");
    ascending(
        Scheme::Browser,
        "115.6.0 = 115.6.0esr < 128.0a1 < 128.0b3 < 128.0b10 < 128.0 < 128.0.6613.9 < 128.0.6613.120",
    );
    ascending(
        Scheme::Date,
        "20231231 = 2023-12-31 < 2024年1月 < 2024-01-15 = 20240115 = 2024/1/15 < RELEASE.2024-01-15T10-00-00Z < 2024-02",
    );
}

#[test]
fn debian_versions_order_as_dpkg_does() {
    ascending(
        Scheme::Debian,
        "1.0~~ < 1.0~~a < 1.0~rc1-1 < 1.0~rc1-1+b1 < 1.0 = 1.0-0 = 0:1.0 < 1.0-1~bpo12+1 < 1.0-1 < 1.0-1+deb12u1 < 1.0a < 1.0+dfsg < 1.0.1 < 1.2 < 1.10 < 1:0.1 < 2:0",
    );
    ascending(Scheme::Debian, "7.6-0 < 7.6p2-4");
    ascending(Scheme::Debian, "1.0-1.1 < 1.0.3-3 < 1.00.5");
}

#[test]
fn rpm_versions_order_as_rpm_does() {
    ascending(Scheme::Rpm, "1.0~rc1 < 1.0~rc2 < 1.0 < 1.0^git1 < 1.0^git2 < 1.0.1 < 1.1");
    ascending(Scheme::Rpm, "5.5p1 < 5.5p2 < 5.5p10 < 5.6p1");
    ascending(Scheme::Rpm, "xyz.4 < 2a < 2.0 = 2_0 < 2.0.1 < 2.0.1a < 8");
    ascending(Scheme::Rpm, "1.0-1.el9 < 1.0-2.el9 < 1.1-1.el9 < 1:0.5-1");
    ascending(Scheme::Rpm, "10xyz < 10.1xyz");
}

#[test]
fn what_does_not_fit_is_older_than_what_fits() {
    for scheme in [Scheme::Dotted, Scheme::Semver, Scheme::Date, Scheme::Letter, Scheme::Browser] {
        assert_eq!(compare(scheme, "unknown", "2024.1.1"), Less, "{scheme:?}");
        assert_eq!(compare(scheme, "", "2024.1.1"), Less, "{scheme:?}");
        assert_eq!(compare(scheme, "build 9", "build 10"), Less, "{scheme:?}");
        assert_eq!(Scheme::of_name(scheme.name()).expect("its own name"), scheme);
    }
}

#[test]
fn ranges_hold_what_they_say() {
    let ranges = Ranges::parse(">=1.2, <2 || =3.1").expect("a range");
    for (version, inside) in [
        ("1.1", false),
        ("1.2", true),
        ("1.10", true),
        ("2.0", false),
        ("3.1.0", true),
        ("3.2", false),
    ] {
        assert_eq!(ranges.contains(Scheme::Dotted, version), inside, "{version}");
    }
    assert_eq!(ranges.to_string(), ">=1.2, <2 || =3.1");
    assert!(Ranges::parse("*").expect("all").contains(Scheme::Dotted, "anything"));
    assert!(!Ranges::default().contains(Scheme::Dotted, "1"));
    assert!(Ranges::parse("< 2:1.0-1").expect("debian").contains(Scheme::Debian, "1:9"));
    for wrong in ["", "||", ">=", ">=1, >=2", "=1, <2", "1 <2", "=>1", "1.*"] {
        assert!(Ranges::parse(wrong).is_err(), "{wrong}");
    }
}
