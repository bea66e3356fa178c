"""Odd DICOM files of many kinds: each is shown as it should be, and what was odd is said."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support.odd_dicom import Odd, all_cases

from keras_cwp.data.radiographs.radiograph import read_header, read_radiograph

CASES = all_cases()


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, while the odd file is written
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_odd_file(case: Odd, tmp_path):
    path = case.write(tmp_path / "a.dcm")
    radiograph = read_radiograph(path)
    np.testing.assert_allclose(radiograph.to_unit(), case.shades, atol=2e-6)
    if case.note:
        assert re.search(case.note, "\n".join(radiograph.notes))
    else:
        assert not radiograph.notes
    header = read_header(path)
    assert set(header.notes) <= set(radiograph.notes)
    assert (header.width, header.height) == (64, 64)
