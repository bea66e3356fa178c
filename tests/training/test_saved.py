"""A saved network in a process of its own: nothing but the file tells what layers it is made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from keras_cwp.config import ModelConfig
from keras_cwp.models.build import build_model


def test_a_saved_network_loads_where_nothing_else_was_imported(tmp_path: Path) -> None:
    build_model(ModelConfig(), 3, 32).save(tmp_path / "model.keras")
    code = (
        "from pathlib import Path\nfrom keras_cwp.training.saved import load_network\n"
        f"print(load_network(Path({str(tmp_path)!r})).output_shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    assert "(None, 3)" in done.stdout
