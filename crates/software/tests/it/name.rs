use software::{AttributeKind, clean, normalise, normalise_publisher, search_key};

#[track_caller]
fn check(raw: &str, base: &str, attributes: &[(AttributeKind, &str)]) {
    let name = normalise(raw);
    assert_eq!(name.base, base, "base of {raw:?}");
    let found: Vec<(AttributeKind, &str)> =
        name.attributes.iter().map(|one| (one.kind, one.text.as_str())).collect();
    assert_eq!(found, attributes, "attributes of {raw:?}");
    let again = normalise(&name.base);
    assert_eq!(again.base, name.base, "twice is once for {raw:?}");
    assert!(again.attributes.is_empty(), "the base of {raw:?} has no attributes left");
}

#[test]
fn names_are_taken_apart_and_every_part_is_kept() {
    use AttributeKind::{
        Architecture, Channel, CompanyForm, Edition, Locale, Package, Platform, Version,
    };
    check("Zoom", "Zoom", &[]);
    check("ＺＯＯＭ", "ZOOM", &[]);
    check("Zoom Workplace (64-bit)", "Zoom Workplace", &[(Architecture, "64-bit")]);
    check("Mozilla Firefox (x64 ja)", "Mozilla Firefox", &[(Architecture, "x64"), (Locale, "ja")]);
    check("Mozilla Firefox 115.6.0esr", "Mozilla Firefox", &[(Version, "115.6.0esr")]);
    check("7-Zip 23.01 (x64 edition)", "7-Zip", &[(Version, "23.01"), (Architecture, "x64")]);
    check(
        "Notepad++ (64-bit x64)",
        "Notepad++",
        &[(Architecture, "64-bit"), (Architecture, "x64")],
    );
    check("一太郎2023", "一太郎", &[(Version, "2023")]);
    check("一太郎 ２０２３", "一太郎", &[(Version, "2023")]);
    check("秀丸エディタ Ver9.35", "秀丸エディタ", &[(Version, "Ver9.35")]);
    check("㈱ジャストシステム 一太郎", "ジャストシステム 一太郎", &[(CompanyForm, "株")]);
    check("株式会社ジャストシステム", "ジャストシステム", &[(CompanyForm, "株式会社")]);
    check("Acme Reader GmbH", "Acme Reader", &[(CompanyForm, "GmbH")]);
    check("Google Chrome ベータ版", "Google Chrome", &[(Channel, "ベータ版")]);
    check("Lhaplus 日本語版", "Lhaplus", &[(Locale, "日本語版")]);
    check(
        "Microsoft 365 Apps for enterprise - ja-jp",
        "Microsoft 365 Apps",
        &[(Edition, "for enterprise"), (Locale, "ja-jp")],
    );
    check("Microsoft 365", "Microsoft 365", &[]);
    check(
        "Java 8 Update 391 (64-bit)",
        "Java",
        &[(Version, "8"), (Version, "Update 391"), (Architecture, "64-bit")],
    );
    check(
        "Obsidian-1.5.3-arm64.AppImage",
        "Obsidian",
        &[(Version, "1.5.3"), (Architecture, "arm64"), (Package, ".AppImage")],
    );
    check("CubePDF 体験版", "CubePDF", &[(Edition, "体験版")]);
    check("LINE Windows版", "LINE", &[(Platform, "Windows版")]);
    check("Box for Windows", "Box", &[(Platform, "for Windows")]);
    check("サクラエディタ 64ビット版", "サクラエディタ", &[(Architecture, "64ビット版")]);
    check(
        "Microsoft Visual C++ 2015-2022 Redistributable (x64) - 14.36.32532",
        "Microsoft Visual C++ 2015-2022 Redistributable",
        &[(Architecture, "x64"), (Version, "14.36.32532")],
    );
    check("Notion™ ®", "Notion", &[]);
}

