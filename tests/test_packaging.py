"""What setup.cfg says is true: requirements, packages, versions; and what the wheel and the sdist hold."""

from __future__ import annotations

import ast
import configparser
import functools
import importlib.metadata
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "keras_cwp"
MATRIX = ROOT / "scripts" / "matrix"
# Required but not imported by name: pydicom finds the decoders itself, and Keras' callback opens TensorBoard.
UNIMPORTED = {"pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "tensorboard"}
# Namespaces that several distributions share: which of them each import needs.
SHARED = {"google": "protobuf"}
TOOLS = ("test", "docs")  # extras that nothing in keras_cwp imports


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def requirements(block: str) -> set[str]:
    """Normal names of the distributions that a block of setup.cfg lists."""
    lines = (line.strip() for line in block.splitlines())
    return {normal(re.split(r"[><=\[ ;]", line)[0]) for line in lines if line and not line.startswith("#")}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(file: Path) -> set[str]:
    """Top-level names of all modules of other distributions that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
    return names - set(sys.stdlib_module_names) - {"keras_cwp"}


@functools.cache
def _installed() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for distribution in importlib.metadata.distributions():
        # by the files too: Python 3.10 has a function for this, but it reads top_level.txt alone
        tops = {file.parts[0].removesuffix(".py") for file in distribution.files or () if file.suffix in (".py", ".so")}
        for top in tops | set((distribution.read_text("top_level.txt") or "").split()):
            found.setdefault(top, []).append(distribution.metadata["Name"])
    return found


def distributions(module: str) -> set[str]:
    """The distributions that give a module; the module's own name where none is installed."""
    if module in SHARED:
        return {SHARED[module]}
    return {normal(name) for name in _installed().get(module, [module])}


def test_all_that_is_imported_is_declared_and_nothing_else():
    parser = setup()
    needed = requirements(parser["options"]["install_requires"])
    extras = {name: requirements(block) for name, block in parser["options.extras_require"].items()}
    optional = set().union(*(block for name, block in extras.items() if name not in TOOLS))
    used: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        for module in imported(file):
            given_by = distributions(module)
            assert given_by & (needed | optional), f"{file.relative_to(ROOT)} imports {module}: add it to setup.cfg"
            used |= given_by
    assert needed - used == UNIMPORTED, "setup.cfg requires what nothing imports"


def test_every_package_is_listed():
    found = {".".join(file.parent.relative_to(ROOT).parts) for file in PACKAGE.rglob("__init__.py")}
    listed = set(setup()["options"]["packages"].split())
    assert listed == found | {"keras_cwp.configs"}, "setup.cfg, [options] packages: list each folder of keras_cwp"


def test_every_file_of_another_kind_is_package_data():
    folders = dict(line.split(" = ") for line in setup()["options"]["package_dir"].strip().splitlines())
    shipped = set()
    for package, patterns in setup()["options.package_data"].items():
        folder = ROOT / folders.get(package, package.replace(".", "/"))
        for pattern in patterns.split(","):
            shipped |= set(folder.glob(pattern.strip()))
    others = {file for folder in (PACKAGE, ROOT / "configs") for file in folder.rglob("*") if file.is_file()}
    left = {file for file in others - shipped if file.suffix not in (".py", ".pyc")}
    assert not left, f"setup.cfg, [options.package_data] leaves out {sorted(map(str, left))}"


def test_classifiers_name_the_pythons_that_the_matrix_runs():
    named = re.findall(r"Programming Language :: Python :: (3\.\d+)", setup()["metadata"]["classifiers"])
    run = re.search(r"^VERSIONS=\((.*)\)$", MATRIX.read_text(encoding="utf-8"), re.MULTILINE)
    assert run is not None
    assert run[1].split() == named
    assert setup()["options"]["python_requires"] == f">={named[0]}, <3.{int(named[-1].split('.')[1]) + 1}"


def test_every_requirement_has_a_lower_bound():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "lowest.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pinned = {normal(line.partition("==")[0]) for line in done.stdout.splitlines()}
    parser = setup()
    blocks = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    assert pinned == set().union(*map(requirements, blocks)) - {"keras-cwp"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the sdist, built of a copy of what git would hand out."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--outdir", folder / "dist", source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


@pytest.mark.slow
def test_wheel_and_sdist_hold_code_settings_and_templates(built):
    wheel = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        sdist = {name.partition("/")[2] for name in archive.getnames()}
    code = {file.relative_to(ROOT).as_posix() for file in PACKAGE.rglob("*.py")}
    settings = {file.relative_to(ROOT).as_posix() for file in (ROOT / "configs").rglob("*.yaml")}
    others = {"keras_cwp/py.typed", "keras_cwp/augment/policies.yaml", "keras_cwp/serving/bundle_files/README.md.in"}
    assert code | others | {f"keras_cwp/{name}" for name in settings} <= set(wheel)
    assert code | others | settings <= sdist
    top = {name.split("/")[0] for name in wheel}
    assert {name for name in top if not name.endswith(".dist-info")} == {"keras_cwp"}
