"""What a connection is made of in these tests: a configuration, a catalog, records and states."""

import json
import os
import urllib.parse
import urllib.request

BUCKET = "rejected-records"
FILER = os.environ.get("STORE_FILER", "")
MOMENT = 1_790_000_000_000

FIELDS = {
    "External_Id__c": {"type": ["null", "string"]},
    "FirstName": {"type": ["null", "string"]},
    "LastName": {"type": ["null", "string"]},
    "Email": {"type": ["null", "string"]},
}


def config(folder: str, **changes: object) -> dict:
    """A configuration that works, and whose rejected records go to a folder of the bucket."""
    return {
        "client_id": os.environ["ORG_CLIENT_ID"],
        "client_secret": os.environ["ORG_CLIENT_SECRET"],
        "refresh_token": os.environ["ORG_REFRESH_TOKEN"],
        "domain_url": os.environ["ORG_URL"],
        "object_storage_config": store(folder),
    } | changes


def store(folder: str, **changes: object) -> dict:
    return {
        "storage_type": "S3",
        "access_key_id": os.environ["STORE_ACCESS_KEY"],
        "secret_access_key": os.environ["STORE_SECRET_KEY"],
        "s3_bucket_name": BUCKET,
        "s3_bucket_region": "us-east-1",
        "s3_endpoint": os.environ["STORE_URL"],
        "bucket_path": folder,
        "format": {"format_type": "JSONL"},
    } | changes


def catalog(mode: str = "append", name: str = "contacts") -> dict:
    """One stream that becomes contacts, as a platform with all switches on gives it."""
    return {"streams": [{
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
    }]}


def record(data: dict, name: str = "contacts") -> str:
    return json.dumps({"type": "RECORD", "record": {"stream": name, "data": data, "emitted_at": MOMENT}})


def state(number: int, count: int, name: str = "contacts") -> str:
    return json.dumps({"type": "STATE", "state": {
        "type": "STREAM",
        "stream": {"stream_descriptor": {"name": name}, "stream_state": {"cursor": number}},
        "id": number,
        "sourceStats": {"recordCount": float(count)},
    }})


def complete(name: str = "contacts") -> str:
    return json.dumps({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": MOMENT, "stream_status": {
        "stream_descriptor": {"name": name}, "status": "COMPLETE",
    }}})


def three_contacts(prefix: str) -> list[str]:
    """Two contacts that are good and one whose address is none, a state, and the end of the stream."""
    good, also, bad = (f"{prefix}-{number}" for number in (1, 2, 3))
    return [
        record({"External_Id__c": good, "LastName": "Example", "Email": "ann@example.com"}),
        record({"External_Id__c": also, "LastName": "Şample", "Email": None}),
        record({"External_Id__c": bad, "LastName": "Placeholder", "Email": "no address"}),
        state(1, 3),
        complete(),
    ]


def contacts() -> int:
    """How many contacts the org has."""
    url = f"{os.environ['ORG_URL']}/services/data/v62.0/query?q=SELECT+count()+FROM+Contact"
    headers = {"Authorization": f"Bearer {os.environ['ORG_ACCESS_TOKEN']}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return json.load(answer)["totalSize"]


def rejected(folder: str) -> list[dict]:
    """The rejected records below a folder of the bucket, read past the S3 interface, from the store's own files."""
    return [
        json.loads(line)
        for path in objects(f"/buckets/{BUCKET}/{folder}/")
        for line in urllib.request.urlopen(f"{FILER}{urllib.parse.quote(path)}").read().decode().splitlines()
    ]


def objects(folder: str) -> list[str]:
    """The paths of all files below a folder."""
    request = urllib.request.Request(
        f"{FILER}{urllib.parse.quote(folder)}?limit=10000", headers={"Accept": "application/json"}
    )
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
        # The highest bits of Go's file mode say that it is a folder.
        found += objects(f"{path}/") if entry["Mode"] & (1 << 31) else [path]
    return found
