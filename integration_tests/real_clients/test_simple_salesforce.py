"""simple-salesforce against the simulated org: describe and Bulk API 2.0."""

import csv
import io
import os

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceResourceNotFound,
)

# The seconds that the client waits between two polls of a job; its own default is 5.
WAIT = 0.01

UNKNOWN_ID = "001000000000000AAA"


class PlainHttp(HTTPAdapter):
    """Sends plain HTTP, which the simulated org speaks; the client makes every URL one of https."""

    def send(self, request, **options):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


@pytest.fixture(scope="module")
def org() -> Salesforce:
    session = requests.Session()
    session.mount("https://127.0.0.1:", PlainHttp())
    url, token = os.environ["ORG_URL"], os.environ["ORG_ACCESS_TOKEN"]
    return Salesforce(instance_url=url, session_id=token, version="62.0", session=session)


@pytest.fixture(scope="module")
def jobs(org: Salesforce) -> list[dict]:
    """The jobs that inserted five accounts, in batches of two."""
    records = [{"Name": f"Example {number}", "External_Id__c": f"S-{number}"} for number in range(5)]
    return org.bulk2.Account.insert(records=records, batch_size=2, wait=WAIT)


@pytest.fixture(scope="module")
def written(org: Salesforce, jobs: list[dict]) -> list[dict[str, str]]:
    """The successful rows of these jobs."""
    return [row for job in jobs for row in rows(org.bulk2.Account.get_successful_records(job["job_id"]))]


@pytest.fixture(scope="module")
def ids(written: list[dict[str, str]]) -> dict[str, str]:
    """The ids of the five accounts by their external ids."""
    return {row["External_Id__c"]: row["sf__Id"] for row in written}


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def counts(jobs: list[dict]) -> tuple[int, int, int]:
    """Processed, failed and sent."""
    keys = ("Processed", "Failed", "Total")
    processed, failed, sent = (sum(job[f"numberRecords{key}"] for job in jobs) for key in keys)
    return processed, failed, sent


def accounts(org: Salesforce) -> int:
    return org.query("SELECT count() FROM Account")["totalSize"]


def test_the_list_of_objects_has_account(org):
    objects = {entry["name"]: entry for entry in org.describe()["sobjects"]}
    assert objects["Account"]["createable"]


def test_describe_names_external_ids_and_required_fields(org):
    fields = {field["name"]: field for field in org.Account.describe()["fields"]}
    assert fields["External_Id__c"]["externalId"]
    assert fields["Name"]["nillable"] is False


def test_an_unknown_object_is_not_found(org):
    with pytest.raises(SalesforceResourceNotFound, match="The requested resource does not exist"):
        org.Nothing__c.describe()


def test_limits_are_reported(org):
    assert org.limits()["DailyBulkApiBatches"]["Max"] == 15_000


def test_an_insert_in_batches_of_two_makes_three_jobs(jobs):
    assert len(jobs) == 3
    assert counts(jobs) == (5, 0, 5)


def test_inserted_rows_are_reported_as_created(written):
    assert {row["sf__Created"] for row in written} == {"true"}


def test_ids_have_18_characters(written):
    assert {len(row["sf__Id"]) for row in written} == {18}


def test_an_inserted_record_can_be_read(org, ids):
    assert org.Account.get(ids["S-3"])["Name"] == "Example 3"


def test_records_are_counted(org, ids):
    assert accounts(org) == len(ids) == 5


def test_an_upsert_updates_one_record_and_creates_one(org, ids):
    change = [{"Name": "Changed", "External_Id__c": "S-0"}, {"Name": "New", "External_Id__c": "S-9"}]
    upserted = org.bulk2.Account.upsert(records=change, external_id_field="External_Id__c", wait=WAIT)
    assert counts(upserted) == (2, 0, 2)
    written = rows(org.bulk2.Account.get_successful_records(upserted[0]["job_id"]))
    assert {row["External_Id__c"]: row["sf__Created"] for row in written} == {"S-0": "false", "S-9": "true"}
    assert org.Account.get(ids["S-0"])["Name"] == "Changed"


def test_updated_rows_are_reported_as_not_created(org, ids):
    updated = org.bulk2.Account.update(records=[{"Id": ids["S-1"], "Phone": "1"}], wait=WAIT)
    assert counts(updated) == (1, 0, 1)
    assert rows(org.bulk2.Account.get_successful_records(updated[0]["job_id"]))[0]["sf__Created"] == "false"


