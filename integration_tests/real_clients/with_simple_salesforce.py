"""simple-salesforce: describe and Bulk API 2.0."""

import csv
import io
import os

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceResourceNotFound,
)

from checks import check, check_holds

# The client waits so many seconds before it asks for a job; its own default is 5.
WAIT = 0.01


class PlainHttp(HTTPAdapter):
    """The client makes every URL one of https; the simulated org speaks http."""

    def send(self, request, **options):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


def connect() -> Salesforce:
    session = requests.Session()
    session.mount("https://127.0.0.1:", PlainHttp())
    url, token = os.environ["ORG_URL"], os.environ["ORG_ACCESS_TOKEN"]
    return Salesforce(instance_url=url, session_id=token, version="62.0", session=session)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def counts(result: list[dict]) -> tuple[int, int, int]:
    """Processed, failed and sent."""
    sums = (sum(job[f"numberRecords{key}"] for job in result) for key in ("Processed", "Failed", "Total"))
    return tuple(sums)


def refusal(kind: type, call) -> str:
    """The text of the error that a call ends with."""
    try:
        call()
    except kind as error:
        return str(error)
    return "no error"


def describe(org: Salesforce) -> None:
    objects = {entry["name"]: entry for entry in org.describe()["sobjects"]}
    check("the list of objects has Account", objects["Account"]["createable"])
    fields = {field["name"]: field for field in org.Account.describe()["fields"]}
    check("describe knows the external id", fields["External_Id__c"]["externalId"])
    check("describe knows what is required", fields["Name"]["nillable"], False)
    error = refusal(SalesforceResourceNotFound, org.Nothing__c.describe)
    check_holds("an unknown object is not found", error, "The requested resource does not exist")
    check("limits are told", org.limits()["DailyBulkApiBatches"]["Max"], 15_000)


def success(org: Salesforce) -> list[str]:
    records = [{"Name": f"Example {number}", "External_Id__c": f"S-{number}"} for number in range(5)]
    result = org.bulk2.Account.insert(records=records, batch_size=2, wait=WAIT)
    check("an insert in batches of two makes three jobs", (len(result), counts(result)), (3, (5, 0, 5)))
    written = [row for job in result for row in rows(org.bulk2.Account.get_successful_records(job["job_id"]))]
    check("inserted rows are told as created", {row["sf__Created"] for row in written}, {"true"})
    check("ids have 18 characters", {len(row["sf__Id"]) for row in written}, {18})
    ids = {row["External_Id__c"]: row["sf__Id"] for row in written}
    check("a record can be read", org.Account.get(ids["S-3"])["Name"], "Example 3")
    check("records are counted", org.query("SELECT count() FROM Account")["totalSize"], 5)

    change = [{"Name": "Changed", "External_Id__c": "S-0"}, {"Name": "New", "External_Id__c": "S-9"}]
    result = org.bulk2.Account.upsert(records=change, external_id_field="External_Id__c", wait=WAIT)
    check("an upsert changes one and creates one", counts(result), (2, 0, 2))
    written = rows(org.bulk2.Account.get_successful_records(result[0]["job_id"]))
    created = {row["External_Id__c"]: row["sf__Created"] for row in written}
    check("an upsert tells which it created", created, {"S-0": "false", "S-9": "true"})
    check("the upsert changed the record", org.Account.get(ids["S-0"])["Name"], "Changed")

    result = org.bulk2.Account.update(records=[{"Id": ids["S-1"], "Phone": "1"}], wait=WAIT)
    check("an update", counts(result), (1, 0, 1))
    updated = rows(org.bulk2.Account.get_successful_records(result[0]["job_id"]))
    check("updated rows are told as not created", updated[0]["sf__Created"], "false")
    return sorted(ids.values())


def partial_failure(org: Salesforce) -> None:
    records = [{"Name": "Café 東京", "Phone": "1"}, {"Name": "", "Phone": "Ø"}]
    result = org.bulk2.Account.insert(records=records, wait=WAIT)
    check("a row without a name fails alone", counts(result), (2, 1, 2))
    job = result[0]["job_id"]
    failed = rows(org.bulk2.Account.get_failed_records(job))
    error = "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    check("the row that failed has no id", [row["sf__Id"] for row in failed], [""])
    check("the row that failed has its error", [row["sf__Error"] for row in failed], [error])
    # The client reads an answer without a charset as ISO 8859-1; its issue 687 shows real results garbled like this.
    check("the rows are UTF-8, and no charset says so", failed[0]["Phone"].encode("latin-1").decode(), "Ø")
    everything = org.bulk2.Account.get_all_ingest_records(job)
    lengths = {name: len(list(found)) for name, found in everything.items()}
    check("results add up", lengths, {"successfulRecords": 1, "failedRecords": 1, "unprocessedRecords": 0})


def whole_failure(org: Salesforce) -> None:
    def insert():
        org.bulk2.Account.insert(records=[{"Name": "a", "Nothing__c": "1"}], wait=WAIT)

    error = refusal(SalesforceOperationError, insert)
    check_holds("an unknown column fails the job", error, "InvalidBatch : Field name not found : Nothing__c")
    error = refusal(SalesforceMalformedRequest, lambda: org.bulk2.Nothing__c.insert(records=[{"Name": "a"}], wait=WAIT))
    check_holds("an unknown object makes no job", error, "INVALIDENTITY")
    # The client itself refuses other columns than the id, unless it is given the text.
    client = org.bulk2.Account._client
    job = client.create_job("delete")["id"]
    client.upload_job_data(job, "Id,Name\n001000000000000AAA,a\n")
    second = refusal(SalesforceMalformedRequest, lambda: client.upload_job_data(job, "Id\n"))
    check_holds("a job takes one upload", second, "Found multiple contents for job")
    client.close_job(job)
    error = refusal(SalesforceOperationError, lambda: client.wait_for_job(job, False, WAIT))
    check_holds("a delete takes ids only", error, "InvalidBatch : The 'delete' batch must contain only ids")
    error = refusal(SalesforceMalformedRequest, lambda: client.abort_job(job, False))
    check_holds("a job that is over cannot be aborted", error, "Aborting already Completed Job not allowed")


def delete(org: Salesforce, ids: list[str]) -> None:
    before = org.query("SELECT count() FROM Account")["totalSize"]
    unknown = "001000000000000AAA"
    result = org.bulk2.Account.delete(records=[{"Id": id} for id in [*ids[:2], unknown]], wait=WAIT)
    check("a delete of two and one unknown", counts(result), (3, 1, 3))
    failed = rows(org.bulk2.Account.get_failed_records(result[0]["job_id"]))
    check("the unknown id", failed[0]["sf__Error"], "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--")
    result = org.bulk2.Account.hard_delete(records=[{"Id": id} for id in ids[2:4]], wait=WAIT)
    check("a hard delete of two", counts(result), (2, 0, 2))
    check("four records are gone", org.query("SELECT count() FROM Account")["totalSize"], before - 4)


def main() -> None:
    org = connect()
    describe(org)
    ids = success(org)
    partial_failure(org)
    whole_failure(org)
    delete(org, ids)


if __name__ == "__main__":
    main()
