"""What a program that brings its C library could lack in an image without one: names that a server knows, names of
/etc/hosts, and certificates."""

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from checks import check, check_holds
from connection import config, store
from container import run
from servers import Names, Tls, certificate

# On an address of its own, as the machine may have a server for names.
NAMESERVER = "127.0.0.77"
STORE_NAME = "store.example.test"
ORG_NAME = "example--image.sandbox.my.salesforce.com"

CHECK = ["check", "--config", "/config/config.json"]


def at(url: str) -> tuple[str, int]:
    return urlsplit(url).hostname, urlsplit(url).port


def of_hosts() -> None:
    port = at(os.environ["STORE_URL"])[1]
    endpoint = f"http://{STORE_NAME}:{port}"
    files = {"config.json": config("hosts", object_storage_config=store("hosts", s3_endpoint=endpoint))}
    status, message = run(CHECK, files, flags=[f"--add-host={STORE_NAME}:127.0.0.1"]).status()
    check("a name of /etc/hosts is found", status if status == "SUCCEEDED" else message, "SUCCEEDED")
    # In the machine's own view the name does not exist.
    status, message = run(CHECK, files).status()
    check("a name that nobody knows is not", status, "FAILED")
    check_holds("the message tells it", message, "could not be reached")


def of_a_server(folder: Path) -> None:
    (folder / "resolv.conf").write_text(f"nameserver {NAMESERVER}\noptions timeout:2\n")
    flags = [f"--volume={folder}/resolv.conf:/etc/resolv.conf:ro"]
    port = at(os.environ["STORE_URL"])[1]
    endpoint = f"http://{STORE_NAME}:{port}"
    files = {"config.json": config("names", object_storage_config=store("names", s3_endpoint=endpoint))}
    with Names(NAMESERVER, "127.0.0.1") as names:
        status, message = run(CHECK, files, flags=flags).status()
    check("a name that a server knows is found", status if status == "SUCCEEDED" else message, "SUCCEEDED")
    check("the server was asked", STORE_NAME in names.asked)


def certificates(folder: Path) -> None:
    file, key = certificate(folder, [STORE_NAME, ORG_NAME])
    trust = {"SSL_CERT_FILE": "/certificate.pem"}
    flags = [f"--add-host={STORE_NAME}:127.0.0.1", f"--volume={file}:/certificate.pem:ro"]
    with Tls(file, key, ("127.0.0.1", 0), at(os.environ["STORE_URL"])) as tls:
        endpoint = f"https://{STORE_NAME}:{tls.port}"
        files = {"config.json": config("tls", object_storage_config=store("tls", s3_endpoint=endpoint))}
        status, message = run(CHECK, files, flags=flags).status()
        check("bucket: a certificate that nobody signed is not trusted", status, "FAILED")
        check_holds("the message tells it", message, "could not be reached")
        status, message = run(CHECK, files, flags=flags, environment=trust).status()
        check("bucket: one that was added is", status if status == "SUCCEEDED" else message, "SUCCEEDED")


def the_login_host(folder: Path) -> None:
    """The org, under a name of Salesforce's and with TLS, on the port that such a name must have."""
    file, key = folder / "certificate.pem", folder / "key.pem"
    trust = {"SSL_CERT_FILE": "/certificate.pem"}
    flags = [f"--add-host={ORG_NAME}:{NAMESERVER}", f"--volume={file}:/certificate.pem:ro"]
    no_bucket = {"storage_type": "None"}
    files = {"config.json": config("login", domain_url=f"https://{ORG_NAME}", object_storage_config=no_bucket)}
    with Tls(file, key, (NAMESERVER, 443), at(os.environ["ORG_URL"])):
        status, message = run(CHECK, files, flags=flags).status()
        check("login: a certificate that nobody signed is not trusted", status, "FAILED")
        check_holds("the message tells it", message, "Salesforce gave no usable answer while signing in")
        status, message = run(CHECK, files, flags=flags, environment=trust).status()
        # The sign-in was answered. The org calls itself by its own address, which a host of Salesforce's may not.
        check_holds("login: one that was added is", message, "The sign-in answer names an instance that must not be")


def main() -> None:
    of_hosts()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        certificates(folder)
        (folder / "certificate.pem").chmod(0o644)
        if os.geteuid() == 0:
            of_a_server(folder)
            the_login_host(folder)
        else:
            print("not looked at, because only root may: names that a server knows, and the login host")


if __name__ == "__main__":
    main()
