//! Integration tests of the use cases, over a real store and a real lake.

mod alerts;
mod audit;
mod enrolment;
mod permissions;
mod renewal;
mod search;
mod sessions;
mod sums;

use control::fixture::Scene;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::path::Path;
use tempfile::TempDir;

/// An installation with the story, and the folder that it lives in.
async fn scene() -> (TempDir, Scene) {
    let folder = TempDir::new().expect("a scratch folder");
    let scene = Scene::open(folder.path()).await.expect("a scene");
    (folder, scene)
}

/// The same without any event.
async fn empty_scene() -> (TempDir, Scene) {
    let folder = TempDir::new().expect("a scratch folder");
    let scene = Scene::empty(folder.path()).await.expect("a scene");
    (folder, scene)
}

/// The store as somebody sees it who has the file and not the program.
async fn behind_the_door(folder: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(folder.join("control.sqlite"));
    SqlitePool::connect_with(options).await.expect("the store")
}

/// Runs one statement behind the program's back; gives the number of rows it changed.
async fn tamper(folder: &Path, sql: &'static str) -> u64 {
    let pool = behind_the_door(folder).await;
    let changed = sqlx::query(sql).execute(&pool).await.expect(sql).rows_affected();
    pool.close().await;
    changed
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
