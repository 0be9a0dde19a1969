//! Readers of the inventory against made-up machines: a folder for each, files as texts.

use expected::shown;
use model::inventory::{InventoryItem, SoftwareSource};
use sensor::inventory::{Look, Memory, Place, READABLE, Reading, State};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

mod expected {
    use super::*;

    /// An item in one line: what tests compare.
    pub(super) fn shown(item: &InventoryItem) -> String {
        let on = match item.enabled {
            Some(true) => " on",
            Some(false) => " off",
            None => "",
        };
        format!(
            "{} | {} | {} | {} | {}{on} | {}",
            item.key,
            item.name,
            item.version,
            item.publisher,
            item.install_source,
            item.permissions.join(" ")
        )
    }
}

struct Machine(tempfile::TempDir);

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().expect("a scratch folder"));
        machine.put(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
        );
        std::fs::create_dir_all(machine.path("home/alice")).expect("creates");
        for (path, text) in files {
            machine.put(path, text);
        }
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("has one")).expect("creates");
        std::fs::write(path, content).expect("writes");
    }

    fn look<T>(&self, look: impl FnOnce(&Look<'_>) -> T) -> T {
        let place = Place::new(self.0.path()).expect("opens");
        let opened = place.look();
        look(&opened)
    }

    fn read(&self, source: SoftwareSource) -> Reading {
        self.look(|look| look.read(source, &mut Memory::default()))
    }

    fn fingerprint(&self, source: SoftwareSource) -> u64 {
        self.look(|look| look.fingerprint(source))
    }

    #[track_caller]
    fn check(&self, source: SoftwareSource, expected: &[&str]) -> Reading {
        let reading = self.read(source);
        let lines: Vec<String> = reading.items.iter().map(shown).collect();
        assert_eq!(lines, expected, "{:?}", reading.state);
        reading
    }
}

const PROFILE: &str = "home/alice/.config/chromium/Default";
const ID: &str = "abcdefghijklmnopabcdefghijklmnop";
const OTHER: &str = "ponmlkjihgfedcbaponmlkjihgfedcba";

fn in_profile(path: &str) -> String {
    format!("{PROFILE}/{path}")
}

#[test]
fn an_empty_machine_has_nothing_and_says_so() {
    let machine = Machine::new(&[]);
    for source in READABLE {
        let reading = machine.check(source, &[]);
        assert!(matches!(reading.state, State::Absent(_)), "{source:?}: {:?}", reading.state);
    }
}

#[test]
fn packages_come_with_their_archive() {
    let status = "Package: zoom\nStatus: install ok installed\nMaintainer: Zoom\nArchitecture: amd64\nVersion: 5.1\n\n\
        Package: bash\nStatus: install ok installed\nMaintainer: Debian <d@d>\nArchitecture: amd64\nVersion: 5.2-1\nInstalled-Size: 2\n\n\
        Package: sed\nStatus: install ok installed\nMaintainer: Debian <d@d>\nArchitecture: amd64\nVersion: 4.8\n";
    let lists = "Package: bash\nVersion: 5.2-1\nMaintainer: Debian <d@d>\n\nPackage: sed\nVersion: 4.9\nMaintainer: Debian <d@d>\n\n\
        Package: zoom\nVersion: 9\nMaintainer: Somebody else\n";
    let machine = Machine::new(&[
        ("var/lib/dpkg/status", status),
        ("var/lib/dpkg/info/bash.list", "/bin/bash\n"),
        (
            "var/lib/apt/lists/h_debian_dists_b_InRelease",
            "-----BEGIN\n\nOrigin: Debian\nLabel: x\n",
        ),
        ("var/lib/apt/lists/h_debian_dists_b_main_binary-amd64_Packages", lists),
    ]);
    let expected = [
        "bash:amd64 | bash | 5.2-1 | Debian <d@d> | Debian | ",
        // Another version of the same maintainer is in the archive.
        "sed:amd64 | sed | 4.8 | Debian <d@d> | Debian | ",
        "zoom:amd64 | zoom | 5.1 | Zoom | local | ",
    ];
    let reading = machine.check(SoftwareSource::Dpkg, &expected);
    assert_eq!(reading.state, State::Whole);
    assert_eq!(reading.items[0].size_bytes, Some(2048));
    assert!(reading.items[0].installed_at.is_some() && reading.items[1].installed_at.is_none());
    let before = machine.fingerprint(SoftwareSource::Dpkg);
    machine.put("var/lib/dpkg/status", status.replace("zoom", "zooms"));
    assert_ne!(machine.fingerprint(SoftwareSource::Dpkg), before);
}

