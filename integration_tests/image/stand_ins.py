"""Makes stand-ins for the base images of the Dockerfiles, for machines that reach no registry of images.

They have the names that the Dockerfiles use. They consist of Debian's packages, the installed toolchain and the crates
of Cargo.lock. So the tests build the same Dockerfiles as users do. They do not test the published base images.
"""

import shutil
import subprocess
from pathlib import Path

from connectors import ROOT
from engine import Engine, bases

RELEASE = "bookworm"

# The packages of the published image, without the toolchain.
BUILDER_PACKAGES = ("ca-certificates", "gcc", "libc6-dev")

# Cargo's folder in the published image. Cargo takes all crates from a folder and downloads nothing.
CARGO_HOME = "usr/local/cargo"
CARGO_CONFIG = f"""\
[source.crates-io]
replace-with = "vendored-sources"

[source.vendored-sources]
directory = "/{CARGO_HOME}/vendor"

[net]
offline = true
"""


def make(engine: Engine, with_builder: bool) -> None:
    names = bases()
    system = engine.folder / "system.tar"
    debootstrap(system)
    engine.docker("import", "--change", 'CMD ["bash"]', system, names["DEBIAN_IMAGE"], quiet=True)
    system.unlink()
    if with_builder:
        make_builder(engine, names["RUST_IMAGE"])


def debootstrap(target: Path, packages: tuple[str, ...] = ()) -> None:
    include = [f"--include={','.join(packages)}"] if packages else []
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", *include, RELEASE, target]
    subprocess.run(command, check=True)


def make_builder(engine: Engine, name: str) -> None:
    system = engine.folder / "builder"
    debootstrap(system, BUILDER_PACKAGES)
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    # Replaces links to programs by the programs.
    shutil.copytree(sysroot, system / "usr/local", dirs_exist_ok=True, ignore=shutil.ignore_patterns("doc", "man"))
    home = system / CARGO_HOME
    home.mkdir()
    command = ["cargo", "vendor", "--locked", "--quiet", "--versioned-dirs", home / "vendor"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (home / "config.toml").write_text(CARGO_CONFIG)
    archive = subprocess.Popen(["tar", "-C", system, "-c", "."], stdout=subprocess.PIPE)
    changes = [f"ENV CARGO_HOME=/{CARGO_HOME}", "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    flags = [part for change in changes for part in ("--change", change)]
    engine.docker("import", *flags, "-", name, stdin=archive.stdout, quiet=True)
    if archive.wait() != 0:
        raise RuntimeError("the stand-in of the builder could not be packed")
    shutil.rmtree(system)
