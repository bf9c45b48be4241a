"""A full sync of 100,000 records, some of them invalid, with the memory that metadata.yaml requests for a sync."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest
from connection import Connection, catalog, complete, record, state
from connectors import DESTINATION
from container import Image, Run

RECORDS = 100_000
RECORDS_PER_STATE = 1_000

# Seconds.
TIME_LIMIT = 15 * 60

# The invalid records of each cycle: the field that is wrong, and the reason of the rejection. The connector rejects the
# last one itself.
FLAWS = {
    7: ({"LastName": None}, "REQUIRED_FIELD_MISSING"),
    31: ({"Email": "ask at the counter"}, "INVALID_EMAIL_ADDRESS"),
    180: ({"LastName": "#N/A"}, "NULL_MARKER_AS_TEXT"),
}
CYCLE = 200

REJECTED = {number: FLAWS[number % CYCLE][1] for number in range(RECORDS) if number % CYCLE in FLAWS}


def key(number: int) -> str:
    return f"B-{number:06}"


def contact(number: int) -> dict:
    change, _ = FLAWS.get(number % CYCLE, ({}, None))
    return {
        "External_Id__c": key(number),
        "FirstName": f"Number {number}",
        "LastName": "Example",
        "Email": f"contact.{number}@example.com",
    } | change


def lines() -> Iterator[str]:
    for number in range(RECORDS):
        yield record(contact(number))
        if (number + 1) % RECORDS_PER_STATE == 0:
            yield state((number + 1) // RECORDS_PER_STATE, RECORDS_PER_STATE)
    yield complete()


@pytest.fixture(scope="module")
def sync(image: Image, connection: Connection) -> Run:
    files = {"config.json": connection.config("full"), "catalog.json": catalog(mode="append_dedup")}
    started = time.monotonic()
    done = image.run(
        ["write", "--config", "/config/config.json", "--catalog", "/config/catalog.json"],
        files,
        stdin="".join(f"{line}\n" for line in lines()),
        flags=[DESTINATION.memory(), "--cpus=1"],
        time_limit=TIME_LIMIT,
    )
    print(f"{RECORDS} records in {time.monotonic() - started:.0f} s, container and simulated org on one machine")
    return done


def test_the_sync_succeeds(sync):
    assert sync.exit_code == 0
    assert sync.errors() == []


def test_every_state_is_returned_in_order_with_its_counts(sync):
    expected = []
    for start in range(0, RECORDS, RECORDS_PER_STATE):
        rejected = sum(number in REJECTED for number in range(start, start + RECORDS_PER_STATE))
        expected.append((RECORDS_PER_STATE - rejected, rejected))
    assert sync.counts() == expected
    numbers = [message["state"]["id"] for message in sync.messages("STATE")]
    assert numbers == list(range(1, RECORDS // RECORDS_PER_STATE + 1))


def test_the_org_has_all_other_records(sync, connection):
    assert connection.contacts() == RECORDS - len(REJECTED)


def test_every_rejected_record_is_kept_once_with_its_reason(sync, connection):
    kept = [it["_airbyte_data"] for it in connection.rejected("full")]
    assert sorted(it["External_Id__c"] for it in kept) == [key(number) for number in REJECTED]
    assert Counter(it["rejected_reason"] for it in kept) == Counter(REJECTED.values())


def test_the_log_has_no_value_of_a_record(sync):
    logged = "".join(message["log"]["message"] for message in sync.messages("LOG"))
    assert "example.com" not in logged
