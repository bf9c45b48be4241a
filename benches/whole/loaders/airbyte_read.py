"""Airbyte's own source as it is, with two changes for the simulated org: it signs in there, because it knows no other
address than Salesforce's own, and it sees the header `Content-Type` in capitals, because it breaks where it finds one in
lower case."""

import os

from requests.adapters import HTTPAdapter

send = HTTPAdapter.send


def send_to_org(self, request, **options):
    request.url = request.url.replace("https://login.salesforce.com", os.environ["ORG_URL"], 1)
    answer = send(self, request, **options)
    if "content-type" in answer.headers:
        answer.headers["Content-Type"] = answer.headers.pop("content-type")
    return answer


HTTPAdapter.send = send_to_org

from source_salesforce.run import run  # noqa: E402

run()