#[test]
fn words_that_only_look_like_attributes_stay() {
    for name in [
        "Post-it",
        "Visual Studio Code",
        "7-Zip",
        "1Password",
        "PC-98",
        "Windows",
        "x64",
        "Pro",
        "(64-bit)",
        "C++",
        "日本語",
    ] {
        check(name, name, &[]);
    }
}

#[test]
fn hidden_characters_go_and_are_reported() {
    let name = normalise("Zo\u{200B}om\u{202E} \u{0007}Work\u{2066}place");
    assert_eq!(name.base, "Zoom Workplace");
    assert!(name.hidden);
    assert!(!normalise("Zoom\tWorkplace\n").hidden, "white space is nothing hidden");
    assert!(normalise("\u{202E}\u{200B}").base.is_empty());
    assert_eq!(
        clean("e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}").text.chars().count(),
        4,
        "marks are bounded"
    );
}

#[test]
fn a_name_of_a_megabyte_is_cut_quickly() {
    for letter in ["A", "あ", "\u{FDFA}", "\u{200B}", "(x64) ", " 1.2", "((((", "-ja"] {
        let name = normalise(&letter.repeat((1 << 20) / letter.len()));
        assert!(name.cut);
        assert!(name.shown.chars().count() <= software::limits::NAME_CHARS_MAX);
        assert!(name.attributes.len() <= software::limits::ATTRIBUTES_MAX);
    }
}

#[test]
fn what_only_looks_different_has_the_same_key() {
    for (left, right) in [
        ("ズーム", "ずーむ"),
        ("ｽﾞｰﾑ", "ズーム"),
        ("コンピューター", "コンピュータ"),
        ("キヤノン", "キャノン"),
        ("ＺＯＯＭ", "zoom"),
        ("7-Zip", "7zip"),
        ("Évernote", "evernote"),
        ("ヴィム", "ブイム"),
        ("uBlock Origin", "UBLOCK　ORIGIN"),
    ] {
        assert_eq!(search_key(left), search_key(right), "{left} {right}");
    }
    assert_ne!(search_key("C++"), search_key("C#"));
    assert_ne!(search_key("バス"), search_key("パス"));
}

#[test]
fn marks_that_come_to_stand_in_one_row_leave_a_key_that_stays_itself() {
    // Found by the property: what stood between the marks counts as nothing, and together they were too many.
    for raw in ["\u{1122C}$\u{F77}", "\u{F9D}\u{B4B}:\u{B01}", "\u{1100}-\u{1161}", "e-\u{301}"] {
        let key = search_key(raw);
        assert!(!key.is_empty(), "{raw:?}");
        assert_eq!(search_key(&key), key, "{raw:?}");
        assert_eq!(normalise(&normalise(raw).base).key, normalise(raw).key, "{raw:?}");
    }
}

#[test]
fn company_forms_are_taken_off_publishers() {
    for (raw, base) in [
        ("株式会社ジャストシステム", "ジャストシステム"),
        ("㈱ジャストシステム", "ジャストシステム"),
        ("ジャストシステム（株）", "ジャストシステム"),
        ("有限会社サイトー企画", "サイトー企画"),
        ("Dell Inc.", "Dell"),
        ("Dell Inc", "Dell"),
        ("Dell, Inc.", "Dell"),
        ("Zoom Video Communications, Inc. <linux@zoom.us>", "Zoom Video Communications"),
        ("AnyDesk Software GmbH", "AnyDesk Software"),
        ("Works Mobile Japan Co., Ltd.", "Works Mobile Japan"),
        ("The Document Foundation", "Document Foundation"),
        ("Google LLC", "Google"),
        ("JetBrains s.r.o.", "JetBrains"),
        ("Inc", "Inc"),
    ] {
        let publisher = normalise_publisher(raw);
        assert_eq!(publisher.base, base, "{raw}");
        assert_eq!(normalise_publisher(&publisher.base).base, publisher.base);
    }
    assert_eq!(normalise_publisher("Zoom <a@b.example>").contact, "a@b.example");
}
