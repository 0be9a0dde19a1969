"""Reads a lake with the official DuckDB and prints what it sees as JSON.

Arguments: the catalog file, then SQL statements; each prints one line with all rows.
"""
import glob
import json
import os
import sys

import duckdb
import duckdb_extension_ducklake
import duckdb_extension_sqlite_scanner

connection = duckdb.connect()
for package in (duckdb_extension_ducklake, duckdb_extension_sqlite_scanner):
    folder = os.path.join(os.path.dirname(package.__file__), "extensions", "*", "*.duckdb_extension")
    connection.execute("LOAD '%s'" % glob.glob(folder)[0])
connection.execute("SET TimeZone = 'UTC'")
connection.execute("ATTACH 'ducklake:sqlite:%s' AS lake (READ_ONLY)" % sys.argv[1])
connection.execute("USE lake")
for sql in sys.argv[2:]:
    print(json.dumps(connection.execute(sql).fetchall(), default=str))
