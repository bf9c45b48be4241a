#!/usr/bin/env python3
"""Records what a person sees of a sync on a terminal, as a moving picture: docs/terminal.svg.

    cargo build --workspace --bins && examples/terminal/record.py

The sync is a real one against the simulated org, in a terminal of 60 columns.
"""

import fcntl
import html
import json
import os
import pty
import re
import struct
import subprocess
import tempfile
import termios
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
COLUMNS = 60
COMMAND = [
    "$ destination-salesforce write --config config.json \\",
    "    --catalog catalog.json < messages.jsonl > answers.jsonl",
]
# Records of each stream, and the seconds in which the source sends them.
RECORDS, SECONDS = 4_000, 4


def main() -> None:
    org = subprocess.Popen([BINARIES / "salesforce_sim"], stdout=subprocess.PIPE, text=True)
    try:
        facts = {}
        while "access_token" not in facts:
            key, value = org.stdout.readline().rstrip("\n").split("=", 1)
            facts[key] = value
        with tempfile.TemporaryDirectory() as folder:
            frames = record(Path(folder), facts)
    finally:
        org.terminate()
        org.wait()
    (ROOT / "docs" / "terminal.svg").write_text(picture(frames))


def record(folder: Path, facts: dict[str, str]) -> list[tuple[float, list[list[tuple[str, str]]]]]:
    """Runs the sync. Returns what the screen showed, and when."""
    config = {
        "credentials": {
            "auth_type": "ClientCredentials",
            "client_id": facts["client_id"],
            "client_secret": facts["client_secret"],
            "domain_url": facts["url"],
        },
        "flush_interval_minutes": 0.005,
    }
    streams = {"companies": ("Account", ["Name"]), "customers": ("Contact", ["LastName", "Email"])}
    catalog = {"streams": [configured(*stream) for stream in streams.items()]}
    for name, content in {"config": config, "catalog": catalog}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm", "AWS_EC2_METADATA_DISABLED": "true"}
    environment.pop("NO_COLOR", None)
    command = [BINARIES / "destination-salesforce", "write", "--config", "config.json", "--catalog", "catalog.json"]
    with (folder / "answers.jsonl").open("w") as answers:
        connector = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=answers, stderr=terminal, text=True
        )
    os.close(terminal)
    threading.Thread(target=send, args=(connector.stdin,), daemon=True).start()
    frames, emulator, started = [], Emulator(), time.monotonic()
    while True:
        try:
            data = os.read(screen, 65536)
        except OSError:
            break
        if not data:
            break
        emulator.feed(data.decode(errors="replace"))
        frames.append((time.monotonic() - started, emulator.lines()))
    if connector.wait() != 0:
        raise SystemExit("\n".join(text_of(line) for line in emulator.lines()))
    return frames


def text_of(line: list[tuple[str, str]]) -> str:
    return "".join(character for character, _ in line).rstrip()


def configured(name: str, target: tuple[str, list[str]]) -> dict:
    obj, fields = target
    schema = {"properties": {field: {"type": "string"} for field in fields}}
    stream = {"name": name, "json_schema": schema, "supported_sync_modes": ["full_refresh"]}
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    return {"stream": stream, **modes, "destination_object_name": obj}


