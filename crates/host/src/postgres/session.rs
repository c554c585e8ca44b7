//! One connection to a database: its prepared statements, and its cleanup before another caller may use it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, RowStream, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::is_stale;
use super::parameter::Parameter;

/// Prepared statements kept per connection. A new one replaces the least recently used one. A service has a few dozen,
/// and one costs the server some tens of kilobytes.
pub const STATEMENTS_PER_CONNECTION: usize = 256;

/// Longer statements are prepared for one use: such a long text is generated, and will probably not be repeated.
const LONGEST_KEPT_STATEMENT: usize = 16 * 1024;

/// The maximum time for the cleanup of a returned connection, including the rest of its last statement. After that the
/// statement is cancelled and the connection is closed.
const RESTORE_TIMEOUT: Duration = Duration::from_millis(500);

/// The maximum time for a request to the server to cancel a statement.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// A rollback, and then the statements of `discard all`, except the one that drops prepared statements.
const RESTORE: &str = "rollback; close all; set session authorization default; reset all; unlisten *; \
                       select pg_advisory_unlock_all(); discard temp; discard sequences";

/// A connection to a database.
pub(super) struct Session {
    client: Client,
    tls: MakeRustlsConnect,
    driver: AbortHandle,
    statements: Mutex<Statements>,
    /// The number of started statements whose last answer has not arrived.
    running: AtomicUsize,
    /// Whether a statement was started that may have an effect on the statements after it.
    altered: AtomicBool,
}

impl Session {
    pub(super) async fn connect(config: &Config, tls: &MakeRustlsConnect) -> Result<Self, Error> {
        let (client, connection) = config.connect(tls.clone()).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a database connection ended");
            }
        });
        Ok(Self {
            client,
            tls: tls.clone(),
            driver: driver.abort_handle(),
            statements: Mutex::default(),
            running: AtomicUsize::new(0),
            altered: AtomicBool::new(false),
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs a statement and returns the number of affected rows.
    pub(super) async fn execute(&self, text: &str, parameters: &[Parameter]) -> Result<u64, Error> {
        self.running.fetch_add(1, Ordering::Relaxed);
        let outcome = self.start_execute(text, parameters).await;
        self.finished();
        outcome
    }

    async fn start_execute(&self, text: &str, parameters: &[Parameter]) -> Result<u64, Error> {
        let statement = self.prepare(text).await?;
        match self.client.execute_raw(&statement, slice(parameters)).await {
            Err(error) if self.may_repeat(&error) => {
                let statement = self.prepare_again(text).await?;
                self.client.execute_raw(&statement, slice(parameters)).await
            }
            outcome => outcome,
        }
    }

    /// Starts a statement that returns rows. After the last row, or an error, [`Session::finished`] must be called.
    /// Otherwise the session is closed.
    pub(super) async fn query(&self, text: &str, parameters: &[Parameter]) -> Result<RowStream, Error> {
        self.running.fetch_add(1, Ordering::Relaxed);
        let outcome = self.start_query(text, parameters).await;
        if outcome.is_err() {
            self.finished();
        }
        outcome
    }

    async fn start_query(&self, text: &str, parameters: &[Parameter]) -> Result<RowStream, Error> {
        let statement = self.prepare(text).await?;
        match self.client.query_raw(&statement, slice(parameters)).await {
            Err(error) if self.may_repeat(&error) => {
                let statement = self.prepare_again(text).await?;
                self.client.query_raw(&statement, slice(parameters)).await
            }
            outcome => outcome,
        }
    }

    pub(super) fn finished(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// A stale statement had no effect, and can be run again, except in a transaction, which the error has ended.
    fn may_repeat(&self, error: &Error) -> bool {
        is_stale(error) && !self.altered.load(Ordering::Relaxed)
    }

    async fn prepare(&self, text: &str) -> Result<Statement, Error> {
        let kept = self.statements().get(text);
        let prepared = match kept {
            Some(prepared) => prepared,
            None => self.prepare_new(text).await?,
        };
        if prepared.alters {
            self.altered.store(true, Ordering::Relaxed);
        }
        Ok(prepared.statement)
    }

    async fn prepare_again(&self, text: &str) -> Result<Statement, Error> {
        Ok(self.prepare_new(text).await?.statement)
    }

    async fn prepare_new(&self, text: &str) -> Result<Prepared, Error> {
        let statement = self.client.prepare(text).await?;
        let prepared = Prepared {
            statement,
            alters: alters_session(text),
        };
        if text.len() <= LONGEST_KEPT_STATEMENT {
            self.statements().keep(text, prepared.clone());
        }
        Ok(prepared)
    }

    fn statements(&self) -> MutexGuard<'_, Statements> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another caller may use the session without a cleanup.
    pub(super) fn is_clean(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0 && !self.altered.load(Ordering::Relaxed)
    }

    /// Resets the session. Returns whether that succeeded. If not, the session is closed.
    pub(super) async fn restore(&self) -> bool {
        let restored = tokio::time::timeout(RESTORE_TIMEOUT, self.client.batch_execute(RESTORE)).await;
        if matches!(restored, Ok(Ok(()))) {
            self.running.store(0, Ordering::Relaxed);
            self.altered.store(false, Ordering::Relaxed);
            return true;
        }
        tracing::debug!("closing a database connection that could not be cleaned");
        self.close().await;
        false
    }

    /// Cancels the running statement and closes the connection. A cancelled session is never used again: a request to cancel
    /// has no answer, and a late one would end a statement of the session's next user (PostgreSQL's documentation,
    /// "Canceling Requests in Progress").
    async fn close(&self) {
        let cancel = self.client.cancel_token();
        let told = tokio::time::timeout(CANCEL_TIMEOUT, cancel.cancel_query(self.tls.clone())).await;
        if !matches!(told, Ok(Ok(()))) {
            tracing::debug!("could not tell the database to cancel a statement");
        }
        self.driver.abort();
    }
}

fn slice(parameters: &[Parameter]) -> impl ExactSizeIterator<Item = &(dyn ToSql + Sync)> {
    parameters
        .iter()
        .map(|parameter| parameter as &(dyn ToSql + Sync))
}

/// A statement that the server has prepared.
#[derive(Clone)]
struct Prepared {
    statement: Statement,
    /// See [`alters_session`].
    alters: bool,
}

/// A cache of statements by their text. It keeps those that were used last.
#[derive(Default)]
struct Statements {
    by_text: HashMap<String, (Prepared, u64)>,
    uses: u64,
}

impl Statements {
    fn get(&mut self, text: &str) -> Option<Prepared> {
        self.uses += 1;
        let (prepared, used) = self.by_text.get_mut(text)?;
        *used = self.uses;
        Some(prepared.clone())
    }

    fn keep(&mut self, text: &str, prepared: Prepared) {
        if self.by_text.len() >= STATEMENTS_PER_CONNECTION && !self.by_text.contains_key(text) {
            let oldest = self
                .by_text
                .iter()
                .min_by_key(|(_, (_, used))| used)
                .map(|(text, _)| text.clone());
            oldest.map(|text| self.by_text.remove(&text));
        }
        self.uses += 1;
        self.by_text.insert(text.to_owned(), (prepared, self.uses));
    }
}

/// Whether a statement may leave something in the session: a transaction, a setting, a lock, a temporary table. A
/// statement counts as plain only if it certainly leaves nothing. A wrong `true` costs one round trip, for which no
/// caller waits.
fn alters_session(statement: &str) -> bool {
    const PLAIN: [&str; 8] = [
        "select", "insert", "update", "delete", "merge", "values", "table", "with",
    ];
    const SUSPECT: [&str; 3] = ["set_config", "advisory", "temp"];
    let statement = statement.to_ascii_lowercase();
    !PLAIN.contains(&first_word(&statement)) || SUSPECT.iter().any(|word| statement.contains(word))
}

/// The first word after spaces, comments and opening parentheses.
fn first_word(statement: &str) -> &str {
    let mut rest = statement;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.find('\n').map_or("", |end| &comment[end..]);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = after_block_comment(comment);
        } else {
            let end = rest
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(rest.len());
            return &rest[..end];
        }
    }
}

