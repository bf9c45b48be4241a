"""Installs packages in the same way, and in the same versions, as the tests with other clients."""

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from process import ROOT

CLIENTS = ROOT / "integration_tests" / "real_clients"


def _clients():
    loader = SourceFileLoader("real_clients", str(CLIENTS / "run"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


clients = _clients()


def python(requirements: Path) -> Path:
    """The folder of the programs of an environment with these packages."""
    return clients.install_python(requirements)


def node(name: str) -> tuple[Path, Path]:
    """The folder of the node that runs a client of the tests, and the folder that holds its `node_modules`."""
    part = clients.PARTS[name]
    programs = clients.install_python(part.requirements)
    return programs, clients.install_node(name, part.packages, programs)