def send(source) -> None:
    """A source that takes its time. Every two hundredth customer has no e-mail address that Salesforce takes."""
    steps = SECONDS * 20
    for step in range(steps):
        for number in range(step * RECORDS // steps, (step + 1) * RECORDS // steps):
            email = "no address" if number % 200 == 7 else f"customer-{number}@example.com"
            customer = {"LastName": f"Customer {number}", "Email": email}
            for stream, data in [("companies", {"Name": f"Example {number} Ltd"}), ("customers", customer)]:
                message = {"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1}}
                source.write(json.dumps(message) + "\n")
        source.flush()
        time.sleep(1 / 20)
    source.close()


class Emulator:
    """As much of a terminal as the connector uses: cursor up and down, clear a line, colors."""

    SEQUENCE = re.compile("\x1b\\[([0-9;?]*)([A-Za-z])|\x1b.|\r|\n|[^\x1b\r\n]+")

    def __init__(self) -> None:
        self.cells: list[list[tuple[str, str]]] = [[]]
        self.row, self.column, self.style = 0, 0, "0"

    def feed(self, text: str) -> None:
        for match in self.SEQUENCE.finditer(text):
            self.apply(match[0], match[1] or "", match[2])

    def apply(self, token: str, numbers: str, command: str | None) -> None:
        count = int(numbers) if numbers.isdigit() else 1
        if token == "\r":
            self.column = 0
        elif token == "\n":
            self.row += 1
        elif command == "A":
            self.row = max(0, self.row - count)
        elif command == "B":
            self.row += count
        elif command == "K":
            self.line()[0 if numbers == "2" else self.column :] = []
        elif command == "J":
            self.line()[self.column :] = []
            self.cells[self.row + 1 :] = []
        elif command == "m":
            self.style = numbers or "0"
        elif command is None and not token.startswith("\x1b"):
            self.print(token)

    def line(self) -> list[tuple[str, str]]:
        while len(self.cells) <= self.row:
            self.cells.append([])
        return self.cells[self.row]

    def print(self, text: str) -> None:
        for character in text:
            if self.column == COLUMNS:
                self.row, self.column = self.row + 1, 0
            line = self.line()
            line.extend([(" ", "0")] * (self.column - len(line)))
            line[self.column : self.column + 1] = [(character, self.style)]
            self.column += 1

    def lines(self) -> list[list[tuple[str, str]]]:
        return [list(line) for line in self.cells]


COLORS = {
    "1": "font-weight:bold",
    "2": "fill:#8b949e",
    "31": "fill:#ff7b72",
    "33": "fill:#d29922",
    "1;31": "fill:#ff7b72",
}


def picture(frames: list[tuple[float, list[list[tuple[str, str]]]]]) -> str:
    """The frames one after another, and the last one for three seconds; then from the start."""
    shown = [
        frame for index, frame in enumerate(frames) if index + 1 == len(frames) or frame[1] != frames[index + 1][1]
    ]
    shown = [frame for frame in shown if any(frame[1])]
    length = shown[-1][0] + 3
    ends = [moment for moment, _ in shown[1:]] + [length]
    width, height = COLUMNS * 8 + 24, (max(len(lines) for _, lines in shown) + len(COMMAND)) * 18 + 24
    rules, groups = [], []
    for index, ((moment, lines), end) in enumerate(zip(shown, ends, strict=True)):
        start = 0 if index == 0 else moment
        before, after = 100 * start / length, 100 * end / length
        rules.append(
            f"@keyframes f{index}{{0%{{opacity:{int(index == 0)}}}{before:.2f}%{{opacity:1}}"
            f"{after:.2f}%{{opacity:{int(end == length)}}}100%{{opacity:{int(end == length)}}}}}"
            f"#f{index}{{opacity:{int(end == length)};animation:f{index} {length:.1f}s step-end infinite}}"
        )
        groups.append(f'<g id="f{index}">{"".join(row(number, line) for number, line in enumerate(lines))}</g>')
    prompt = "".join(
        f'<text x="12" y="{24 + 18 * number}">{html.escape(line)}</text>' for number, line in enumerate(COMMAND)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f"<title>A sync on a terminal</title>\n<style>text{{font:13.2px monospace;fill:#e6edf3;white-space:pre}}\n"
        + "\n".join(rules)
        + f'</style>\n<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>\n{prompt}\n'
        + "\n".join(groups)
        + "\n</svg>\n"
    )


def row(number: int, line: list[tuple[str, str]]) -> str:
    spans, start = [], 0
    for index in range(1, len(line) + 1):
        if index == len(line) or line[index][1] != line[start][1]:
            text = html.escape("".join(character for character, _ in line[start:index]))
            style = COLORS.get(line[start][1])
            spans.append(f'<tspan style="{style}">{text}</tspan>' if style else text)
            start = index
    if not spans:
        return ""
    return f'<text x="12" y="{24 + 18 * (number + 2)}" xml:space="preserve">{"".join(spans)}</text>'


if __name__ == "__main__":
    main()
