"""simple-salesforce: reads the records of a query with the default settings.

simple_salesforce_read.py OBJECT         the pages of CSV that it returns
simple_salesforce_read.py OBJECT rows    their rows, by Python's csv
"""

import csv
import io
import os
import sys

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
org = Salesforce(
    instance_url=os.environ["ORG_URL"], session_id=os.environ["ORG_ACCESS_TOKEN"], version="62.0", session=session
)
pages = getattr(org.bulk2, sys.argv[1]).query(os.environ["QUERY"])
if sys.argv[2:] == ["rows"]:
    read = sum(1 for page in pages for _ in csv.DictReader(io.StringIO(page, newline="")))
    if read != int(os.environ["RECORDS"]):
        sys.exit(f"{read} records were read")
else:
    for page in pages:
        if not page:
            sys.exit("a page is empty")
