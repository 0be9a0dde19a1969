//! The examples of NISTIR 7695 (section 6) and the tables of NISTIR 7696 (section 6).

use software::cpe::{Field, Relation, Value, Wfn, attribute_relations, relation};

fn wfn(attributes: &[(Field, &str)]) -> Wfn {
    let mut name = Wfn::new();
    for (field, text) in attributes {
        name = match *text {
            "NA" => name.with_na(*field),
            "ANY" => name,
            quoted => name.with(*field, quoted).expect(quoted),
        };
    }
    name
}

use Field::{
    Edition, Other, Part, Product, SwEdition, TargetHw, TargetSw, Update, Vendor, Version,
};

fn explorer(version: &str, update: &str) -> Wfn {
    wfn(&[
        (Part, "a"),
        (Vendor, "microsoft"),
        (Product, "internet_explorer"),
        (Version, version),
        (Update, update),
    ])
}

fn insight(update: &str) -> Wfn {
    wfn(&[
        (Part, "a"),
        (Vendor, "hp"),
        (Product, "insight_diagnostics"),
        (Version, r"7\.4\.0\.1570"),
        (Update, update),
        (SwEdition, "online"),
        (TargetSw, "win2003"),
        (TargetHw, "x64"),
    ])
}

fn openview(update: &str) -> Wfn {
    wfn(&[
        (Part, "a"),
        (Vendor, "hp"),
        (Product, "openview_network_manager"),
        (Version, r"7\.51"),
        (Update, update),
        (TargetSw, "linux"),
    ])
}

fn money() -> Wfn {
    wfn(&[
        (Part, "a"),
        (Vendor, r"foo\\bar"),
        (Product, r"big\$money_manager_2010"),
        (SwEdition, "special"),
        (TargetSw, "ipod_touch"),
        (TargetHw, "80gb"),
    ])
}

#[test]
fn names_bind_to_uris_as_in_nistir_7695_section_6_1_2() {
    for (name, uri) in [
        (explorer(r"8\.0\.6001", "beta"), "cpe:/a:microsoft:internet_explorer:8.0.6001:beta"),
        (explorer(r"8\.*", "sp?"), "cpe:/a:microsoft:internet_explorer:8.%02:sp%01"),
        (insight("NA"), "cpe:/a:hp:insight_diagnostics:7.4.0.1570:-:~~online~win2003~x64~"),
        (openview("ANY"), "cpe:/a:hp:openview_network_manager:7.51::~~~linux~~"),
        (money(), "cpe:/a:foo%5cbar:big%24money_manager_2010:::~~special~ipod_touch~80gb~"),
    ] {
        assert_eq!(name.uri(), uri);
        assert_eq!(Wfn::of_uri(uri).expect(uri), name, "{uri}");
    }
}

