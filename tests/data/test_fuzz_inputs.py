"""Damaged input of every kind: a CwpError that names the file, or a correct read; never a traceback or a hang.

A small share here; `scripts/fuzz_data.py` runs thousands.
"""

from __future__ import annotations

from support.fuzz_inputs import KINDS, Fuzzer


def test_damaged_input(tmp_path, shared):
    fuzzer = Fuzzer(tmp_path, shared, seed=0)
    for kind in KINDS:
        before = fuzzer.refused
        for _ in range(15):
            fuzzer.try_once(kind)
        assert fuzzer.refused > before, kind


def test_the_same_seed_damages_the_same_way(tmp_path, shared):
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fuzzer = Fuzzer(tmp_path / name, shared, seed=3)
        contents.append([fuzzer.damaged("png") for _ in range(5)])
    assert contents[0] == contents[1]
    assert len(set(contents[0])) > 1


def test_undamaged_input_is_read(tmp_path, shared):
    """Else the attempts above would prove nothing."""
    fuzzer = Fuzzer(tmp_path, shared, seed=0)
    fuzzer.damaged = lambda kind: fuzzer.good[kind]  # type: ignore[method-assign]
    fuzzer._damaged_data = lambda _: fuzzer.folder / "prepared"  # type: ignore[method-assign]
    for kind in KINDS:
        fuzzer.try_once(kind)
        assert fuzzer.refused == 0, kind