/// Block comments nest in PostgreSQL.
fn after_block_comment(comment: &str) -> &str {
    let (mut rest, mut depth) = (comment, 1);
    while depth > 0 {
        match (rest.find("/*"), rest.find("*/")) {
            (Some(open), Some(close)) if open < close => (rest, depth) = (&rest[open + 2..], depth + 1),
            (_, Some(close)) => (rest, depth) = (&rest[close + 2..], depth - 1),
            (_, None) => return "",
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_statements_leave_a_session_clean() {
        let rows = [
            ("select 1", false),
            ("  \n\tSELECT 1", false),
            ("(select 1) union (select 2)", false),
            ("-- the first\n-- the second\nselect 1", false),
            ("/* begin */ select 1", false),
            ("with a as (select 1) insert into b select * from a", false),
            ("insert into a values (1)", false),
            ("update a set b = 1", false),
            ("delete from a", false),
            ("merge into a using b on true when matched then delete", false),
            ("values (1)", false),
            ("table a", false),
            ("begin", true),
            ("START TRANSACTION", true),
            ("commit", true),
            ("rollback", true),
            ("set search_path = a", true),
            ("/* select */ begin", true),
            ("/* nested /* comment */ select */ begin", true),
            ("create temp table a (b int)", true),
            ("select 1 into temp a", true),
            ("select set_config('a.b', 'c', false)", true),
            ("select pg_advisory_lock(1)", true),
            ("listen a", true),
            ("call a()", true),
            ("do $$ begin end $$", true),
            ("selected", true),
            ("-- nothing", true),
            ("/* never closed", true),
            ("", true),
        ];
        for (statement, alters) in rows {
            assert_eq!(
                alters_session(statement),
                alters,
                "whether {statement:?} may alter the session"
            );
        }
    }
}
