"""The content of each image: files, sizes, labels, environment, user, history, and the bill of materials."""

import hashlib
import json
import re
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from connectors import DESTINATION, ROOT, Connector
from container import Image

MEGABYTE = 1_000_000
LARGEST = 40 * MEGABYTE

CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
BILL = "sbom.cdx.json"

# The files beside the program by path, with the target of a link.
EXPECTED = {
    "bin/busybox": "",
    "bin/mv": "busybox",
    "bin/sh": "busybox",
    "bin/sleep": "busybox",
    CERTIFICATES: "",
    BILL: "",
}

# Words of a history that has a secret in it, or that was built in the last stage.
FORBIDDEN = re.compile(r"apt-get|cargo|rustc|secret|password|token|ARG ", re.IGNORECASE)


@dataclass
class Entry:
    """A file, folder or link of a layer."""

    info: tarfile.TarInfo
    content: bytes


@pytest.fixture(scope="module")
def image(image_of: Image) -> Image:
    return image_of


@pytest.fixture(scope="module")
def program(connector: Connector) -> str:
    return f"bin/{connector.name}"


@pytest.fixture(scope="module")
def layers(image: Image, tmp_path_factory: pytest.TempPathFactory) -> list[list[Entry]]:
    """The layers of the image."""
    return saved_layers(image, tmp_path_factory.mktemp("saved"))


def saved_layers(image: Image, folder: Path) -> list[list[Entry]]:
    """The layers of an image, as a client pulls them."""
    archive = folder / "image.tar"
    image.docker("save", "-o", archive, image.name)
    with tarfile.open(archive) as outer:
        [manifest] = json.load(outer.extractfile("manifest.json"))
        found = [read_layer(outer, name) for name in manifest["Layers"]]
    archive.unlink()
    for number, layer in enumerate(found, start=1):
        names = ", ".join(entry.info.name for entry in layer if not entry.info.isdir())
        print(f"layer {number}: {size(layer) / MEGABYTE:.2f} MB, {names}")
    return found


def read_layer(archive: tarfile.TarFile, name: str) -> list[Entry]:
    with tarfile.open(fileobj=archive.extractfile(name)) as layer:
        return [Entry(info, layer.extractfile(info).read() if info.isreg() else b"") for info in layer]


def size(entries: list[Entry]) -> int:
    return sum(entry.info.size for entry in entries)


@pytest.fixture(scope="module")
def entries(layers: list[list[Entry]]) -> list[Entry]:
    """Everything in the image."""
    return [entry for layer in layers for entry in layer]


@pytest.fixture(scope="module")
def files(entries: list[Entry]) -> list[Entry]:
    """Everything but folders."""
    return [entry for entry in entries if not entry.info.isdir()]


@pytest.fixture(scope="module")
def bill(files: list[Entry]) -> dict:
    return json.loads(content_of(files, BILL))


def content_of(files: list[Entry], name: str) -> bytes:
    [content] = [entry.content for entry in files if entry.info.name == name]
    return content


def test_the_image_is_small(image, entries):
    print(f"unpacked: {size(entries) / MEGABYTE:.2f} MB")
    assert size(entries) < LARGEST
    assert image.inspect()["Size"] < LARGEST


def test_the_image_has_the_expected_files_only(files, program):
    assert {entry.info.name: entry.info.linkname for entry in files} == EXPECTED | {program: ""}


def test_no_file_is_in_two_layers(files):
    assert len(files) == len(EXPECTED) + 1


def test_everything_belongs_to_root(entries):
    assert {(entry.info.uid, entry.info.gid) for entry in entries} == {(0, 0)}


def test_only_the_owner_may_write(entries):
    assert [entry.info.name for entry in entries if entry.info.mode & 0o022 and not entry.info.issym()] == []


def test_no_program_runs_as_its_owner(entries):
    assert [entry.info.name for entry in entries if entry.info.mode & 0o6000] == []


def test_the_user_may_read_every_file(files):
    assert [entry.info.name for entry in files if entry.info.isfile() and not entry.info.mode & 0o004] == []


@pytest.mark.parametrize(
    ("label", "key"), [("io.airbyte.name", "dockerRepository"), ("io.airbyte.version", "dockerImageTag")]
)
def test_labels_agree_with_the_metadata(image, connector, label, key):
    assert image.inspect()["Config"]["Labels"][label] == connector.metadata(key)


