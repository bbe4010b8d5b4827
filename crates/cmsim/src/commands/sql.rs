//! `cmsim sql`: queries on a database of a finished run, read only.

use comfy_table::{Table, presets};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::cli::SqlOptions;
use crate::exit::{Exit, Failure, Outcome};

pub(crate) fn run(options: &SqlOptions) -> Outcome {
    let path = options.out.join(&options.database);
    let failed = |what: String| move |error: sqlx::Error| Failure::new(Exit::CouldNotRun, what).because(error);
    if !path.is_file() {
        return Err(Failure::new(Exit::CouldNotRun, format!("{} does not exist", path.display()))
            .help("name the folder of one scenario, such as out/healthy-scan; --database names another file in it"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::new(Exit::CouldNotRun, "cannot start the runtime").because(error))?;
    let rows = runtime.block_on(async {
        let file = SqliteConnectOptions::new().filename(&path).read_only(true).immutable(true);
        let mut connection = file.connect().await.map_err(failed(format!("cannot open {}", path.display())))?;
        // The query is the user's own, on a file opened read only.
        sqlx::query(AssertSqlSafe(options.query.clone()))
            .fetch_all(&mut connection)
            .await
            .map_err(failed("the query failed".to_owned()))
    })?;
    if options.json {
        print_json(&rows);
    } else {
        print_table(&rows);
    }
    Ok(Exit::Passed)
}

fn print_table(rows: &[SqliteRow]) {
    let Some(first) = rows.first() else {
        eprintln!("no rows");
        return;
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(first.columns().iter().map(|column| column.name().to_owned()));
    for row in rows {
        table.add_row((0..row.len()).map(|index| match value(row, index) {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => "NULL".to_owned(),
            other => other.to_string(),
        }));
    }
    anstream::println!("{table}");
}

fn print_json(rows: &[SqliteRow]) {
    for row in rows {
        let fields = row.columns().iter().map(|column| (column.name().to_owned(), value(row, column.ordinal())));
        anstream::println!("{}", serde_json::Value::Object(fields.collect()));
    }
}

/// SQLite values are typed row by row, so the type is asked of the value and not of the column.
fn value(row: &SqliteRow, index: usize) -> serde_json::Value {
    let Ok(raw) = row.try_get_raw(index) else { return serde_json::Value::Null };
    if raw.is_null() {
        return serde_json::Value::Null;
    }
    match raw.type_info().name() {
        "INTEGER" | "BOOLEAN" => row.try_get::<i64, _>(index).map(Into::into).unwrap_or_default(),
        "REAL" => row.try_get::<f64, _>(index).map(Into::into).unwrap_or_default(),
        "BLOB" => {
            row.try_get::<Vec<u8>, _>(index).map(|bytes| format!("0x{}", hex::encode(bytes)).into()).unwrap_or_default()
        }
        _ => row.try_get::<String, _>(index).map(Into::into).unwrap_or_default(),
    }
}
