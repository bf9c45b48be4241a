"""What a static program could lack in an image without a C library: names of a DNS server and of /etc/hosts, and
certificates."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from connection import Connection
from container import Image
from servers import Names, Tls, certificate

# Not the address of the loopback that the machine's own DNS server may use.
NAMESERVER = "127.0.0.77"
STORE_NAME = "store.example.test"
ORG_NAME = "example--image.sandbox.my.salesforce.com"

TRUST = {"SSL_CERT_FILE": "/certificate.pem"}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may listen on the ports of DNS and HTTPS")


def address(url: str) -> tuple[str, int]:
    return urlsplit(url).hostname, urlsplit(url).port


def check(image: Image, configuration: dict, flags: list[str], trust: dict[str, str] | None = None) -> tuple[str, str]:
    """The status and the message of `check`."""
    arguments = ["check", "--config", "/config/config.json"]
    return image.run(arguments, {"config.json": configuration}, flags=flags, environment=trust).status()


def with_endpoint(connection: Connection, endpoint: str) -> dict:
    """A configuration whose bucket has another address."""
    bucket = connection.bucket("surroundings", s3_endpoint=endpoint)
    return connection.config("surroundings", object_storage_config=bucket)


@pytest.fixture(scope="module")
def key_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate that the user of the container may read, and its key."""
    file, key = certificate(tmp_path_factory.mktemp("certificate"), [STORE_NAME, ORG_NAME])
    file.chmod(0o644)
    return file, key


def test_a_name_of_etc_hosts_is_found(image, connection):
    endpoint = f"http://{STORE_NAME}:{address(connection.store.url)[1]}"
    configuration = with_endpoint(connection, endpoint)
    status, message = check(image, configuration, [f"--add-host={STORE_NAME}:127.0.0.1"])
    assert status == "SUCCEEDED", message
    # The machine itself does not know the name.
    status, message = check(image, configuration, [])
    assert status == "FAILED"
    assert "could not be reached" in message


@needs_root
def test_a_name_of_a_dns_server_is_found(image, connection, tmp_path):
    # The file is mounted by itself, so the folder may stay private.
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(f"nameserver {NAMESERVER}\noptions timeout:2\n")
    resolver.chmod(0o644)
    endpoint = f"http://{STORE_NAME}:{address(connection.store.url)[1]}"
    with Names(NAMESERVER, "127.0.0.1") as names:
        flags = [f"--volume={resolver}:/etc/resolv.conf:ro"]
        status, message = check(image, with_endpoint(connection, endpoint), flags)
    assert status == "SUCCEEDED", message
    assert STORE_NAME in names.asked


def test_the_bucket_needs_a_trusted_certificate(image, connection, key_pair):
    file, key = key_pair
    flags = [f"--add-host={STORE_NAME}:127.0.0.1", f"--volume={file}:/certificate.pem:ro"]
    with Tls(file, key, ("127.0.0.1", 0), address(connection.store.url)) as tls:
        configuration = with_endpoint(connection, f"https://{STORE_NAME}:{tls.port}")
        status, message = check(image, configuration, flags)
        assert status == "FAILED"
        assert "could not be reached" in message
        status, message = check(image, configuration, flags, TRUST)
        assert status == "SUCCEEDED", message


@needs_root
def test_the_login_host_needs_a_trusted_certificate(image, connection, key_pair):
    """The org has a name of Salesforce's and TLS, on the port that such a name must have."""
    file, key = key_pair
    flags = [f"--add-host={ORG_NAME}:{NAMESERVER}", f"--volume={file}:/certificate.pem:ro"]
    no_bucket = {"storage_type": "None"}
    configuration = connection.config("login", domain_url=f"https://{ORG_NAME}", object_storage_config=no_bucket)
    with Tls(file, key, (NAMESERVER, 443), address(connection.org.url)):
        status, message = check(image, configuration, flags)
        assert status == "FAILED"
        assert "Salesforce gave no usable answer while signing in" in message
        # With the certificate the sign-in is answered. The answer names the org's own address, not one of Salesforce's.
        _, message = check(image, configuration, flags, TRUST)
        assert "The sign-in answer names an instance that must not receive" in message
