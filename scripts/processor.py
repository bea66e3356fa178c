"""This machine's processor, for the tables of benchmarks."""

from __future__ import annotations

import re
from pathlib import Path

from keras_cwp.runtime import cores

_DECISIVE = ("avx2", "avx512f", "avx512_vnni", "amx_tile")  # instructions that decide the speed


def processor() -> str:
    """Its name, the cores that this process may use, and which of the decisive instructions it has."""
    text = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.+)", text)
    has = [each for each in _DECISIVE if re.search(rf"\b{each}\b", text)]
    return f"{name[1] if name else 'unknown'}, {cores()} cores, {', '.join(has) or 'none of AVX2, AVX-512, AMX'}"
