"""What is in the image: files, sizes, labels, environment, user, history, and the bill of materials."""

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
import tomllib
from pathlib import Path

from checks import check
from container import DOCKER, IMAGE, ROOT, inspect, run

MEGABYTE = 1_000_000
LARGEST = 40 * MEGABYTE

PROGRAM = "bin/destination-salesforce"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
BILL = "sbom.cdx.json"

# Everything, by path: what a link leads to, or nothing for a file.
EXPECTED = {
    "bin/busybox": "",
    "bin/mv": "busybox",
    "bin/sh": "busybox",
    "bin/sleep": "busybox",
    PROGRAM: "",
    CERTIFICATES: "",
    BILL: "",
}

# Words that would stand in a history which tells too much, or in that of an image that was built in its last stage.
FORBIDDEN = re.compile(r"apt-get|cargo|rustc|secret|password|token|ARG ", re.IGNORECASE)


def layers(folder: Path) -> list[list[tuple[tarfile.TarInfo, bytes]]]:
    """The files of each layer, as they are pulled."""
    archive = folder / "image.tar"
    subprocess.run([DOCKER, "save", "-o", archive, IMAGE], check=True)
    with tarfile.open(archive) as outer:
        [manifest] = json.load(outer.extractfile("manifest.json"))
        found = []
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=outer.extractfile(name)) as layer:
                members = [(member, layer.extractfile(member)) for member in layer]
                found.append([(member, stream.read() if stream else b"") for member, stream in members])
    return found


def files_and_sizes(found: list[list[tuple[tarfile.TarInfo, bytes]]]) -> dict[str, bytes]:
    for number, layer in enumerate(found):
        size = sum(member.size for member, _ in layer)
        names = ", ".join(member.name for member, _ in layer if not member.isdir())
        print(f"layer {number + 1}: {size / MEGABYTE:.2f} MB, {names}")
    everything = [entry for layer in found for entry in layer]
    size = sum(member.size for member, _ in everything)
    print(f"unpacked: {size / MEGABYTE:.2f} MB")
    check("the image is small", size < LARGEST or size)
    check("the engine says so too", inspect()["Size"] < LARGEST or inspect()["Size"])

    rest = [(member, content) for member, content in everything if not member.isdir()]
    check("there is nothing but what is needed", {member.name: member.linkname for member, _ in rest}, EXPECTED)
    check("no file lies in two layers", len(rest), len(EXPECTED))
    check("all belongs to root", {(member.uid, member.gid) for member, _ in everything}, {(0, 0)})
    writable = [member.name for member, _ in everything if member.mode & 0o022 and not member.issym()]
    check("nobody else may write", writable, [])
    check("nothing runs as its owner", [member.name for member, _ in everything if member.mode & 0o6000], [])
    readable = [member.name for member, _ in rest if member.isfile() and not member.mode & 0o004]
    check("the user may read all", readable, [])
    return {member.name: content for member, content in rest}


def configuration() -> None:
    found = inspect()["Config"]
    metadata = (ROOT / "metadata.yaml").read_text()
    for label, key in (("io.airbyte.name", "dockerRepository"), ("io.airbyte.version", "dockerImageTag")):
        named = re.search(rf"^  {key}: (\S+)$", metadata, re.MULTILINE)[1]
        check(f"label {label}", found["Labels"][label], named)
    environment = dict(entry.split("=", 1) for entry in found["Env"])
    check("there is one entry point", environment.pop("AIRBYTE_ENTRYPOINT"), " ".join(found["Entrypoint"]))
    check("it is absolute", found["Entrypoint"], [f"/{PROGRAM}"])
    check("nothing else is in the environment", environment, {"PATH": "/bin"})
    check("no command follows the entry point", found.get("Cmd"), None)
    check("the user is a number", found["User"], "1000")


def user() -> None:
    script = "id -u; id -g; echo x > /written 2>/dev/null || echo read-only"
    inside = run(["-c", script], entrypoint="/bin/sh")
    check("it runs as that user, without a right to write", inside.stdout.split(), ["1000", "0", "read-only"])
    script = "echo x > /bin/sh || echo refused"
    command = [DOCKER, "run", "--rm", "--network=none", "--entrypoint=/bin/sh", IMAGE, "-c", script]
    free = subprocess.run(command, capture_output=True, text=True)
    check("that holds for a root file system that could be written", free.stdout.strip(), "refused")


def history() -> None:
    command = [DOCKER, "history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    print(*(f"history: {line}" for line in lines), sep="\n")
    check("the history has no secret and no build tool", [line for line in lines if FORBIDDEN.search(line)], [])
    check("each step is one of the last stage", len(lines) < 10 or lines)


def bill_of_materials(files: dict[str, bytes]) -> None:
    bill = json.loads(files[BILL])
    check("the bill is CycloneDX", (bill["bomFormat"], bill["specVersion"]), ("CycloneDX", "1.6"))
    application = bill["metadata"]["component"]
    digest = hashlib.sha256(files[PROGRAM]).hexdigest()
    check("it is the program's", application["hashes"], [{"alg": "SHA-256", "content": digest}])
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    locked = {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}
    check("and the version's", ("destination-salesforce", application["version"]) in locked)

    components = bill["components"]
    from_cargo = [it for it in components if it["purl"].startswith("pkg:cargo/")]
    crates = {(it["name"], it["version"]): it["hashes"][0]["content"] for it in from_cargo}
    names = {name for name, _ in crates}
    wrong = [name for name, checksum in crates.items() if locked.get(name) != checksum]
    check("every crate has the checksum of the lock file", wrong, [])
    check("it knows what the program is linked from", {"tokio", "rustls", "aws-sdk-s3"} <= names)
    check("and no crate of the tests or of macros", {"wiremock", "s3s", "salesforce_sim", "syn"} & names, set())
    check("everything has a licence", [it["name"] for it in components if not it.get("licenses")], [])
    references = {it["bom-ref"] for it in components} | {application["bom-ref"]}
    check("references are unique", len(references), len(components) + 1)
    edges = {reference for it in bill["dependencies"] for reference in [it["ref"], *it["dependsOn"]]}
    check("who needs whom leads to what is there", edges - references, set())
    print(f"bill of materials: {len(crates)} crates, {len(components) - len(crates)} others")
    others = {it["name"] for it in components} - names
    # An image around a program that was built outside does not tell of Debian's packages in it.
    check("it names what is not a crate", {"rust-std", "libc6-dev"} <= others or others)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = files_and_sizes(layers(Path(folder)))
    configuration()
    user()
    history()
    bill_of_materials(files)


if __name__ == "__main__":
    main()
