"""Two small servers: one for DNS, and one that adds TLS to another server."""

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path


class Names:
    """A DNS server with one address for all names. It keeps the names that it was asked for."""

    def __init__(self, listen: str, address: str) -> None:
        self.address = socket.inet_aton(address)
        self.asked: set[str] = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((listen, 53))

    def __enter__(self) -> "Names":
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.socket.recvfrom(1024)
                self.socket.sendto(self.answer(query), peer)

    def answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        self.asked.add(".".join(labels).lower())
        question = query[12 : at + 5]
        # There are only IPv4 addresses; the answer for other types is empty.
        [kind] = struct.unpack("!H", query[at + 1 : at + 3])
        count = 1 if kind == 1 else 0
        header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, count, 0, 0)
        found = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + self.address
        return header + question + found * count


class Tls:
    """Accepts TLS connections and passes their bytes to a server without TLS."""

    def __init__(self, certificate: Path, key: Path, listen: tuple[str, int], to: tuple[str, int]) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.to = to
        self.socket = socket.create_server(listen)
        self.port = self.socket.getsockname()[1]

    def __enter__(self) -> "Tls":
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                raw, _ = self.socket.accept()
                threading.Thread(target=self.connection, args=(raw,), daemon=True).start()

    def connection(self, raw: socket.socket) -> None:
        # A client that does not trust the certificate hangs up.
        with contextlib.suppress(OSError):
            outside = self.context.wrap_socket(raw, server_side=True)
            inside = socket.create_connection(self.to)
            threading.Thread(target=self.pump, args=(inside, outside), daemon=True).start()
            self.pump(outside, inside)

    @staticmethod
    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def certificate(folder: Path, names: list[str]) -> tuple[Path, Path]:
    """A self-signed certificate for some names, and its key."""
    key, file = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=image tests",
            "-addext",
            f"subjectAltName={','.join(f'DNS:{name}' for name in names)}",
            "-addext",
            "basicConstraints=critical,CA:false",
            "-keyout",
            key,
            "-out",
            file,
        ],
        check=True,
        capture_output=True,
    )
    return file, key
