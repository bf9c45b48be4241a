"""The two connectors of the repository: their names, and where their files are."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Connector:
    name: str
    # The folder of its Dockerfile, its metadata and its specification.
    folder: Path

    @property
    def dockerfile(self) -> Path:
        return self.folder / "Dockerfile"

    @property
    def image(self) -> str:
        """The name of the image that the tests build."""
        return f"{self.name}:{self.metadata('dockerImageTag')}"

    def metadata(self, key: str) -> str:
        """A text in the metadata."""
        return re.search(rf"^  {key}: (\S+)$", (self.folder / "metadata.yaml").read_text(), re.MULTILINE)[1]

    def memory(self) -> str:
        """The memory that the metadata requests for a sync, as an option of the engine."""
        text = (self.folder / "metadata.yaml").read_text()
        [size] = re.findall(r"jobType: sync\n(?:.*\n)*?\s+memory_request: (\d+)Mi", text)
        return f"--memory={size}m"


DESTINATION = Connector("destination-salesforce", ROOT)
SOURCE = Connector("source-salesforce", ROOT / "source-salesforce")
CONNECTORS = (DESTINATION, SOURCE)


def connector_of(name: str) -> Connector:
    """The connector of an image or a program."""
    last = name.rsplit("/", 1)[-1].split(":", maxsplit=1)[0]
    for connector in CONNECTORS:
        if connector.name == last:
            return connector
    raise ValueError(f"{name} has not the name of a connector, such as {DESTINATION.image}")
