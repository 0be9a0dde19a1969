//! Integration tests of the use cases, over a real store and a real lake.
//!
//! What concerns the store runs twice: over SQLite, and over a PostgreSQL server whose address is in
//! `MIMAMORI_TEST_POSTGRES` (`cargo xtask test` starts one). Each test has a folder and a database schema of
//! its own.
#![expect(clippy::duplicate_mod, reason = "the same tests run over two databases")]

/// An installation with the story, and the place that it lives in; ends the test when there is no database.
macro_rules! scene {
    () => {
        match crate::Place::new(super::DATABASE).await {
            None => return,
            Some(place) => {
                let scene = control::fixture::Scene::open_at(place.path(), &place.store)
                    .await
                    .expect("a scene");
                (place, scene)
            }
        }
    };
}

/// The same without any event.
macro_rules! empty_scene {
    () => {
        match crate::Place::new(super::DATABASE).await {
            None => return,
            Some(place) => {
                let scene = control::fixture::Scene::empty_at(place.path(), &place.store)
                    .await
                    .expect("a scene");
                (place, scene)
            }
        }
    };
}

#[path = "."]
mod on_sqlite {
    pub(crate) const DATABASE: crate::Database = crate::Database::Sqlite;

    mod alerts;
    mod audit;
    mod backtest;
    mod context;
    mod detections;
    mod enrolment;
    mod hostile_inventory;
    mod outbox;
    mod passwords;
    mod people;
    mod permissions;
    mod rechecks;
    mod renewal;
    mod requests;
    mod role_matrix;
    mod rule_exclusions;
    mod rulebook;
    mod search;
    mod sessions;
    mod software;
    mod store;
    mod sums;
    mod timeline;
    mod verify;
}

#[path = "."]
mod on_postgres {
    pub(crate) const DATABASE: crate::Database = crate::Database::Postgres;

    mod audit;
    mod detections;
    mod enrolment;
    mod hostile_inventory;
    mod outbox;
    mod passwords;
    mod people;
    mod permissions;
    mod rechecks;
    mod renewal;
    mod requests;
    mod role_matrix;
    mod rule_exclusions;
    mod rulebook;
    mod sessions;
    mod software;
    mod store;
    mod sums;
}

mod on_device;

use control::StoreAddress;
use sqlx::AnyPool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// Which database a test runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Database {
    Sqlite,
    Postgres,
}

/// Where an installation lives: a folder, and the address of its store.
#[derive(Debug)]
struct Place {
    folder: TempDir,
    store: StoreAddress,
    url: String,
}

impl Place {
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    async fn new(database: Database) -> Option<Self> {
        sqlx::any::install_default_drivers();
        let folder = TempDir::new().expect("a scratch folder");
        if database == Database::Sqlite {
            let store = StoreAddress::in_folder(folder.path());
            let url = format!("sqlite://{}/control.sqlite", folder.path().display());
            return Some(Self { folder, store, url });
        }
        let Ok(server) = std::env::var("MIMAMORI_TEST_POSTGRES") else {
            println!("skipped: MIMAMORI_TEST_POSTGRES names no PostgreSQL server");
            return None;
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let schema = format!("test_{}_{number}", std::process::id());
        let pool = AnyPool::connect(&server).await.expect("the server");
        let sql = format!("CREATE SCHEMA {schema}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.expect("a schema");
        pool.close().await;
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-c%20search_path%3D{schema}");
        Some(Self { folder, store: StoreAddress::parse(&url).expect("an address"), url })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The files of the store in the folder.
    fn store_files(&self) -> &'static [&'static str] {
        match self.store {
            StoreAddress::File(_) => &["control.sqlite", "control.sqlite-wal"],
            StoreAddress::Postgres(_) => &[],
        }
    }
}

/// The store as somebody sees it who has the database and not the program.
async fn behind_the_door(place: &Place) -> AnyPool {
    AnyPool::connect(&place.url).await.expect("the store")
}

/// Runs one statement behind the program's back; gives the number of rows it changed.
async fn tamper(place: &Place, sql: &'static str) -> u64 {
    let pool = behind_the_door(place).await;
    let changed = sqlx::query(sql).execute(&pool).await.expect(sql).rows_affected();
    pool.close().await;
    changed
}

/// One number from behind the program's back.
async fn number(place: &Place, sql: &'static str) -> i64 {
    let pool = behind_the_door(place).await;
    let number = sqlx::query_scalar(sql).fetch_one(&pool).await.expect(sql);
    pool.close().await;
    number
}

/// Moves the position of every stream forward by one row that nobody stored; gives how many there are.
async fn tamper_catalog(folder: &Path) -> u64 {
    let options = SqliteConnectOptions::new().filename(folder.join("lake/catalog.sqlite"));
    let pool = SqlitePool::connect_with(options).await.expect("the catalog");
    let sql = "UPDATE mimamori_ingest_stream SET last_seq = last_seq + 1, stored = stored + 1";
    let changed = sqlx::query(sql).execute(&pool).await.expect(sql).rows_affected();
    pool.close().await;
    changed
}