#[test]
fn uris_unbind_as_in_nistir_7695_section_6_1_3() {
    for (uri, name) in [
        ("cpe:/a:microsoft:internet_explorer:8.%2a:sp%3f", explorer(r"8\.\*", r"sp\?")),
        ("cpe:/a:microsoft:internet_explorer:8.%02:sp%01", explorer(r"8\.*", "sp?")),
        ("cpe:/a:hp:insight_diagnostics:7.4.0.1570::~~online~win2003~x64~", insight("ANY")),
        ("cpe:/a:hp:openview_network_manager:7.51:-:~~~linux~~", openview("NA")),
        (
            "cpe:/a:foo~bar:big%7emoney_2010",
            wfn(&[(Part, "a"), (Vendor, r"foo\~bar"), (Product, r"big\~money_2010")]),
        ),
    ] {
        assert_eq!(Wfn::of_uri(uri).expect(uri), name, "{uri}");
    }
    for wrong in [
        "cpe:/a:foo%5cbar:big%24money_2010%07:::~~special~ipod_touch~80gb~",
        "cpe:/a:foo:bar:12.%02.1234",
        "cpe:/x:foo",
        "cpe:/a:foo:bar:1:2:3:4:5",
    ] {
        assert!(Wfn::of_uri(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn names_bind_to_formatted_strings_as_in_nistir_7695_section_6_2() {
    for (name, text) in [
        (
            explorer(r"8\.0\.6001", "beta"),
            "cpe:2.3:a:microsoft:internet_explorer:8.0.6001:beta:*:*:*:*:*:*",
        ),
        (explorer(r"8\.*", "sp?"), "cpe:2.3:a:microsoft:internet_explorer:8.*:sp?:*:*:*:*:*:*"),
        (insight("NA"), "cpe:2.3:a:hp:insight_diagnostics:7.4.0.1570:-:*:*:online:win2003:x64:*"),
        (openview("ANY"), "cpe:2.3:a:hp:openview_network_manager:7.51:*:*:*:*:linux:*:*"),
        (
            wfn(&[
                (Part, "a"),
                (Vendor, r"foo\\bar"),
                (Product, r"big\$money_2010"),
                (SwEdition, "special"),
                (TargetSw, "ipod_touch"),
                (TargetHw, "80gb"),
            ]),
            r"cpe:2.3:a:foo\\bar:big\$money_2010:*:*:*:*:special:ipod_touch:80gb:*",
        ),
    ] {
        assert_eq!(name.formatted(), text);
        assert_eq!(Wfn::of_formatted(text).expect(text), name, "{text}");
        assert_eq!(Wfn::parse(text).expect(text), name);
    }
    for wrong in [
        "cpe:2.3:a:hp:insight_diagnostics:7.4.*.1570:*:*:*:*:*:*:*",
        "cpe:2.3:a:foo:bar:*:*:*:*:*:*:*",
        "cpe:2.3:a:foo:bar:1:*:*:*:*:*:*:*:*",
        "cpe:2.3:z:foo:bar:1:*:*:*:*:*:*:*",
        "cpe:2.3:a::bar:1:*:*:*:*:*:*:*",
        "cpe:2.3:a:ズーム:bar:1:*:*:*:*:*:*:*",
        r"cpe:2.3:a:foo:bar:1:*:*:*:*:*:*:\",
        "",
        "cpe",
    ] {
        assert!(Wfn::parse(wrong).is_err(), "{wrong}");
    }
    assert!(matches!(
        Wfn::parse(&format!("cpe:2.3:a:{}", "a".repeat(1 << 20))),
        Err(software::SoftwareError::TooLarge { .. })
    ));
}

#[test]
fn attributes_relate_as_in_table_6_2_of_nistir_7696() {
    use Relation::{Disjoint, Equal, Subset, Superset, Undefined};
    let rows = [
        ("ANY", "ANY", Equal),
        ("ANY", "NA", Superset),
        ("ANY", "i", Superset),
        ("ANY", "m*", Undefined),
        ("NA", "ANY", Subset),
        ("NA", "NA", Equal),
        ("NA", "i", Disjoint),
        ("NA", "m*", Undefined),
        ("i", "i", Equal),
        ("i", "I", Equal),
        ("i", "k", Disjoint),
        ("i", "m*", Undefined),
        ("i", "NA", Disjoint),
        ("i", "ANY", Subset),
        ("m1*", "m1", Superset),
        ("m1*", "m15", Superset),
        ("m1?", "m15", Superset),
        ("m1?", "m1", Superset),
        ("m1?", "m155", Disjoint),
        ("??m", "m", Superset),
        ("??m", "abcm", Disjoint),
        ("*m*", "amb", Superset),
        ("*m", "amb", Disjoint),
        ("m*", "k", Disjoint),
        ("m*", "ANY", Subset),
        ("m*", "NA", Disjoint),
        ("m*", "m*", Undefined),
        ("m*", "k*", Undefined),
    ];
    for (source, target, expected) in rows {
        let (left, right) = (wfn(&[(Version, source)]), wfn(&[(Version, target)]));
        let found = attribute_relations(&left, &right)
            .into_iter()
            .find(|(field, _)| *field == Version)
            .map(|(_, one)| one);
        assert_eq!(found, Some(expected), "{source} to {target}");
    }
}

#[test]
fn names_relate_as_in_table_6_4_of_nistir_7696() {
    let adobe = wfn(&[
        (Part, "a"),
        (Vendor, "adobe"),
        (Version, r"9\.*"),
        (Update, "palmos"),
        (Edition, "NA"),
    ]);
    let reader = wfn(&[
        (Part, "a"),
        (Product, "reader"),
        (Version, r"9\.3\.2"),
        (Update, "NA"),
        (Edition, "NA"),
    ]);
    let found: Vec<Relation> =
        attribute_relations(&adobe, &reader).into_iter().take(6).map(|(_, one)| one).collect();
    assert_eq!(
        found,
        [
            Relation::Equal,
            Relation::Subset,
            Relation::Superset,
            Relation::Superset,
            Relation::Disjoint,
            Relation::Equal
        ]
    );
    assert_eq!(relation(&adobe, &reader), Relation::Disjoint);
    let every = wfn(&[(Part, "a"), (Vendor, "zoom"), (Product, "zoom")]);
    let one = wfn(&[(Part, "a"), (Vendor, "zoom"), (Product, "zoom"), (Version, r"5\.17")]);
    assert_eq!(relation(&every, &one), Relation::Superset);
    assert_eq!(relation(&one, &every), Relation::Subset);
    assert_eq!(relation(&one, &one), Relation::Equal);
    let crossed = wfn(&[(Part, "a"), (Vendor, "zoom"), (Version, r"5\.17"), (Other, "x")]);
    assert_eq!(
        relation(&every, &crossed),
        Relation::Undefined,
        "superset in one attribute, subset in another"
    );
}

#[test]
fn a_version_of_an_inventory_becomes_a_value() {
    assert_eq!(Value::literal("5.17*").expect("printable").text(), Some(r"5\.17\*"));
    assert!(Value::literal("").is_err());
    assert!(Value::literal("-").is_err());
    assert!(Value::literal("版").is_err());
}
