use software::sheet::{
    Column, Encoding, Place, Reading, SheetTitle, SheetVerdict, guard, read, read_as, unguard,
    write,
};
use software::{Category, Titles, limits, seed};

fn titles_of(preview: &software::sheet::Preview) -> Vec<&SheetTitle> {
    preview
        .rows
        .iter()
        .filter_map(|row| match &row.reading {
            Reading::Title(title) => Some(&**title),
            _ => None,
        })
        .collect()
}

const LIST: &str = "社内ソフトウェア一覧,,,\n更新日: 2026/11/01,,,\n\
No,ソフト名（正式名称）,開発元,利用可否,条件,URL,カテゴリ,担当\n\
1,ズーム,Zoom,○,,https://zoom.us,Web会議,佐藤\n\
2,Slack,,△,\"個人アカウント禁止\n社外共有禁止\",,チャット,\n\
3,AnyDesk,AnyDesk Software GmbH,×,,,リモートデスクトップ,\n\
4,ＺＯＯＭ,,可,,,,\n\
,,,,,,,\n\
5,,ACME,可,,,,\n\
6,slack,,可,,,,\n\
7,Box,,可,持ち出し禁止,,,\n\
8,謎ツール,,ほげ,,,,\n";

#[test]
fn a_list_from_japanese_excel_is_read_row_by_row() {
    let (bytes, _, lossy) = encoding(LIST);
    assert!(!lossy);
    for (bytes, expected) in [
        (LIST.as_bytes().to_vec(), Encoding::Utf8),
        ([b"\xEF\xBB\xBF", LIST.as_bytes()].concat(), Encoding::Utf8Mark),
        (bytes, Encoding::ShiftJis),
        (utf16(&LIST.replace(',', "\t")), Encoding::Utf16),
    ] {
        let preview = read(&bytes).expect("a sheet");
        assert_eq!(preview.encoding, expected);
        let counts = preview.counts();
        assert_eq!(
            counts.rows,
            counts.titles
                + counts.above
                + counts.headers
                + counts.blank
                + counts.repeats
                + counts.refused
        );
        assert_eq!(
            (
                counts.titles,
                counts.above + counts.headers,
                counts.blank,
                counts.repeats,
                counts.refused
            ),
            (6, 3, 1, 1, 1),
            "{expected:?}"
        );
        let found = titles_of(&preview);
        let verdicts: Vec<_> =
            found.iter().map(|title| (title.name.as_str(), title.verdict)).collect();
        assert_eq!(
            verdicts,
            [
                ("ズーム", Some(SheetVerdict::Approved)),
                ("Slack", Some(SheetVerdict::Conditional)),
                ("AnyDesk", Some(SheetVerdict::Denied)),
                ("ZOOM", Some(SheetVerdict::Approved)),
                ("Box", Some(SheetVerdict::Conditional)),
                ("謎ツール", None),
            ]
        );
        assert_eq!(found[1].conditions, "個人アカウント禁止\n社外共有禁止");
        assert_eq!(found[2].categories, [Category::RemoteDesktop]);
        assert!(
            found[0].others.contains(&("担当".to_owned(), "佐藤".to_owned())),
            "unknown columns are kept"
        );
        assert_eq!(found[5].remarks.len(), 1);
        for row in &preview.rows {
            assert!(!row.says().en.is_empty() && !row.says().ja.is_empty());
        }
        let plan = preview.plan(&Titles::new(seed::titles().to_vec()));
        assert_eq!(plan.len(), counts.rows, "every row has a place");
        let places: Vec<String> = plan
            .iter()
            .map(|one| match &one.place {
                Place::Known(id) => id.to_string(),
                Place::SameAs { line, title } => format!("{title} as in line {line}"),
                Place::New => "new".to_owned(),
                Place::Ambiguous(_) => "?".to_owned(),
                Place::Left => "-".to_owned(),
            })
            .collect();
        assert_eq!(
            places,
            [
                "-",
                "-",
                "-",
                "zoom",
                "slack",
                "anydesk",
                "zoom as in line 4",
                "-",
                "-",
                "-",
                "box-drive",
                "new"
            ]
        );
    }
}

fn encoding(text: &str) -> (Vec<u8>, (), bool) {
    let (bytes, _, lossy) = encoding_rs::SHIFT_JIS.encode(text);
    (bytes.into_owned(), (), lossy)
}

fn utf16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

#[test]
fn five_hundred_titles_and_every_row_accounted_for() {
    let mut rows = vec![vec!["Name".to_owned(), "Publisher".to_owned(), "Status".to_owned()]];
    for number in 0..500 {
        let status = ["approved", "denied", "not approved", "pending", "approved with conditions"]
            [number % 5];
        rows.push(vec![format!("Tool Number{number}x"), "ACME Inc.".to_owned(), status.to_owned()]);
    }
    let preview = read(&write(&rows, true)).expect("a sheet");
    assert_eq!(
        (preview.counts().rows, preview.counts().titles, preview.counts().headers),
        (501, 500, 1)
    );
    let denied = titles_of(&preview)
        .iter()
        .filter(|title| title.verdict == Some(SheetVerdict::Denied))
        .count();
    assert_eq!(denied, 200, "`not approved` is no approval");
    assert_eq!(
        preview.plan(&Titles::default()).iter().filter(|one| one.place == Place::New).count(),
        500
    );
}

