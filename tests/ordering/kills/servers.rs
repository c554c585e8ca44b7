//! A product component that hangs, and database servers that are killed.

use harness::OwnPostgres;
use rustix::process::Pid;
use xtask::process::Scratch;
use xtask::services::Redis;

use crate::invariants;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn requests_do_not_wait_for_a_product_service_that_hangs() {
    let gate = Gate::new();
    let shop = Shop::with(|setup| {
        setup
            .chaining(Arc::new(gate.clone()))
            .variable("product_timeout", "1")
    })
    .await;
    let products = Products::of(&shop).await;
    for (point, action) in [
        (Point::before("BatchGetProducts"), Action::Buy),
        (Point::before("ReserveStock"), Action::Buy),
        (Point::after("ReserveStock"), Action::Buy),
        (Point::before("CommitReservation"), Action::Buy),
        (Point::after("CommitReservation"), Action::Buy),
        (Point::before("ReleaseReservation"), Action::BuyTooMuch),
    ] {
        let requests = UserRequest::two(&shop, action, products).await;
        gate.close(&[point]);
        let api = shop.api();
        let (first, second) = tokio::join!(requests[0].run(&api), requests[1].run(&api));
        assert_eq!(
            [first, second],
            [Outcome::Unknown, Outcome::Unknown],
            "{point:?}: the outcome is unknown"
        );
        gate.open();
        // The calls that the gate held either continue now or are cancelled.
        tokio::time::sleep(Duration::from_millis(300)).await;
        finish(&shop, &requests, ends(point, action), point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_work_without_redis() {
    let folder = Scratch::new("ordering").expect("a folder for a server");
    let mut redis = Redis::start(folder.path()).await.expect("a Redis of our own");
    let gate = Gate::new();
    let shop = Shop::with(|setup| setup.redis(&redis).chaining(Arc::new(gate.clone()))).await;
    let products = Products::of(&shop).await;
    let request = UserRequest::new(&shop, Action::Buy, products).await;
    gate.close(&[Point::before("CommitReservation")]);
    let api = shop.api();
    let dying = async {
        gate.holds(1).await;
        redis.stop().await.expect("Redis stops");
        gate.open();
    };

    let (outcome, ()) = tokio::join!(request.run(&api), dying);
    assert!(
        matches!(outcome, Outcome::Done(_)),
        "an order is placed without Redis: {outcome:?}"
    );
    let cancelled = api
        .call(&request.user, "CancelOrder", json!({ "id": outcome.order() }))
        .await;
    assert!(
        matches!(cancelled, Outcome::Done(_)),
        "an order is cancelled without Redis: {cancelled:?}"
    );
    let done = api.reconcile().await.expect("the reconciler answers");
    assert_eq!(
        (&done["relayed"], &done["problems"]),
        (&json!(0), &json!(1)),
        "{done}"
    );

    redis.start_again().await.expect("Redis starts again");
    tokio::time::sleep(CLAIM_DURATION).await;
    shop.reconcile_and_check().await;
    assert_eq!(shop.status(&request.user, KEY).await.as_deref(), CANCELLED);
}

/// Kills the Postgres process that executes a statement which waits for a lock. Postgres then closes all connections and
/// recovers.
async fn kill_postgres_where_a_statement_waits(database: &harness::Database) {
    let waiting =
        "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    let began = Instant::now();
    let pid: i32 = loop {
        let rows = database
            .sql()
            .query(waiting, &[])
            .await
            .expect("the active statements");
        if let [first, ..] = rows.as_slice() {
            break first.get(0);
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "a statement must wait for the lock"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let pid = Pid::from_raw(pid).expect("a process");
    kill_process(pid, Signal::KILL).expect("the server process can be killed");
}

/// The point at which the calls are held, the action of the calls, and the table that the next statement writes to. The test
/// locks this table before it lets the calls continue.
const CUT_OFF: [(Point, Action, &str); 8] = [
    (Point::after("BatchGetProducts"), Action::Buy, ORDERS),
    (Point::before("ReserveStock"), Action::Buy, RESERVATIONS),
    (Point::before("CommitReservation"), Action::Buy, RESERVATIONS),
    (Point::after("CommitReservation"), Action::Buy, ORDERS),
    (
        Point::before("ReleaseReservation"),
        Action::BuyTooMuch,
        RESERVATIONS,
    ),
    (Point::after("ReleaseReservation"), Action::BuyTooMuch, ORDERS),
    (Point::before("CancelOrder"), Action::Cancel, ORDERS),
    (Point::before("Restock"), Action::Cancel, RESERVATIONS),
];

const ORDERS: &str = "order_service.orders";

const RESERVATIONS: &str = "product_service.reservations";

#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_during_a_statement_loses_no_order() {
    let mut postgres = OwnPostgres::start().await;
    let gate = Gate::new();
    let chaining = Arc::new(gate.clone());
    let database = postgres.database().await;
    // A commit must survive a crash, as in production. The servers of the other tests run without synchronous commits.
    let durable = "do $$ begin \
        execute format('alter database %I set synchronous_commit = on', current_database()); end $$";
    database
        .sql()
        .batch_execute(durable)
        .await
        .expect("the setting is changed");
    let database = postgres.database().await;
    let shop = Shop::with_whole_machine_over(database, |setup| setup.chaining(chaining)).await;
    let products = Products::of(&shop).await;
    for (held_at, action, table) in CUT_OFF {
        let ends = ends(held_at, action);
        let database = postgres.database().await;
        let requests = UserRequest::two(&shop, action, products).await;
        gate.close(&[held_at]);
        let api = shop.api();
        let killing = async {
            gate.holds(2).await;
            let lock = format!("begin; lock table {table} in exclusive mode");
            database.sql().batch_execute(&lock).await.expect("a lock");
            gate.open();
            kill_postgres_where_a_statement_waits(&database).await;
        };

        let (first, second, ()) = tokio::join!(requests[0].run(&api), requests[1].run(&api), killing);

        // The platform may have repeated the interrupted call by itself, or the outcome may be unknown. Any other answer is
        // wrong.
        for outcome in [first, second] {
            assert!(
                outcome == Outcome::Unknown || is_answer_for(&outcome, ends[0]),
                "{held_at:?}: a crash of Postgres must not change the outcome: {outcome:?}"
            );
        }
        recovered(&postgres).await;
        repeat(&requests[0], &api, ends[0], &held_at).await;
        let mut done = api.reconcile().await.expect("the reconciler answers");
        if done["problems"] != 0 {
            // Some connections were still broken. The orders that this run claimed can be claimed again after a while.
            tokio::time::sleep(CLAIM_DURATION).await;
            done = api.reconcile().await.expect("the reconciler answers");
        }
        let database = postgres.database().await;
        let broken = invariants::broken(database.sql()).await;
        assert_eq!(
            broken, [""; 0],
            "{held_at:?}: after a run of the reconciler: {done}"
        );
        for (request, end) in requests.iter().zip(ends) {
            let status = status(&database, request).await;
            // The platform may have finished the second request, which the test does not repeat, before or after the crash.
            assert!(
                [end, ends[0]].contains(&status.as_deref()),
                "{held_at:?}: the final status must be {end:?}, but is {status:?}"
            );
        }
    }
}

/// Waits until Postgres answers again.
async fn recovered(postgres: &OwnPostgres) {
    let began = Instant::now();
    while tokio_postgres::connect(postgres.server.admin_url().reveal(), tokio_postgres::NoTls)
        .await
        .is_err()
    {
        assert!(began.elapsed() < Duration::from_secs(20), "Postgres must recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn status(database: &harness::Database, request: &UserRequest) -> Option<String> {
    let sql = "select status from order_service.orders where user_id = $1";
    let row = database.sql().query_opt(sql, &[&request.user.id]).await;
    row.expect("at most one order").map(|row| row.get(0))
}
