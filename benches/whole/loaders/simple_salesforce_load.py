"""simple-salesforce: reads records, one JSON object on each line, and inserts them with the default settings."""

import json
import os
import sys
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce


class PlainHttp(HTTPAdapter):
    """Sends plain HTTP, which the simulated org speaks; the client makes every URL one of https."""

    def send(self, request, **options):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


session = requests.Session()
session.mount("https://127.0.0.1:", PlainHttp())
url, token = os.environ["ORG_URL"], os.environ["ORG_ACCESS_TOKEN"]
org = Salesforce(instance_url=url, session_id=token, version="62.0", session=session)
with Path(sys.argv[1]).open(encoding="utf-8") as lines:
    records = [json.loads(line) for line in lines]
results = org.bulk2.Contact.insert(records=records)
written = sum(job["numberRecordsProcessed"] - job["numberRecordsFailed"] for job in results)
if written != len(records):
    sys.exit(f"{written} of {len(records)} records were written")
