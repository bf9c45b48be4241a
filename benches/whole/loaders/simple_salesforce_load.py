"""simple-salesforce: reads records, a JSON object a line, and inserts them. Nothing is changed from its defaults."""

import json
import os
import sys

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce


class PlainHttp(HTTPAdapter):
    """The client makes every URL one of https; the simulated org speaks http."""

    def send(self, request, **options):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


session = requests.Session()
session.mount("https://127.0.0.1:", PlainHttp())
url, token = os.environ["ORG_URL"], os.environ["ORG_ACCESS_TOKEN"]
org = Salesforce(instance_url=url, session_id=token, version="62.0", session=session)
with open(sys.argv[1], encoding="utf-8") as lines:
    records = [json.loads(line) for line in lines]
results = org.bulk2.Contact.insert(records=records)
written = sum(job["numberRecordsProcessed"] - job["numberRecordsFailed"] for job in results)
if written != len(records):
    sys.exit(f"{written} of {len(records)} records were written")
