"""The documentation runs as it is written: the API page's steps, the notebook, the build without a warning."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbclient
import pytest
from support.fenced import fenced_blocks

import keras_cwp

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
STEPS = 11
NOTEBOOK_BYTES = 60_000
CELL_S = 1200
STEPS_RUN = """
import doctest, json, sys
flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
runner, names = doctest.DocTestRunner(optionflags=flags), {}
for title, line, text in json.load(sys.stdin):
    test = doctest.DocTestParser().get_doctest(text, names, title, "docs/api.md", line)
    test.globs = names  # each step goes on where the last one ended
    runner.run(test, clear_globs=False)
sys.exit(bool(runner.summarize().failed))
"""


def steps() -> list[tuple[str, int, str]]:
    """The blocks of Python on the API page: name, line and text."""
    blocks = fenced_blocks((DOCS / "api.md").read_text(encoding="utf-8"))
    return [(f"line_{block.line}", block.line, block.text) for block in blocks if block.language == "python"]


def test_the_api_page_has_its_steps_and_every_one_prints_something():
    titles = re.findall(r"^## (\d+)\. ", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(title) for title in titles] == list(range(1, STEPS + 1))
    assert len(steps()) >= STEPS
    for name, _, text in steps():
        examples = doctest.DocTestParser().get_examples(text)
        assert any(example.want for example in examples), f"docs/api.md, {name}: nothing is compared"


def test_the_api_page_names_every_public_name():
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\s+- (\w+)$", text, re.MULTILINE))
    assert set(keras_cwp.__all__) - {"__version__"} <= named


@pytest.mark.slow
def test_the_steps_of_the_api_page_print_what_the_page_says(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", STEPS_RUN],
        input=json.dumps(steps()), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")
    for name in ("prepare", "fit", "cross_validate", "load"):
        assert re.search(rf'id="keras_cwp\.api\.\w+\.{name}"', page), f"{name} is not on the page"


def notebook() -> dict[str, Any]:
    return json.loads((DOCS / "first_run.ipynb").read_text(encoding="utf-8"))


def test_the_notebook_is_small_executed_and_as_its_script():
    cells = notebook()["cells"]
    script = jupytext.read(DOCS / "first_run.py")
    assert ["".join(cell["source"]) for cell in cells] == [cell.source for cell in script.cells], (
        "docs/first_run.py and .ipynb differ: scripts/notebook"
    )
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] for cell in code), "a cell has no output: scripts/notebook"
    assert (DOCS / "first_run.ipynb").stat().st_size < NOTEBOOK_BYTES


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    script = jupytext.read(DOCS / "first_run.py")
    client = nbclient.NotebookClient(script, timeout=CELL_S, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()  # raises what a cell raises
    assert (tmp_path / "saved_models" / "cwp" / "1" / "saved_model.pb").is_file()
