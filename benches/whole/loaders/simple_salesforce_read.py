"""simple-salesforce: reads the records of a query with the default settings.

simple_salesforce_read.py OBJECT         the pages of CSV that it returns
simple_salesforce_read.py OBJECT rows    their rows, by Python's csv
"""

import csv
import io
import os
import sys

from simple_salesforce_org import connect

org = connect()
pages = getattr(org.bulk2, sys.argv[1]).query(os.environ["QUERY"])
if sys.argv[2:] == ["rows"]:
    read = sum(1 for page in pages for _ in csv.DictReader(io.StringIO(page, newline="")))
    if read != int(os.environ["RECORDS"]):
        sys.exit(f"{read} records were read")
else:
    for page in pages:
        if not page:
            sys.exit("a page is empty")