#[test]
fn a_torn_package_database_is_not_complete() {
    let torn = "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: inst";
    let machine = Machine::new(&[("var/lib/dpkg/status", torn)]);
    let reading = machine.check(SoftwareSource::Dpkg, &["a: | a | 1 |  |  | "]);
    assert!(matches!(reading.state, State::Partial(why) if why.contains("1 entries")));
}

#[test]
fn extensions_of_the_store_of_policy_and_unpacked_are_told_apart() {
    let manifest = r#"{"name":"__MSG_appName__","version":"1.2","default_locale":"ja","permissions":["tabs"],
        "host_permissions":["https://*/*"],"author":"Acme"}"#;
    let settings = format!(
        r#"{{"extensions":{{"settings":{{
        "{ID}":{{"path":"{ID}/1.2_0","location":1,"from_webstore":true,"state":1,"install_time":"13350000000000000",
            "active_permissions":{{"api":["cookies"],"explicit_host":["https://a/*"]}}}},
        "{OTHER}":{{"path":"{OTHER}/3_0","location":7,"from_webstore":true,"disable_reasons":[1]}},
        "unpacked":{{"path":"/home/alice/dev/ext","location":4,"state":0}},
        "builtin":{{"path":"/usr/share/chromium/pdf","location":5}},
        "removed":{{"path":"removed/1","location":1}},
        "gone":{{"path":"/home/alice/none","location":4}},
        "nonsense":[1,2]}}}},"other":{{"x":1}}}}"#
    );
    let machine = Machine::new(&[
        (&in_profile("Preferences"), r#"{"extensions":{"settings":{}},"profile":{}}"#),
        (&in_profile("Secure Preferences"), &settings),
        (&in_profile(&format!("Extensions/{ID}/1.2_0/manifest.json")), manifest),
        (
            &in_profile(&format!("Extensions/{ID}/1.2_0/_locales/ja/messages.json")),
            r#"{"APPNAME":{"message":"翻訳された名前"}}"#,
        ),
        (
            &in_profile(&format!("Extensions/{OTHER}/3_0/manifest.json")),
            r#"{"name":"P","version":"3"}"#,
        ),
        ("home/alice/dev/ext/manifest.json", r#"{"name":"Mine","version":"0.1"}"#),
    ]);
    let expected = [
        &format!(
            "{ID}@alice/Default | 翻訳された名前 | 1.2 | Acme | webstore on | cookies https://*/* https://a/* tabs"
        ),
        &format!("{OTHER}@alice/Default | P | 3 |  | policy off | "),
        "unpacked@alice/Default | Mine | 0.1 |  | unpacked off | ",
    ];
    let reading = machine.check(SoftwareSource::Chromium, &expected);
    assert_eq!(reading.state, State::Whole);
    assert_eq!(reading.items[0].installed_at.map(|at| at.utc_day()).as_deref(), Some("2024-01-17"));
    assert_eq!(reading.items[0].path, format!("/{PROFILE}/Extensions/{ID}/1.2_0"));
    assert!(matches!(machine.read(SoftwareSource::Chrome).state, State::Absent(_)));
}

#[test]
fn an_extension_folder_placed_in_a_profile_is_found_and_moves_the_fingerprint() {
    let machine = Machine::new(&[(&in_profile("Preferences"), "{}")]);
    machine.check(SoftwareSource::Chromium, &[]);
    let empty = machine.fingerprint(SoftwareSource::Chromium);
    machine.put(
        &in_profile(&format!("Extensions/{ID}/1.0_0/manifest.json")),
        r#"{"name":"Placed","version":"1.0","permissions":["<all_urls>"]}"#,
    );
    // Without a version between, as people unzip them.
    machine
        .put(&in_profile("Extensions/unzipped/manifest.json"), r#"{"name":"Bare","version":"2"}"#);
    let expected = [
        &format!("{ID}@alice/Default | Placed | 1.0 |  | sideload | <all_urls>"),
        "unzipped@alice/Default | Bare | 2 |  | sideload | ",
    ];
    machine.check(SoftwareSource::Chromium, &expected);
    let placed = machine.fingerprint(SoftwareSource::Chromium);
    assert_ne!(placed, empty);
    // A profile without preferences, of a user whom only the folder /home knows, in another browser.
    machine.put("home/bob/.config/google-chrome-beta/Profile 1/Extensions/x/1/manifest.json", "{}");
    let expected = ["x@bob/.config/google-chrome-beta/Profile 1 | x |  |  | sideload | "];
    machine.check(SoftwareSource::Chrome, &expected);
    std::fs::remove_dir_all(machine.path(&in_profile(&format!("Extensions/{ID}"))))
        .expect("removes");
    assert_ne!(machine.fingerprint(SoftwareSource::Chromium), placed);
    machine.check(SoftwareSource::Chromium, &expected_bare());
}

const fn expected_bare() -> [&'static str; 1] {
    ["unzipped@alice/Default | Bare | 2 |  | sideload | "]
}

#[test]
fn broken_manifests_cost_the_name_and_nothing_else() {
    let huge = format!(r#"{{"name":"{}","version":"1"}}"#, "名\u{202e}\\u0007".repeat(100_000));
    let deep = "[".repeat(1 << 20);
    let machine = Machine::new(&[
        (&in_profile("Extensions/a-broken/1/manifest.json"), "{\"name\":"),
        (&in_profile("Extensions/b-deep/1/manifest.json"), &deep),
        (&in_profile("Extensions/c-huge/1/manifest.json"), &huge),
        (
            &in_profile("Extensions/d-climbing/1/manifest.json"),
            r#"{"name":"__MSG_x__","default_locale":"../../../.."}"#,
        ),
        (&in_profile("Extensions/e-empty/readme"), "no manifest, no extension"),
    ]);
    machine.put(&in_profile("Extensions/f-large/1/manifest.json"), vec![b' '; 5 << 20]);
    let reading = machine.read(SoftwareSource::Chromium);
    assert_eq!(reading.state, State::Whole);
    let names: Vec<&str> = reading.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(
        (names[0], names[1], names[3], names[4]),
        ("a-broken", "b-deep", "__MSG_x__", "f-large")
    );
    assert!(
        names[2].starts_with("名\u{202e}\u{7}") && names[2].len() <= 4096,
        "kept raw, but bounded"
    );
    assert_eq!(reading.items.len(), 5);
}

#[test]
fn broken_preferences_are_said_and_the_folders_are_still_read() {
    let machine = Machine::new(&[
        (&in_profile("Preferences"), "{\"extensions\": 5}"),
        (&in_profile("Extensions/a/1/manifest.json"), r#"{"name":"A","version":"1"}"#),
    ]);
    let reading =
        machine.check(SoftwareSource::Chromium, &["a@alice/Default | A | 1 |  | sideload | "]);
    assert!(matches!(reading.state, State::Partial(why) if why.contains("/Default/Preferences")));
}

#[test]
fn links_out_of_a_home_are_not_followed_and_said() {
    let machine =
        Machine::new(&[("secret/Default/Extensions/a/1/manifest.json", r#"{"name":"S"}"#)]);
    std::fs::create_dir_all(machine.path("home/alice/.config")).expect("creates");
    symlink("../../../secret", machine.path("home/alice/.config/chromium")).expect("links");
    let reading = machine.check(SoftwareSource::Chromium, &[]);
    assert!(
        matches!(reading.state, State::Partial(why) if why.contains("/home/alice/.config/chromium"))
    );
    // Preferences that are a link to somebody else's file, and an unpacked extension in a private folder.
    let machine = Machine::new(&[("secret.json", r#"{"extensions":{"settings":{}}}"#)]);
    std::fs::create_dir_all(machine.path(PROFILE)).expect("creates");
    symlink("/secret.json", machine.path(&in_profile("Preferences"))).expect("links");
    let reading = machine.read(SoftwareSource::Chromium);
    assert!(matches!(reading.state, State::Partial(_)), "{:?}", reading.state);
}

#[test]
fn an_extension_of_a_home_does_not_hide_as_a_part_of_the_browser() {
    let settings = r#"{"extensions":{"settings":{"evil":{"path":"/home/alice/evil","location":5},"pdf":{"path":"/usr/share/chromium/pdf","location":5}}}}"#;
    let machine = Machine::new(&[
        (&in_profile("Preferences"), settings),
        ("home/alice/evil/manifest.json", r#"{"name":"Evil","version":"1"}"#),
        ("usr/share/chromium/pdf/manifest.json", r#"{"name":"PDF","version":"1"}"#),
    ]);
    let reading = machine.read(SoftwareSource::Chromium);
    let names: Vec<&str> = reading.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["Evil"]);
}

#[test]
fn profiles_made_by_hand_crowd_out_none_that_the_browser_made() {
    let mut files: Vec<(String, &str)> = (0..200)
        .map(|number| (format!("home/alice/.config/chromium/A{number}/Preferences"), "{}"))
        .collect();
    let manifest = r#"{"name":"Real","version":"1"}"#;
    files.push((in_profile(&format!("Extensions/{ID}/1/manifest.json")), manifest));
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let machine = Machine::new(&files);
    let reading = machine.read(SoftwareSource::Chromium);
    let names: Vec<&str> = reading.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["Real"]);
    assert!(matches!(reading.state, State::Partial(why) if why.contains("profiles")));
}

#[test]
fn what_only_root_may_read_is_not_told_of_a_path_that_a_user_names() {
    use std::os::unix::fs::PermissionsExt as _;
    let settings = r#"{"extensions":{"settings":{"x":{"path":"/secret","location":4},"y":{"path":"/public","location":4}}}}"#;
    let machine = Machine::new(&[
        (&in_profile("Preferences"), settings),
        ("secret/manifest.json", r#"{"name":"Secret","version":"1"}"#),
        ("public/manifest.json", r#"{"name":"Public","version":"1"}"#),
    ]);
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(machine.path("secret/manifest.json"), private).expect("changes");
    let public = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(machine.path("public/manifest.json"), public).expect("changes");
    let expected = [
        "x@alice/Default | x |  |  | unpacked on | ",
        "y@alice/Default | Public | 1 |  | unpacked on | ",
    ];
    machine.check(SoftwareSource::Chromium, &expected);
}

#[test]
fn firefox_says_how_its_extensions_came() {
    let list = r#"{"schemaVersion":36,"addons":[
        {"id":"uBlock0@x","version":"1.5","type":"extension","location":"app-profile","active":true,"signedState":2,
         "defaultLocale":{"name":"uBlock","creator":"R"},"sourceURI":"https://addons.mozilla.org/a.xpi",
         "userPermissions":{"permissions":["tabs"],"origins":["<all_urls>"]},"installDate":1700000000000},
        {"id":"side@x","version":"1","location":"app-global","foreignInstall":true,"active":false},
        {"id":"corp@x","version":"1","location":"app-profile","installTelemetryInfo":{"source":"enterprise-policy"}},
        {"id":"tmp@x","version":"1","location":"app-temporary"},
        {"id":"builtin@x","version":"1","location":"app-builtin"},{"version":"1"},7]}"#;
    let profile = "home/alice/.mozilla/firefox/abc.default";
    let machine = Machine::new(&[
        (&format!("{profile}/extensions.json"), list),
        (&format!("{profile}/extensions/placed@x.xpi"), "PK"),
        (&format!("{profile}/extensions/side@x.xpi"), "PK"),
    ]);
    let expected = [
        "corp@x@alice/abc.default | corp@x | 1 |  | policy | ",
        "placed@x@alice/abc.default | placed@x |  |  | sideload | ",
        "side@x@alice/abc.default | side@x | 1 |  | sideload off | ",
        "tmp@x@alice/abc.default | tmp@x | 1 |  | unpacked | ",
        "uBlock0@x@alice/abc.default | uBlock | 1.5 | R | webstore on | <all_urls> tabs",
    ];
    let reading = machine.check(SoftwareSource::Firefox, &expected);
    assert_eq!((reading.state, reading.items[4].signer.as_str()), (State::Whole, "Mozilla"));
    machine.put(&format!("{profile}/extensions.json"), "{\"addons\":");
    assert!(matches!(machine.read(SoftwareSource::Firefox).state, State::Partial(_)));
}

#[test]
fn flatpaks_of_system_and_user_are_read() {
    let metadata = "[Application]\nname=org.x.Y\n[Context]\nfilesystems=home;\n";
    let app = "var/lib/flatpak/app/org.x.Y/x86_64/stable";
    let machine = Machine::new(&[
        (&format!("{app}/0123/metadata"), metadata),
        (&format!("{app}/0123/deploy"), "flathub\0rest"),
        (
            &format!("{app}/0123/export/share/applications/org.x.Y.desktop"),
            "[Desktop Entry]\nName=Why\n",
        ),
        (
            &format!("{app}/0123/files/share/metainfo/org.x.Y.metainfo.xml"),
            "<releases><release version='3.1'/>",
        ),
        (
            "home/alice/.local/share/flatpak/app/org.z.Z/x86_64/beta/active/metadata",
            "[Application]\n",
        ),
    ]);
    symlink("0123", machine.path(&format!("{app}/active"))).expect("links");
    let expected = [
        "org.x.Y/x86_64/stable@ | Why | 3.1 |  | flathub | filesystems=home",
        "org.z.Z/x86_64/beta@alice | org.z.Z |  |  |  | ",
    ];
    machine.check(SoftwareSource::Flatpak, &expected);
}

#[test]
fn snaps_are_read_from_snapds_record() {
    let machine = Machine::new(&[
        (
            "var/lib/snapd/state.json",
            r#"{"data":{"snaps":{"code":{"current":"42","channel":"latest/stable","active":true},"../x":{"current":"x1"}}}}"#,
        ),
        ("snap/code/42/meta/snap.yaml", "title: VS Code\nversion: '1.9'\nplugs:\n  home:\n"),
        ("var/lib/snapd/snaps/code_42.snap", "12345"),
    ]);
    let expected = [
        "../x | ../x |  |  | sideload off | ",
        "code | VS Code | 1.9 |  | snap store latest/stable on | home",
    ];
    let reading = machine.check(SoftwareSource::Snap, &expected);
    assert_eq!(reading.items[1].size_bytes, Some(5));
}

#[test]
fn appimages_in_the_usual_places_are_programs_with_a_hash() {
    let machine = Machine::new(&[
        ("home/alice/.config/user-dirs.dirs", "XDG_DOWNLOAD_DIR=\"$HOME/ダウンロード\"\n"),
        ("home/alice/Downloads/Half.AppImage", "not yet"),
    ]);
    let mut elf = b"\x7fELF\x02\x01\x01\0AI\x02".to_vec();
    elf.resize(64, 0);
    elf[18] = 183;
    machine.put("home/alice/ダウンロード/Krita-5.2-arm.AppImage", &elf);
    let reading = machine.check(
        SoftwareSource::AppImage,
        &["/home/alice/ダウンロード/Krita-5.2-arm.AppImage | Krita | 5.2 |  |  | "],
    );
    let item = &reading.items[0];
    assert_eq!((item.sha256.len(), item.size_bytes, item.user.as_str()), (64, Some(64), "alice"));
    assert_eq!(item.architecture, "arm64");
    let before = machine.fingerprint(SoftwareSource::AppImage);
    elf.push(0);
    machine.put("home/alice/ダウンロード/Krita-5.2-arm.AppImage", &elf);
    assert_ne!(machine.fingerprint(SoftwareSource::AppImage), before);
}

#[test]
fn this_machine_is_read_without_a_panic() {
    let place = Place::new(Path::new("/")).expect("opens");
    let look = place.look();
    let mut memory = Memory::default();
    for source in READABLE {
        let reading = look.read(source, &mut memory);
        println!("{source:?}: {} items, {:?}", reading.items.len(), reading.state);
        let unique: std::collections::BTreeSet<_> =
            reading.items.iter().map(|item| &item.key).collect();
        assert_eq!(unique.len(), reading.items.len());
    }
}
