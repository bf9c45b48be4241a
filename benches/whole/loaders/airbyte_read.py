"""Airbyte's own source as it is, with two changes for the simulated org: it signs in there, because it knows no other
address than Salesforce's own, and it sees headers with the case in which Salesforce writes them, because it knows no
other."""

import os

from requests.adapters import HTTPAdapter

send = HTTPAdapter.send


def send_to_org(self, request, **options):
    request.url = request.url.replace("https://login.salesforce.com", os.environ["ORG_URL"], 1)
    answer = send(self, request, **options)
    for name in ["Content-Type", "Sforce-Locator", "Sforce-NumberOfRecords"]:
        if name in answer.headers:
            answer.headers[name] = answer.headers.pop(name)
    return answer


HTTPAdapter.send = send_to_org

from source_salesforce.run import run  # noqa: E402

run()
