"""Patients under several ids: whoever shares a picture is one, so that no split can come between the copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

JOINT = " + "  # between the ids of one patient


def linked_patients(patients: Sequence[str], *shared: Sequence[str]) -> list[str]:
    """Patient of each ROI when ids that share something, directly or through others, are one.

    Args:
        patients: ids [rois].
        shared: sequences [rois]; patients with the same entry are linked.

    Returns:
        The ids, linked ones joined by JOINT in sorted order.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, patient = np.unique(np.array(patients, dtype=str), return_inverse=True)
    rows, columns, count = [], [], len(names)
    for keys in shared:
        distinct, key = np.unique(np.array(keys, dtype=str), return_inverse=True)
        rows.append(patient)
        columns.append(key + count)
        count += len(distinct)
    ends = (np.concatenate(rows), np.concatenate(columns))
    graph = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(count, count))
    group = connected_components(graph, directed=False)[1][: len(names)]
    members: dict[int, list[str]] = {}
    for name, number in zip(names.tolist(), group.tolist(), strict=True):
        members.setdefault(number, []).append(name)
    joined = {number: JOINT.join(of_group) for number, of_group in members.items()}
    return [joined[number] for number in group[patient].tolist()]
