"""Imports point one way, and the quick parts stay quick."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import keras_cwp

ROOT = Path(keras_cwp.__file__).parent
# A part may import those before it in this list and itself. The first fourteen are files.
ORDER = [
    "version", "wording", "registration", "errors", "settings_file", "schema", "staging_section", "train_section",
    "config", "candidates", "files", "runtime", "cluster", "scores", "data", "layers", "augment", "models",
    "evaluation", "audit", "explain", "training",
    "report", "prediction",
    "serving", "reader", "api", "cli", "__main__",
]  # fmt: skip


def imported_parts(file: Path) -> set[str]:
    """First path components of all keras_cwp modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("keras_cwp.")}


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_backwards(file):
    part = file.relative_to(ROOT).parts[0].removesuffix(".py")
    if part == "__init__":
        assert imported_parts(file) <= {"version", "wording", "registration", "api", "config", "errors"}
        return
    later = {other for other in imported_parts(file) if ORDER.index(other) > ORDER.index(part)}
    assert not later, f"{file.relative_to(ROOT)} imports {later}, which come after {part}"


def test_every_part_is_in_the_order():
    parts = {path.name.removesuffix(".py") for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__pycache__", "py.typed"} == set(ORDER)


@pytest.mark.parametrize(
    "module",
    [
        "keras_cwp.cli.main",
        "keras_cwp.evaluation.metrics",
        "keras_cwp.report.sections",
        "keras_cwp.data.prepare",
        "keras_cwp.augment.policy",
        "keras_cwp.serving.client.score",
        "keras_cwp.prediction.regions",
    ],
)
def test_does_not_import_tensorflow(module):
    code = f"import sys, {module}; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_prepare_needs_no_tensorflow(good_table, images, tmp_path):
    """The whole command and the opening and reading of what it wrote, not only its imports."""
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from keras_cwp.cli.main import cli\n"
        "from keras_cwp.data.prepared import PreparedData\n"
        "answer = CliRunner().invoke(cli, ['prepare', *sys.argv[1:]])\n"
        "assert answer.exit_code == 0, answer.output\n"
        "data = PreparedData.open(sys.argv[-1])\n"
        "assert data.read(data.labels).shape[0] == 6\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)\n"
    )
    options = ["--rois", good_table, "--images", images, "--out", tmp_path / "data"]
    command = [sys.executable, "-c", code, *map(str, options)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_of_every_command_leaves_tensorflow_alone():
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from keras_cwp.cli.main import COMMANDS, cli\n"
        "for name in COMMANDS:\n"
        "    answer = CliRunner().invoke(cli, [name, '--help'])\n"
        "    assert answer.exit_code == 0 and 'Usage' in answer.output, (name, answer.output)\n"
        "sys.exit('tensorflow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def module_graph() -> dict[str, set[str]]:
    """Module → modules of this package that it imports, anywhere in it and for type checks too."""
    files = {
        ".".join(file.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): file
        for file in ROOT.rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for name, file in files.items():
        found = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in files:
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & files.keys()
                found |= inner or {node.module}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names} & files.keys()
        graph[name] = found - {name}
    return graph


def test_no_modules_import_each_other_in_a_circle():
    graph = module_graph()
    assert len(graph) > 300
    assert graph["keras_cwp.cli.demo"] >= {"keras_cwp.api.data", "keras_cwp.cli.options"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(error.args[1])}")