def test_a_row_without_a_name_fails_alone(org):
    inserted = org.bulk2.Account.insert(
        records=[{"Name": "Café 東京", "Phone": "1"}, {"Name": "", "Phone": "Ø"}], wait=WAIT
    )
    assert counts(inserted) == (2, 1, 2)
    job = inserted[0]["job_id"]
    [failed] = rows(org.bulk2.Account.get_failed_records(job))
    assert failed["sf__Id"] == ""
    assert failed["sf__Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    # No charset is sent, so the client reads the rows as ISO 8859-1. Its issue 687 shows results of a real org garbled
    # in the same way.
    assert failed["Phone"].encode("latin-1").decode() == "Ø"
    results = {name: len(list(found)) for name, found in org.bulk2.Account.get_all_ingest_records(job).items()}
    assert results == {"successfulRecords": 1, "failedRecords": 1, "unprocessedRecords": 0}


def test_an_unknown_column_fails_the_job(org):
    with pytest.raises(SalesforceOperationError, match="InvalidBatch : Field name not found : Nothing__c"):
        org.bulk2.Account.insert(records=[{"Name": "a", "Nothing__c": "1"}], wait=WAIT)


def test_an_unknown_object_makes_no_job(org):
    with pytest.raises(SalesforceMalformedRequest, match="INVALIDENTITY"):
        org.bulk2.Nothing__c.insert(records=[{"Name": "a"}], wait=WAIT)


def test_a_job_takes_one_upload_and_a_delete_takes_ids_only(org):
    # Given records, the client refuses other columns than the id itself; given a text, it does not.
    client = org.bulk2.Account._client
    job = client.create_job("delete")["id"]
    client.upload_job_data(job, f"Id,Name\n{UNKNOWN_ID},a\n")
    with pytest.raises(SalesforceMalformedRequest, match="Found multiple contents for job"):
        client.upload_job_data(job, "Id\n")
    client.close_job(job)
    with pytest.raises(SalesforceOperationError, match="InvalidBatch : The 'delete' batch must contain only ids"):
        client.wait_for_job(job, False, WAIT)
    # A job that has ended cannot be aborted.
    with pytest.raises(SalesforceMalformedRequest, match="Aborting already Completed Job not allowed"):
        client.abort_job(job, False)


def test_records_are_deleted_and_an_unknown_id_fails(org, ids):
    before = accounts(org)
    first, second, third, fourth = sorted(ids.values())[:4]
    deleted = org.bulk2.Account.delete(records=[{"Id": id} for id in (first, second, UNKNOWN_ID)], wait=WAIT)
    assert counts(deleted) == (3, 1, 3)
    failed = rows(org.bulk2.Account.get_failed_records(deleted[0]["job_id"]))
    assert failed[0]["sf__Error"] == "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"
    deleted = org.bulk2.Account.hard_delete(records=[{"Id": id} for id in (third, fourth)], wait=WAIT)
    assert counts(deleted) == (2, 0, 2)
    assert accounts(org) == before - 4


CONTACTS = "SELECT Id, LastName, SystemModstamp, Account.Name FROM Contact WHERE LastName LIKE 'Read%'"


@pytest.fixture(scope="module")
def contacts(org: Salesforce) -> list[str]:
    """The names of 450 contacts, one of them deleted."""
    names = [f'Read "{number}"' for number in range(450)]
    org.bulk2.Contact.insert(records=[{"LastName": name} for name in names], wait=WAIT)
    [deleted] = org.query("SELECT Id FROM Contact WHERE LastName = 'Read \"7\"'")["records"]
    org.bulk2.Contact.delete(records=[{"Id": deleted["Id"]}], wait=WAIT)
    return names


def test_a_query_job_is_read_page_by_page(org, contacts):
    pages = list(org.bulk2.Contact.query(CONTACTS, max_records=200, wait=WAIT))
    assert [len(rows(page)) for page in pages] == [200, 200, 49]
    read = [row for page in pages for row in rows(page)]
    assert sorted(row["LastName"] for row in read) == sorted(name for name in contacts if name != 'Read "7"')
    assert all(row["Account.Name"] == "" and row["SystemModstamp"].endswith(".000Z") for row in read)


def test_a_query_all_job_reads_deleted_records(org, contacts):
    query = CONTACTS.replace("SELECT Id", "SELECT Id, IsDeleted")
    read = [row for page in org.bulk2.Contact.query_all(query, wait=WAIT) for row in rows(page)]
    assert (len(read), [row["LastName"] for row in read if row["IsDeleted"] == "true"]) == (450, ['Read "7"'])


def test_the_results_of_a_query_job_are_files(org, contacts, tmp_path):
    files = org.bulk2.Contact.download(CONTACTS, str(tmp_path), max_records=300, wait=WAIT)
    assert sorted(file["number_of_records"] for file in files) == [149, 300]


def test_a_query_that_no_job_can_run_is_refused(org):
    with pytest.raises(SalesforceMalformedRequest, match="Selecting compound data not supported in Bulk Query"):
        list(org.bulk2.Contact.query("SELECT MailingAddress FROM Contact", wait=WAIT))


def test_rest_pages_are_followed(org, contacts):
    options = {"Sforce-Query-Options": "batchSize=200"}
    read = [record["LastName"] for record in org.query_all_iter(CONTACTS, headers=options)]
    assert (len(read), len(set(read))) == (449, 449)
    assert org.query_all(CONTACTS, include_deleted=True)["totalSize"] == 450