def test_there_is_one_absolute_entry_point_without_a_command(image, program):
    configuration = image.inspect()["Config"]
    assert configuration["Entrypoint"] == [f"/{program}"]
    assert configuration.get("Cmd") is None


def test_the_environment_has_the_entry_point_and_a_path_only(image, program):
    environment = dict(entry.split("=", 1) for entry in image.inspect()["Config"]["Env"])
    assert environment == {"AIRBYTE_ENTRYPOINT": f"/{program}", "PATH": "/bin"}


def test_the_user_is_a_number(image):
    assert image.inspect()["Config"]["User"] == "1000"


def test_the_container_runs_as_that_user_without_a_right_to_write(image):
    script = "id -u; id -g; echo x > /written 2>/dev/null || echo read-only"
    inside = image.run(["-c", script], flags=["--entrypoint=/bin/sh"])
    assert inside.stdout.split() == ["1000", "0", "read-only"]


def test_the_user_may_not_replace_a_program_on_a_writable_file_system(image):
    script = "echo x > /bin/sh || echo refused"
    printed = image.docker("run", "--rm", "--network=none", "--entrypoint=/bin/sh", image.name, "-c", script)
    assert printed.strip() == "refused"


def test_the_history_has_no_secret_and_the_last_stage_only(image):
    lines = image.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image.name).splitlines()
    print(*(f"history: {line}" for line in lines), sep="\n")
    assert [line for line in lines if FORBIDDEN.search(line)] == []
    assert len(lines) < 10


def test_both_builders_make_the_same_image(image, image_of_buildkit, files, tmp_path):
    others = [it for layer in saved_layers(image_of_buildkit, tmp_path) for it in layer if not it.info.isdir()]
    # The certificates and the shell are Debian's of the day.
    content = {it.info.name: (it.info.linkname, hashlib.sha256(it.content).hexdigest()) for it in files}
    assert {it.info.name: (it.info.linkname, hashlib.sha256(it.content).hexdigest()) for it in others} == content
    for key in ("Entrypoint", "Cmd", "Env", "Labels", "User"):
        assert image_of_buildkit.inspect()["Config"].get(key) == image.inspect()["Config"].get(key), key


def locked() -> dict[tuple[str, str], str | None]:
    """The checksums of all packages in the lock file."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}


def crates_of(bill: dict) -> dict[tuple[str, str], dict]:
    components = [it for it in bill["components"] if it["purl"].startswith("pkg:cargo/")]
    return {(it["name"], it["version"]): it for it in components}


def test_the_bill_is_cyclonedx(bill):
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")


def test_the_bill_describes_the_program(bill, files, program, connector):
    application = bill["metadata"]["component"]
    digest = hashlib.sha256(content_of(files, program)).hexdigest()
    assert application["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert application["name"] == connector.name
    assert (connector.name, application["version"]) in locked()


def test_every_crate_in_the_bill_has_the_checksum_of_the_lock_file(bill):
    checksums = locked()
    found = {crate: it["hashes"][0]["content"] for crate, it in crates_of(bill).items()}
    assert {crate: checksum for crate, checksum in found.items() if checksums.get(crate) != checksum} == {}


def test_the_bill_has_the_crates_of_the_program_only(bill, connector):
    names = {name for name, _ in crates_of(bill)}
    assert {"tokio", "rustls"} <= names
    # One command builds both programs, and only the destination has buckets.
    assert ("aws-sdk-s3" in names) == (connector == DESTINATION)
    # Crates of tests, and of macros.
    assert {"wiremock", "s3s", "salesforce_sim", "syn"} & names == set()


def test_everything_in_the_bill_has_a_licence(bill):
    assert [it["name"] for it in bill["components"] if not it.get("licenses")] == []


def test_dependencies_in_the_bill_refer_to_its_components(bill):
    references = {it["bom-ref"] for it in [*bill["components"], bill["metadata"]["component"]]}
    assert len(references) == len(bill["components"]) + 1
    assert {reference for it in bill["dependencies"] for reference in [it["ref"], *it["dependsOn"]]} <= references


def test_the_bill_names_what_does_not_come_from_the_registry(bill):
    crates = crates_of(bill)
    print(f"bill of materials: {len(crates)} crates, {len(bill['components']) - len(crates)} others")
    # Packages of Debian are missing where the image was built around an existing program.
    own = {"airbyte", "connector", "retry", "salesforce"}
    assert own | {"rust-std", "libc6-dev"} <= {it["name"] for it in bill["components"]} - {name for name, _ in crates}
