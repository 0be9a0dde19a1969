//! A column that the registry gains later, on a lake that exists.

use crate::support::*;
use lake::{Access, Lake, LakeError, LocalDisk, Settings};
use model::registry::{FIELDS, FieldSpec, FieldType, IndexKind};
use model::{EventKind, Family, Fields, Value};
use std::sync::Arc;

fn settings(added: &[FieldSpec]) -> Settings {
    let fields: Vec<FieldSpec> = FIELDS.iter().chain(added).copied().collect();
    Settings { fields: fields.leak(), disk: Arc::new(LocalDisk) }
}

const fn field(column: &'static str, sigma: &'static str, ty: FieldType) -> FieldSpec {
    FieldSpec {
        family: Some(Family::Process),
        column,
        sigma,
        ty,
        index: IndexKind::MinMax,
        ocsf: "unmapped.x",
        ecs: "x",
        label_ja: "x",
        label_en: "x",
    }
}

fn with_mood(seq: u64, mood: Value) -> model::Event {
    let fields: Fields =
        [("CommandLine", Value::from("env")), ("Mood", mood)].into_iter().collect();
    event_of(EventKind::ProcessStart, seq, at("2026-08-21T05:00:00Z"), fields)
}

#[tokio::test]
async fn p8_a_column_added_later_reads_as_null_before_and_survives_compaction_and_an_older_version()
{
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    lake.commit(commit_of(vec![with_mood(1, Value::from("good"))])).await.expect("commits");
    drop(lake);

    let newer = settings(&[
        field("mood", "Mood", FieldType::Text),
        field("tags", "Tags", FieldType::TextList),
    ]);
    let lake = Lake::open_with(folder.path(), Access::Write, newer.clone()).await.expect("opens");
    let rows = ask(&lake, "SELECT seq, mood, tags, extra['Mood'] FROM process").await.rows;
    assert_eq!(rows, [vec![Value::Int(1), Value::Null, Value::Null, Value::from("good")]]);
    lake.commit(commit_of(vec![with_mood(2, Value::from("fine"))])).await.expect("commits");
    drop(lake);

    // The older version, after a roll-back: it keeps the column it does not know, as null.
    let lake = open(folder.path()).await;
    lake.commit(commit_of(vec![with_mood(3, Value::from("old"))])).await.expect("commits");
    drop(lake);

    let lake = Lake::open_with(folder.path(), Access::Write, newer).await.expect("opens");
    let sql = "SELECT seq, mood, extra['Mood'] FROM process ORDER BY seq";
    let expected = [
        vec![Value::Int(1), Value::Null, Value::from("good")],
        vec![Value::Int(2), Value::from("fine"), Value::Null],
        vec![Value::Int(3), Value::Null, Value::from("old")],
    ];
    assert_eq!(ask(&lake, sql).await.rows, expected);
    let found = ask(&lake, "SELECT seq FROM process WHERE mood = 'fine'").await;
    assert_eq!(found.rows, [vec![Value::Int(2)]]);
    let absent = ask(&lake, "SELECT seq FROM process WHERE mood IS NULL ORDER BY seq").await;
    assert_eq!(absent.rows, [vec![Value::Int(1)], vec![Value::Int(3)]]);
    let merged = lake.compact(at("2026-08-22T07:00:00Z")).await.expect("compacts");
    assert_eq!(merged.files_merged, 3);
    assert_eq!(ask(&lake, sql).await.rows, expected);
    assert_sums(&lake).await;
}

