"""The image as `docker run` starts it: every command through the entry point, as the user of the image, with a
read-only file system and without capabilities."""

import json

from connection import catalog, three_contacts
from connectors import ROOT

CHECK = ["check", "--config", "/config/config.json"]
DISCOVER = ["discover", "--config", "/config/config.json"]
WRITE = ["write", "--config", "/config/config.json", "--catalog", "/config/catalog.json"]


def test_spec_prints_the_specification(image):
    found = image.run(["spec"])
    assert found.exit_code == 0
    [message] = found.messages("SPEC")
    assert message["spec"] == json.loads((ROOT / "spec.json").read_text())
    assert found.stderr == ""


def test_check_succeeds_and_tries_the_bucket(image, connection):
    found = image.run(CHECK, {"config.json": connection.config("entrypoint")})
    assert found.exit_code == 0
    status, message = found.status()
    assert status == "SUCCEEDED"
    assert "Rejected records can be stored in the bucket rejected-records." in message
    assert found.stderr == ""


def test_check_names_a_wrong_secret(image, connection):
    wrong = connection.config("entrypoint", client_secret="another one")
    status, message = image.run(CHECK, {"config.json": wrong}).status()
    assert status == "FAILED"
    assert "The client_secret is wrong." in message


def test_check_names_a_wrong_key_of_the_bucket(image, connection):
    bucket = connection.bucket("entrypoint", secret_access_key="another one")
    wrong = connection.config("entrypoint", object_storage_config=bucket)
    status, message = image.run(CHECK, {"config.json": wrong}).status()
    assert status == "FAILED"
    assert "refused the signature" in message


def test_discover_lists_the_objects_of_the_org(image, connection):
    found = image.run(DISCOVER, {"config.json": connection.config("entrypoint")})
    assert found.exit_code == 0
    [message] = found.messages("DESTINATION_CATALOG")
    objects = {operation["object_name"] for operation in message["destination_catalog"]["operations"]}
    assert {"Account", "Contact"} <= objects


def test_write_loads_records_and_keeps_the_rejected_one(image, connection):
    files = {"config.json": connection.config("entrypoint"), "catalog.json": catalog()}
    before = connection.contacts()
    found = image.run(WRITE, files, stdin="\n".join(three_contacts("E")) + "\n")
    assert found.exit_code == 0
    assert found.counts() == [(2, 1)]
    assert connection.contacts() - before == 2
    [kept] = connection.rejected("entrypoint")
    assert kept["_airbyte_data"]["rejected_reason"] == "INVALID_EMAIL_ADDRESS"
    assert found.stderr == ""


def test_write_fails_after_a_failed_source_and_acknowledges_its_records(image, connection):
    files = {"config.json": connection.config("entrypoint"), "catalog.json": catalog()}
    # The input ends without the message that the stream is complete.
    lines = three_contacts("F")[:-1]
    found = image.run(WRITE, files, stdin="\n".join(lines) + "\n")
    assert (found.exit_code, found.errors()) == (1, ["transient_error"])
    assert found.counts() == [(2, 1)]


def test_a_mounted_folder_keeps_rejected_records(image, connection, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    kept.chmod(0o777)
    storage = {"storage_type": "Local", "path": "/kept/rejected", "format": {"format_type": "JSONL"}}
    files = {"config.json": connection.config("none", object_storage_config=storage), "catalog.json": catalog()}
    flags = [f"--volume={kept}:/kept"]
    status, message = image.run(CHECK, files, flags=flags).status()
    assert status == "SUCCEEDED", message
    assert "Rejected records can be stored in the folder /kept/rejected." in message
    found = image.run(WRITE, files, stdin="\n".join(three_contacts("L")) + "\n", flags=flags)
    assert (found.exit_code, found.counts()) == (0, [(2, 1)])
    [line] = [line for path in kept.rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert json.loads(line)["_airbyte_data"]["rejected_reason"] == "INVALID_EMAIL_ADDRESS"
    # The machine keeps the folder, so nothing warns of it.
    assert "lost with it" not in found.stdout + message


def test_a_folder_that_is_not_mounted_is_no_place_for_rejected_records(image, connection):
    storage = {"storage_type": "Local", "path": "/kept"}
    configuration = connection.config("none", object_storage_config=storage)
    status, message = image.run(CHECK, {"config.json": configuration}).status()
    assert status == "FAILED"
    assert "in a container, the path of a mounted folder" in message


def test_a_missing_file_is_a_configuration_error(image):
    found = image.run(["write", "--config", "/config/nothing.json", "--catalog", "/config/nothing.json"])
    assert (found.exit_code, found.errors()) == (1, ["config_error"])


def test_a_missing_command_is_a_configuration_error(image):
    found = image.run([])
    assert (found.exit_code, found.errors()) == (1, ["config_error"])
