"""The input of the connector in these tests (configuration, catalog, messages), and what it wrote."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from peers import BUCKET, Org, Store

MOMENT = 1_790_000_000_000

FIELDS = {
    "External_Id__c": {"type": ["null", "string"]},
    "FirstName": {"type": ["null", "string"]},
    "LastName": {"type": ["null", "string"]},
    "Email": {"type": ["null", "string"]},
}


@dataclass
class Connection:
    """A simulated org, and a bucket for rejected records."""

    org: Org
    store: Store

    def config(self, folder: str, **changes: object) -> dict:
        """A working configuration that writes rejected records to a folder of the bucket."""
        return {
            "client_id": self.org.facts["client_id"],
            "client_secret": self.org.facts["client_secret"],
            "refresh_token": self.org.facts["refresh_token"],
            "domain_url": self.org.url,
            "object_storage_config": self.bucket(folder),
        } | changes

    def bucket(self, folder: str, **changes: object) -> dict:
        """The part of the configuration for rejected records."""
        return {
            "storage_type": "S3",
            "access_key_id": self.store.access_key,
            "secret_access_key": self.store.secret_key,
            "s3_bucket_name": BUCKET,
            "s3_bucket_region": "us-east-1",
            "s3_endpoint": self.store.url,
            "bucket_path": folder,
            "format": {"format_type": "JSONL"},
        } | changes

    def contacts(self) -> int:
        """How many contacts the org has."""
        return self.count("Contact")

    def count(self, name: str) -> int:
        """How many records of an object the org has."""
        url = f"{self.org.url}/services/data/v62.0/query?q=SELECT+count()+FROM+{name}"
        headers = {"Authorization": f"Bearer {self.org.facts['access_token']}"}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return json.load(answer)["totalSize"]

    def rejected(self, folder: str) -> list[dict]:
        """The rejected records in a folder of the bucket, read from the store's own files instead of by S3."""
        return [
            json.loads(line)
            for path in self.files(f"/buckets/{BUCKET}/{folder}/")
            if not path.endswith(".html")
            for line in urllib.request.urlopen(f"{self.store.filer}{urllib.parse.quote(path)}").read().splitlines()
        ]

    def files(self, folder: str) -> list[str]:
        """The paths of all files below a folder of the store."""
        url = f"{self.store.filer}{urllib.parse.quote(folder)}?limit=10000"
        request = urllib.request.Request(url, headers={"Accept": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                entries = json.load(answer)["Entries"] or []
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise
        found = []
        for entry in entries:
            path = entry["FullPath"]
            # The highest bit of Go's file mode marks a folder.
            found += self.files(f"{path}/") if entry["Mode"] & (1 << 31) else [path]
        return found


def catalog(mode: str = "append", name: str = "contacts") -> dict:
    """One stream that becomes contacts, with every key that a platform may send."""
    return {
        "streams": [
            {
                "stream": {
                    "name": name,
                    "json_schema": {"type": "object", "properties": FIELDS},
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": "incremental",
                "cursor_field": [],
                "destination_sync_mode": mode,
                "primary_key": [["External_Id__c"]] if mode == "append_dedup" else [],
                "destination_object_name": "Contact",
                "generation_id": 1,
                "minimum_generation_id": 0,
                "sync_id": 77,
            }
        ]
    }


def record(data: dict, name: str = "contacts") -> str:
    return json.dumps({"type": "RECORD", "record": {"stream": name, "data": data, "emitted_at": MOMENT}})


def state(number: int, count: int, name: str = "contacts") -> str:
    return json.dumps(
        {
            "type": "STATE",
            "state": {
                "type": "STREAM",
                "stream": {"stream_descriptor": {"name": name}, "stream_state": {"cursor": number}},
                "id": number,
                "sourceStats": {"recordCount": float(count)},
            },
        }
    )


def complete(name: str = "contacts") -> str:
    return json.dumps(
        {
            "type": "TRACE",
            "trace": {
                "type": "STREAM_STATUS",
                "emitted_at": MOMENT,
                "stream_status": {
                    "stream_descriptor": {"name": name},
                    "status": "COMPLETE",
                },
            },
        }
    )


def three_contacts(prefix: str) -> list[str]:
    """Two valid contacts, one with an invalid email address, a state, and the end of the stream."""
    first, second, invalid = (f"{prefix}-{number}" for number in (1, 2, 3))
    return [
        record({"External_Id__c": first, "LastName": "Example", "Email": "ann@example.com"}),
        record({"External_Id__c": second, "LastName": "Şample", "Email": None}),
        record({"External_Id__c": invalid, "LastName": "Placeholder", "Email": "no address"}),
        state(1, 3),
        complete(),
    ]