#[test]
fn decisions_are_read_with_care() {
    use SheetVerdict::{Approved, Conditional, Denied, Pending};
    for (cell, verdict) in [
        ("○", Some(Approved)),
        ("〇", Some(Approved)),
        ("◎", Some(Approved)),
        ("可", Some(Approved)),
        ("OK", Some(Approved)),
        ("承認済み", Some(Approved)),
        ("利用可", Some(Approved)),
        ("Allowed", Some(Approved)),
        ("×", Some(Denied)),
        ("不可", Some(Denied)),
        ("利用不可", Some(Denied)),
        ("NG", Some(Denied)),
        ("禁止", Some(Denied)),
        ("Unapproved", Some(Denied)),
        ("not allowed", Some(Denied)),
        ("ｘ", Some(Denied)),
        ("△", Some(Conditional)),
        ("○（条件付き）", Some(Conditional)),
        ("条件付可", Some(Conditional)),
        ("未承認", Some(Pending)),
        ("審査中", Some(Pending)),
        ("Pending", Some(Pending)),
        ("要確認", Some(Pending)),
        ("", None),
        ("ほげ", None),
        ("book", None),
    ] {
        assert_eq!(SheetVerdict::of_cell(cell), verdict, "{cell}");
    }
}

#[test]
fn formulas_are_guarded_and_come_back_as_they_were() {
    for cell in [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\0x",
        "＝1+1",
        "'=1",
        "''=1",
        "'plain",
        "plain",
        "",
        "'",
    ] {
        assert_eq!(unguard(&guard(cell)), cell);
    }
    assert_eq!(guard("=1"), "'=1");
    assert_eq!(guard("'plain"), "'plain");
    let hostile = [["名称", "判定"], ["=HYPERLINK(\"http://evil.example\")", "@可"]];
    let bytes = write(hostile, false);
    let text = String::from_utf8(bytes.clone()).expect("UTF-8");
    for line in text.lines().skip(1) {
        assert!(line.starts_with("\"'=") || line.starts_with("'="), "{line}");
    }
    let preview = read(&bytes).expect("a sheet");
    assert_eq!(preview.rows[1].cells, hostile[1], "nothing is lost");
}

#[test]
fn columns_may_be_named_by_a_person() {
    let bytes = b"a,b,c\nx,Zoom,1.0\n";
    assert!(read(bytes).is_err(), "no column holds names");
    let preview =
        read_as(bytes, &[(1, Some(Column::Name)), (2, Some(Column::Version))]).expect("named");
    assert_eq!(
        titles_of(&preview).last().map(|title| (title.name.as_str(), title.version.as_str())),
        Some(("Zoom", "1.0"))
    );
    for column in Column::ALL {
        assert_eq!(Column::of_name(column.name()), Some(*column));
        assert_eq!(Column::of_header(column.label(true)), Some(*column), "{column:?}");
        assert_eq!(Column::of_header(column.label(false)), Some(*column), "{column:?}");
    }
}

#[test]
fn hostile_sheets_are_refused_or_read_safely() {
    assert!(read(b"").is_err());
    assert!(read(b"\xFF\xFE\x00").is_err());
    assert!(read(b"Name\n\x81").is_err());
    assert!(read(&vec![b','; limits::SHEET_BYTES_MAX + 1]).is_err());
    let long = format!("Name,Notes\nZoom,{}\nSlack,short\n", "x".repeat(1 << 20));
    let preview = read(long.as_bytes()).expect("a sheet");
    assert!(matches!(preview.rows[1].reading, Reading::Refused(_)), "a cell of a megabyte");
    assert!(matches!(preview.rows[2].reading, Reading::Title(_)), "the others are read");
    let bidi = read("Name\nZo\u{202E}om\n".as_bytes()).expect("a sheet");
    assert_eq!(titles_of(&bidi)[0].name, "Zoom");
    assert_eq!(titles_of(&bidi)[0].remarks.len(), 1);
    let wide = format!("Name\n{}\n", ",".repeat(10_000));
    let wide = read(wide.as_bytes()).expect("a sheet");
    assert_eq!(wide.counts().blank, 1, "{:?} {:?}", wide.counts(), wide.columns);
    let many = format!("Name\n{}", "a\n".repeat(limits::SHEET_ROWS_MAX));
    assert!(read(many.as_bytes()).is_err());
}

#[test]
fn a_quotation_mark_that_is_not_closed_swallows_no_rows_in_silence() {
    let sheet = "Name,Publisher,Notes\nZoom,Zoom,ok\nSlack,Slack,\"an open one\nBox,Box,\nNotion,Notion,x\nFigma,Figma,\n";
    let preview = read(sheet.as_bytes()).expect("a sheet");
    let Reading::Refused(step) = &preview.rows[2].reading else { panic!("{:?}", preview.rows[2]) };
    assert!(step.en.contains("3 rows") && step.ja.contains("引用符"), "{step:?}");
    // A note of several lines is a note.
    let note = "Name,Publisher,Notes\nZoom,Zoom,\"one, two\nthree, four\nfive, six\"\n";
    let preview = read(note.as_bytes()).expect("a sheet");
    assert!(matches!(preview.rows[1].reading, Reading::Title(_)), "{:?}", preview.rows[1]);
}
