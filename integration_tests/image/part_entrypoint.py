"""The image as `docker run` starts it: every command through the entry point, as the user of the image, with a root
file system that cannot be written and without capabilities."""

import json

from checks import check, check_holds
from connection import catalog, config, contacts, rejected, store, three_contacts
from container import ROOT, run


def spec() -> None:
    found = run(["spec"])
    check("spec: exit code", found.exit_code, 0)
    [message] = found.messages("SPEC")
    check("spec is the file", message["spec"], json.loads((ROOT / "spec.json").read_text()))
    check("spec: nothing on standard error", found.stderr, "")


def check_command() -> None:
    found = run(["check", "--config", "/config/config.json"], {"config.json": config("entrypoint")})
    check("check: exit code", found.exit_code, 0)
    status, message = found.status()
    check("check: status", status, "SUCCEEDED")
    check_holds("check: the bucket was tried", message, "Rejected records can be stored in the bucket rejected-records.")
    check("check: nothing on standard error", found.stderr, "")

    wrong = config("entrypoint", client_secret="another one")
    status, message = run(["check", "--config", "/config/config.json"], {"config.json": wrong}).status()
    check("check: a wrong secret fails", status, "FAILED")
    check_holds("check: it is named", message, "The client_secret is wrong.")
    wrong = config("entrypoint", object_storage_config=store("entrypoint", secret_access_key="another one"))
    status, message = run(["check", "--config", "/config/config.json"], {"config.json": wrong}).status()
    check("check: a wrong key of the bucket fails", status, "FAILED")
    check_holds("check: it is named", message, "refused the signature")


def discover() -> None:
    found = run(["discover", "--config", "/config/config.json"], {"config.json": config("entrypoint")})
    check("discover: exit code", found.exit_code, 0)
    [message] = found.messages("DESTINATION_CATALOG")
    objects = {operation["object_name"] for operation in message["destination_catalog"]["operations"]}
    check("discover: objects of the org", {"Account", "Contact"} <= objects)


def write() -> None:
    files = {"config.json": config("entrypoint"), "catalog.json": catalog()}
    arguments = ["write", "--config", "/config/config.json", "--catalog", "/config/catalog.json"]
    before = contacts()
    found = run(arguments, files, stdin="\n".join(three_contacts("E")) + "\n")
    check("write: exit code", found.exit_code, 0)
    check("write: the state came back with its counts", found.counts(), [(2, 1)])
    check("write: records arrived", contacts() - before, 2)
    [kept] = rejected("entrypoint")
    check("write: the refused one is kept", kept["_airbyte_data"]["rejected_reason"], "INVALID_EMAIL_ADDRESS")
    check("write: nothing on standard error", found.stderr, "")

    # A source that failed: the input ends without the word that all was sent.
    lines = three_contacts("F")[:-1]
    found = run(arguments, files, stdin="\n".join(lines) + "\n")
    check("write: a source that failed fails", (found.exit_code, found.errors()), (1, ["transient_error"]))
    check("write: what came is acknowledged", found.counts(), [(2, 1)])


def mistakes() -> None:
    found = run(["write", "--config", "/config/nothing.json", "--catalog", "/config/nothing.json"])
    check("a missing file is told", (found.exit_code, found.errors()), (1, ["config_error"]))
    found = run([])
    check("so is a missing command", (found.exit_code, found.errors()), (1, ["config_error"]))


def main() -> None:
    spec()
    check_command()
    discover()
    write()
    mistakes()


if __name__ == "__main__":
    main()
