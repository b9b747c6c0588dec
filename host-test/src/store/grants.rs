//! What the operator lets each component reach.
//!
//! A component is known by its digest: another build is another component. One that asks for no more than the component that came last before
//! it has goes on by itself, and has what it asks for from then on. One that asks for more is not run for a kept connection until the operator
//! has granted it. The first component of a store is measured against what the caller names.

use rusqlite::{Connection, OptionalExtension as _};

use super::{Store, StoreError};
use crate::egress::{ComponentDigest, Origin};

/// What one component may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentGrants {
    /// Which component.
    pub component: ComponentDigest,
    /// In the order of their text.
    pub origins: Vec<Origin>,
}

impl Store {
    /// What a component may reach that asks for these origins. `first` is what the first one of a store may ask for.
    ///
    /// [`StoreError::NotGranted`] if it asks for more than it has, or a new one for more than the one before it.
    pub async fn granted(
        &self,
        component: ComponentDigest,
        asked: Vec<Origin>,
        first: Vec<Origin>,
    ) -> Result<Vec<Origin>, StoreError> {
        self.writer
            .run(move |ledger| {
                let transaction = ledger.database.transaction()?;
                let known = known(&transaction, component)?;
                let has = match (known, latest(&transaction)?) {
                    (Some(seq), _) | (None, Some(seq)) => origins(&transaction, seq)?,
                    (None, None) => first,
                };
                let missing = asked.iter().filter(|origin| !has.contains(origin));
                let missing: Vec<Origin> = missing.cloned().collect();
                if !missing.is_empty() {
                    return Err(StoreError::NotGranted {
                        component,
                        asked,
                        missing,
                    });
                }
                if known.is_some() {
                    return Ok(has);
                }
                add(&transaction, component, &asked)?;
                transaction.commit()?;
                Ok(asked)
            })
            .await
    }

    /// Lets a component reach these origins, too.
    pub async fn grant(
        &self,
        component: ComponentDigest,
        origins: Vec<Origin>,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |ledger| {
                let transaction = ledger.database.transaction()?;
                add(&transaction, component, &origins)?;
                transaction.commit()?;
                Ok(())
            })
            .await
    }

    /// Takes origins back from a component. What was not granted is no error.
    pub async fn withdraw(
        &self,
        component: ComponentDigest,
        origins: Vec<Origin>,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |ledger| {
                let transaction = ledger.database.transaction()?;
                for origin in &origins {
                    transaction.execute(
                        "DELETE FROM granted WHERE origin = ?2 \
                         AND component = (SELECT seq FROM component WHERE digest = ?1)",
                        [component.to_string(), origin.to_string()],
                    )?;
                }
                transaction.commit()?;
                Ok(())
            })
            .await
    }

    /// What was granted, by component, the one that came first before the others.
    pub async fn grants(&self) -> Result<Vec<ComponentGrants>, StoreError> {
        self.writer
            .run(|ledger| {
                let database = &ledger.database;
                let mut statement =
                    database.prepare("SELECT seq, digest FROM component ORDER BY seq")?;
                let rows = statement.query_map([], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
                })?;
                rows.map(|row| {
                    let (seq, digest) = row?;
                    Ok(ComponentGrants {
                        component: digest
                            .parse()
                            .map_err(|_| StoreError::Grant(digest.clone()))?,
                        origins: origins(database, seq)?,
                    })
                })
                .collect()
            })
            .await
    }
}

fn known(database: &Connection, component: ComponentDigest) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT seq FROM component WHERE digest = ?1";
    let found = database.query_row(sql, [component.to_string()], |row| row.get(0));
    Ok(found.optional()?)
}

fn latest(database: &Connection) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT max(seq) FROM component";
    Ok(database.query_row(sql, [], |row| row.get(0))?)
}

fn origins(database: &Connection, seq: i64) -> Result<Vec<Origin>, StoreError> {
    let sql = "SELECT origin FROM granted WHERE component = ?1 ORDER BY origin";
    let mut statement = database.prepare(sql)?;
    let rows = statement.query_map([seq], |row| row.get::<_, String>(0))?;
    rows.map(|row| {
        let text = row?;
        Origin::parse(&text).map_err(|_| StoreError::Grant(text))
    })
    .collect()
}

fn add(
    database: &Connection,
    component: ComponentDigest,
    origins: &[Origin],
) -> Result<(), StoreError> {
    let digest = component.to_string();
    database.execute(
        "INSERT INTO component (digest) VALUES (?1) ON CONFLICT DO NOTHING",
        [&digest],
    )?;
    for origin in origins {
        database.execute(
            "INSERT INTO granted (component, origin) SELECT seq, ?2 FROM component WHERE digest = ?1 ON CONFLICT DO NOTHING",
            [&digest, &origin.to_string()],
        )?;
    }
    Ok(())
}
