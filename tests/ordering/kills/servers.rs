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
        let errands = UserRequest::two(&shop, action, products).await;
        gate.close(&[point]);
        let counter = shop.counter();
        let (first, second) = tokio::join!(errands[0].run(&counter), errands[1].run(&counter));
        assert_eq!(
            [first, second],
            [Said::Open, Said::Open],
            "{point:?}: the outcome is unknown"
        );
        gate.open();
        // What hung goes on now, or not at all.
        tokio::time::sleep(Duration::from_millis(300)).await;
        finish(&shop, &errands, ends(point, action), point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_need_no_redis() {
    let folder = Scratch::new("ordering").expect("a folder for a server");
    let mut redis = Redis::start(folder.path()).await.expect("a Redis of our own");
    let gate = Gate::new();
    let shop = Shop::with(|setup| setup.redis(&redis).chaining(Arc::new(gate.clone()))).await;
    let products = Products::of(&shop).await;
    let request = UserRequest::new(&shop, Action::Buy, products).await;
    gate.close(&[Point::before("CommitReservation")]);
    let counter = shop.counter();
    let dying = async {
        gate.holds(1).await;
        redis.stop().await.expect("Redis stops");
        gate.open();
    };

    let (said, ()) = tokio::join!(request.run(&counter), dying);
    assert!(matches!(said, Said::Done(_)), "an order needs no Redis: {said:?}");
    let cancelled = counter
        .call(&request.user, "CancelOrder", json!({ "id": said.order() }))
        .await;
    assert!(
        matches!(cancelled, Said::Done(_)),
        "nor does a cancellation: {cancelled:?}"
    );
    let done = counter.reconcile().await.expect("the reconciler answers");
    assert_eq!(
        (&done["relayed"], &done["problems"]),
        (&json!(0), &json!(1)),
        "{done}"
    );

    redis.start_again().await.expect("Redis starts again");
    tokio::time::sleep(CLAIMED).await;
    shop.settle().await;
    assert_eq!(shop.status(&request.user, KEY).await.as_deref(), CANCELLED);
}

/// Kills the server process that serves a statement which waits for a lock: then Postgres closes all connections and recovers.
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

/// Where the calls of which action are held before a table is locked, and the table, which the next statement writes to.
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
    // What was said to be done must be there after a crash, as in production: the tests' servers do without.
    let durable = "do $$ begin \
        execute format('alter database %I set synchronous_commit = on', current_database()); end $$";
    database
        .sql()
        .batch_execute(durable)
        .await
        .expect("commits are waited for");
    let database = postgres.database().await;
    let shop = Shop::alone_over(database, |setup| setup.chaining(chaining)).await;
    let products = Products::of(&shop).await;
    for (held_at, action, table) in CUT_OFF {
        let ends = ends(held_at, action);
        let database = postgres.database().await;
        let errands = UserRequest::two(&shop, action, products).await;
        gate.close(&[held_at]);
        let counter = shop.counter();
        let killing = async {
            gate.holds(2).await;
            let lock = format!("begin; lock table {table} in exclusive mode");
            database.sql().batch_execute(&lock).await.expect("a lock");
            gate.open();
            kill_postgres_where_a_statement_waits(&database).await;
        };

        let (first, second, ()) = tokio::join!(errands[0].run(&counter), errands[1].run(&counter), killing);

        // The platform may have repeated by itself what was cut off, or may not know; but it says nothing that is not so.
        for said in [first, second] {
            assert!(
                said == Said::Open || tells_of(&said, ends[0]),
                "{held_at:?}: it is not for Postgres to end it: {said:?}"
            );
        }
        recovered(&postgres).await;
        repeat(&errands[0], &counter, ends[0], &held_at).await;
        let mut done = counter.reconcile().await.expect("the reconciler answers");
        if done["problems"] != 0 {
            // Not every connection has noticed yet. What that run had in hand is free after a while.
            tokio::time::sleep(CLAIMED).await;
            done = counter.reconcile().await.expect("the reconciler answers");
        }
        let database = postgres.database().await;
        let broken = invariants::broken(database.sql()).await;
        assert_eq!(
            broken, [""; 0],
            "{held_at:?}: after a run of the reconciler: {done}"
        );
        for (request, end) in errands.iter().zip(ends) {
            let status = status(&database, request).await;
            // The request that is not repeated may have been done before, or after.
            assert!(
                [end, ends[0]].contains(&status.as_deref()),
                "{held_at:?}: an order must end where it belongs, at {end:?}, not at {status:?}"
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
