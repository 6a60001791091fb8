use super::*;
use crate::tool::Environment;

/// A pool whose workers do not start.
fn pool(change: impl FnOnce(&mut PersistentWorker)) -> Arc<Pool> {
    let mut worker = PersistentWorker {
        options: 0,
        size: 2.try_into().unwrap(),
        multiplex: 1.try_into().unwrap(),
        max_calls: None,
        max_rss: None,
        idle_timeout: Duration::from_mins(10),
        start_timeout: Duration::from_mins(1),
        preload: Vec::new(),
    };
    change(&mut worker);
    let kind = Kind {
        program: "/nowhere/python3".into(),
        arguments: vec!["script.py".into()],
        options: 0,
        working_dir: "/".into(),
        environment: Environment::default(),
        defaults: Vec::new(),
        preload: Vec::new(),
    };
    Pool::new(kind, worker, false, Arc::default(), Crew::default())
}

/// A worker of the pool that has a call, and is to be replaced.
fn busy(pool: &Pool, is_leaving: bool) -> Arc<Handle> {
    let handle = Arc::new(Handle {
        commands: mpsc::unbounded_channel().0,
        is_async: false,
        stamps: Vec::new(),
    });
    pool.state().members.push(Member {
        handle: Arc::clone(&handle),
        load: 1,
        given: 1,
        due: Some(Reason::Changed),
        is_leaving,
    });
    handle
}

/// Nothing is started for so long.
fn fail(pool: &Pool) {
    let error = BirthError::Failed("it does not load".to_owned());
    pool.state().failed = Some((error, Instant::now() + Duration::from_mins(1)));
}

async fn refused(wait: oneshot::Receiver<Result<Seat, BirthError>>) -> String {
    let answer = tokio::time::timeout(Duration::from_hours(1), wait).await;
    match answer.expect("it is forgotten").unwrap() {
        Err(error) => error.to_string(),
        Ok(_) => "a seat".to_owned(),
    }
}

fn waiting(pool: &Arc<Pool>) -> oneshot::Receiver<Result<Seat, BirthError>> {
    match pool.ask() {
        Ok(Ask::Wait(wait)) => wait,
        _ => panic!("there is a seat"),
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_when_the_last_worker_dies_and_none_loads_is_told_so() {
    let pool = pool(|_| {});
    let handle = busy(&pool, false);
    fail(&pool);
    let wait = waiting(&pool);
    pool.gone(&handle, &Fate::Gone);
    assert_eq!(
        refused(wait).await,
        "its warm interpreter failed: it does not load"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_when_the_last_worker_goes_and_none_loads_is_told_so() {
    let pool = pool(|_| {});
    let handle = busy(&pool, true);
    fail(&pool);
    let wait = waiting(&pool);
    pool.vacate(&handle);
    assert_eq!(
        refused(wait).await,
        "its warm interpreter failed: it does not load"
    );
}

/// As long as one answers, it is tried again for those who wait.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_busy_worker_gets_its_seat() {
    let pool = pool(|_| {});
    let handle = busy(&pool, false);
    fail(&pool);
    let wait = waiting(&pool);
    pool.vacate(&handle);
    assert_eq!(refused(wait).await, "a seat");
}

/// Calls may be given back without an answer: these count as well, or it would never be replaced.
#[tokio::test(start_paused = true)]
async fn one_that_had_twice_its_calls_gets_others_only_where_none_loads() {
    let pool = pool(|worker| worker.max_calls = Some(2.try_into().unwrap()));
    let handle = busy(&pool, false);
    pool.state().members[0].due = None;
    pool.vacate(&handle);
    for _ in 0..3 {
        assert!(matches!(pool.ask(), Ok(Ask::Seat(_))), "which is dropped");
    }
    assert_eq!(pool.state().members[0].due, Some(Reason::MaxCalls));
    // The one that is started for it fails.
    assert_eq!(refused(waiting(&pool)).await, "a seat");
}