#[tokio::test]
async fn a_column_with_another_type_or_name_twice_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("folder");
    let text = settings(&[field("mood", "Mood", FieldType::Text)]);
    drop(Lake::open_with(folder.path(), Access::Write, text).await.expect("opens"));
    let number = settings(&[field("mood", "Mood", FieldType::Int)]);
    match Lake::open_with(folder.path(), Access::Write, number).await {
        Err(err @ LakeError::ColumnType { .. }) => {
            assert!(err.to_string().contains("process.mood"), "{err}");
        }
        other => panic!("{other:?}"),
    }
    let twice = settings(&[field("seq", "Mood", FieldType::Int)]);
    let twice = Lake::open_with(folder.path(), Access::Write, twice).await;
    assert!(matches!(twice, Err(LakeError::ColumnTwice { .. })), "{twice:?}");
    open(folder.path()).await;
}

#[tokio::test]
async fn a_catalog_of_another_format_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::create_dir(folder.path().join("data")).expect("made");
    std::fs::write(
        folder.path().join("catalog.sqlite"),
        "this is no database, but quite long text",
    )
    .expect("written");
    let opened = Lake::open(folder.path(), Access::Write).await;
    assert!(matches!(opened, Err(LakeError::Corrupt { .. })), "{opened:?}");
}

/// The registry as it was before events had a context: signer and origin were the inventory's alone.
pub(crate) fn before_context() -> Settings {
    let stays = |field: &&FieldSpec| !model::context::is_context(field.sigma);
    let mut fields: Vec<FieldSpec> = FIELDS.iter().filter(stays).copied().collect();
    for name in [model::context::SIGNER, model::context::ORIGIN_URL] {
        let now = model::registry::by_sigma(Family::Inventory, name).expect("is registered");
        fields.push(FieldSpec { family: Some(Family::Inventory), ..*now });
    }
    Settings { fields: fields.leak(), disk: Arc::new(LocalDisk) }
}

pub(crate) fn stamped(kind: EventKind, seq: u64) -> model::Event {
    let groups = Value::List(vec!["canary".into(), "pilot".into()]);
    let fields: Fields = [
        ("Image", Value::from("/home/a/tool")),
        ("Department", Value::from("営業部")),
        ("DeviceGroups", groups),
        ("SoftwareDecision", Value::from("unapproved")),
        ("Prevalence30d", Value::Int(2)),
        ("Signer", Value::from("Example")),
    ]
    .into_iter()
    .collect();
    event_of(kind, seq, at("2026-08-21T06:00:00Z"), fields)
}

#[tokio::test]
async fn p8_a_lake_from_before_the_context_grows_its_columns_and_keeps_what_it_had() {
    let folder = tempfile::tempdir().expect("folder");
    let old = Lake::open_with(folder.path(), Access::Write, before_context()).await.expect("opens");
    let mut item = stamped(EventKind::SoftwareAdded, 2);
    item.fields.retain(|name| name == "Image" || name == "Signer");
    let start = event_at(1, "env", at("2026-08-21T05:00:00Z"));
    old.commit(commit_of(vec![start, item])).await.expect("commits");
    assert!(old.query("SELECT department FROM process", 1).await.is_err(), "it knows no context");
    drop(old);

    let lake = open(folder.path()).await;
    let sql = "SELECT signer, department FROM inventory";
    assert_eq!(ask(&lake, sql).await.rows, [vec![Value::from("Example"), Value::Null]]);
    lake.commit(commit_of(vec![stamped(EventKind::ProcessStart, 3)])).await.expect("commits");
    let sql = "SELECT seq, department, device_groups, software_decision, prevalence_30d, signer \
               FROM process ORDER BY seq";
    let groups = Value::List(vec!["canary".into(), "pilot".into()]);
    let expected = [
        vec![Value::Int(1), Value::Null, Value::Null, Value::Null, Value::Null, Value::Null],
        vec![
            Value::Int(3),
            Value::from("営業部"),
            groups,
            Value::from("unapproved"),
            Value::Int(2),
            Value::from("Example"),
        ],
    ];
    assert_eq!(ask(&lake, sql).await.rows, expected);
    lake.compact(at("2026-08-22T07:00:00Z")).await.expect("compacts");
    assert_eq!(ask(&lake, sql).await.rows, expected);
    assert_sums(&lake).await;
}
