//! When results are read again, and when they are not read.

use super::*;

/// An answer that lacks a single row proves nothing, whatever it says of its length.
#[tokio::test(flavor = "multi_thread")]
async fn results_of_a_killed_attempt_that_lack_one_row_are_read_again() {
    let world = World::kind().await;
    let hold = Hold::default();
    world.org.inject(RequestFault::new(Endpoint::JobInfo, Effect::Held(hold.clone())));
    let catalog = contacts("append", "External_Id__c");
    let mut connector = world.start_write(keeping(), &catalog);
    let writer = connector.send_in_background(lines(&some_contacts(5)));
    wait_until(|| !world.org.jobs().is_empty() && world.org.jobs().iter().all(|job| job.state.is_final())).await;
    kill(connector, writer).await;
    hold.release();
    let rows: Vec<String> = world.org.records("Contact")[..4]
        .iter()
        .map(|it| {
            let [id, name, key] = ["Id", "LastName", "External_Id__c"].map(|field| it[field].clone().unwrap());
            format!("{id},true,{name},,{key}\n")
        })
        .collect();
    let lacking = Answer::csv(&format!("sf__Id,sf__Created,LastName,Email,External_Id__c\n{}", rows.concat()), 4);
    world.org.inject(RequestFault::new(Endpoint::SuccessfulResults, lacking).starting_at(2));
    world.write(keeping(), catalog, lines(&some_contacts(5))).await.assert_success();
    assert_each_is_kept_once(&world);
    assert_eq!((world.org.count("Contact"), results_read(&world)), (5, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_job_that_wrote_nothing_no_ids_are_read() {
    let world = World::new().await;
    world.org.inject(RowFault::new("Contact", INVALID));
    let run = world.write(keeping(), contacts("append", "External_Id__c"), lines(&some_contacts(3))).await;
    run.assert_success();
    assert_eq!(run.counts(), [Counts { written: 0, rejected: 3 }]);
    assert_eq!((results_read(&world), world.success_objects().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_not_read_again_because_their_ids_cannot_be_stored() {
    let world = World::kind().await;
    let denied = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    world.store.answer_next(1_000, 403, "application/xml", denied);
    let settings = merge(keeping(), json!({"journal": false, "report": false}));
    let run = world.write(settings, contacts("append", "External_Id__c"), lines(&some_contacts(3))).await;
    assert!(run.failure().1.contains("bucket"), "{}", run.stdout);
    assert_eq!((results_read(&world), run.states().len()), (1, 0));
}

/// Otherwise a record would be kept twice or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn results_with_more_or_fewer_rows_than_the_job_wrote_are_read_again() {
    for count in [4, 6] {
        let world = World::kind().await;
        let ids: Vec<String> = (1..=5)
            .map(|number| {
                let key = format!("E{number:04}");
                world.org.insert("Contact", &[("LastName", "old"), ("External_Id__c", &key)]).unwrap()
            })
            .collect();
        let row = |number: usize| format!("{},false,L{number:04},,E{number:04}\n", ids[number - 1]);
        let rows: String = (1..=5).chain([5]).take(count).map(row).collect();
        let wrong = Answer::csv(&format!("sf__Id,sf__Created,LastName,Email,External_Id__c\n{rows}"), count as u64);
        world.org.inject(RequestFault::new(Endpoint::SuccessfulResults, wrong));
        let catalog = contacts("append_dedup", "External_Id__c");
        world.write(keeping(), catalog, lines(&some_contacts(5))).await.assert_success();
        assert_each_is_kept_once(&world);
        assert_eq!((world.org.count("Contact"), results_read(&world)), (5, 2), "{count}");
    }
}
