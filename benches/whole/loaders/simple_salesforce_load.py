"""simple-salesforce: reads records, one JSON object on each line, and inserts them with the default settings."""

import json
import sys
from pathlib import Path

from simple_salesforce_org import connect

org = connect()
with Path(sys.argv[1]).open(encoding="utf-8") as lines:
    records = [json.loads(line) for line in lines]
results = org.bulk2.Contact.insert(records=records)
written = sum(job["numberRecordsProcessed"] - job["numberRecordsFailed"] for job in results)
if written != len(records):
    sys.exit(f"{written} of {len(records)} records were written")
