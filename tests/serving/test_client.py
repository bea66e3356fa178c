"""The client: addresses, rows, retries, resuming, and that TensorFlow stays out of its process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner, Result
from google.protobuf.descriptor import FieldDescriptor
from support.serving_helpers import Running, start
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from keras_cwp.cli.main import cli
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.data.crops import crop_roi
from keras_cwp.data.plan import place_box
from keras_cwp.data.radiographs.radiograph import Header, Radiograph, decode
from keras_cwp.errors import CwpError, DataError, ServingError
from keras_cwp.files import write_text
from keras_cwp.models.likeness import describe, fit_likeness
from keras_cwp.prediction.card import CARD_FILE, model_card
from keras_cwp.prediction.judging import Judging
from keras_cwp.scores import Scores
from keras_cwp.serving import resample, wire
from keras_cwp.serving.bundle import write_bundle_files
from keras_cwp.serving.client import transport as transporting
from keras_cwp.serving.client.address import Address, is_address, parse_address
from keras_cwp.serving.client.journal import Journal, Scored
from keras_cwp.serving.client.rows import row_of
from keras_cwp.serving.client.score import Pace, score
from keras_cwp.serving.client.transport import BAD_BOX, Reply, Retries, Row, Served, UnavailableError
from keras_cwp.serving.decode import OK
from keras_cwp.serving.export import write_saved_model
from keras_cwp.training.saved import load_with_contract

CLASSES = ("a", "b")
NO_WAIT = Pace(requests=3, retries=Retries(times=3, first_s=0.0))


@pytest.mark.parametrize("name", sorted(set(wire.MESSAGES) - {"BatchingParameters"}))
def test_field_numbers_and_types_are_those_of_tensorflow_serving(name: str) -> None:
    for field, (number, _) in wire.MESSAGES[name].items():
        theirs = _theirs(name)
        if theirs is None:
            continue
        ours, real = wire.message(name).DESCRIPTOR.fields_by_name[field], theirs.fields_by_name[field]
        assert real.number == number, field
        assert _wire_type(ours) == _wire_type(real), field


def _theirs(name: str) -> Any:
    known: dict[str, Any] = {}
    seen: set[str] = set()
    for start_from in (predict_pb2.PredictRequest, predict_pb2.PredictResponse,
                       get_model_metadata_pb2.GetModelMetadataRequest, get_model_metadata_pb2.GetModelMetadataResponse,
                       get_model_metadata_pb2.SignatureDefMap):  # fmt: skip
        todo = [start_from.DESCRIPTOR]
        while todo:
            found = todo.pop()
            if found.full_name not in seen:
                seen.add(found.full_name)
                known[found.name] = found
                todo += [field.message_type for field in found.fields if field.message_type]
    unknown = {"BoolValue", "StringValue"}
    assert name in known or name in unknown
    return known.get(name)


def _wire_type(field: Any) -> tuple[int, bool]:
    kind = FieldDescriptor.TYPE_INT32 if field.type == FieldDescriptor.TYPE_ENUM else field.type
    return kind, field.is_repeated


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://pc:9/v1/models/cwp", Address("http", "pc", 9, "cwp")),
        ("https://pc/v1/models/cwp/versions/3", Address("https", "pc", 8501, "cwp", 3)),
        ("grpc://127.0.0.1/cwp/labels/stable", Address("grpc", "127.0.0.1", 8500, "cwp", None, "stable")),
        ("grpcs://[::1]:1/cwp", Address("grpcs", "::1", 1, "cwp")),
        ("http://pc/v1/models/cwp:predict", Address("http", "pc", 8501, "cwp")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert is_address(text)
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://pc", "no address of a model; expected http://HOST:PORT/v1/models/NAME or grpc://HOST:PORT/NAME"),
        ("grpc:///cwp", "no address of a model"),
        ("http://pc:99999/cwp", "Port out of range"),
        ("http://pc/cwp?x=1", "no address of a model"),
        ("http://me:secret@pc/cwp", "an address with a password in it ends up in logs; use --token-file"),
    ],
)
def test_what_is_no_address(text: str, message: str) -> None:
    with pytest.raises(ServingError, match=message):
        parse_address(text)
    assert not is_address("saved_models/cwp")


BOXES = [(5.5, 7.0, 30.0, 20.0), (200.0, 150.0, 60.0, 90.0), (270.0, 0.0, 40.0, 12.5), (0.0, 0.0, 300.0, 260.0)]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("context", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("square", ["pad", "stretch"])
def test_the_part_that_is_sent_gives_the_crop_of_the_whole(box: Any, context: float, square: Any) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (260, 300), dtype=np.uint16)
    roi = _roi("r", box=box)
    row = row_of(Radiograph(pixels, 65535.0, 16), roi, takes_spacing=False)
    on_image, _ = place_box(roi, Header(300, 260, 16))
    part = decode(row.image, Path("part")).pixels
    for size in (32, 224):
        margin = round(size * context)
        expected = crop_roi(pixels, on_image, size, margin, square)
        np.testing.assert_allclose(crop_roi(part, row.box, size, margin, square), expected, rtol=1e-5, atol=0.05)
    assert part.size < pixels.size or box[2] > 40


def test_rows_of_other_kinds() -> None:
    grey = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    row = row_of(Radiograph(grey, 1.0, 12, spacing_mm=0.2), _roi("r"), takes_spacing=True)
    assert (row.box, row.spacing_mm) == ((0, 0, 64, 64), 0.2)
    np.testing.assert_allclose(decode(row.image, Path("r")).to_unit(), grey, atol=1e-5)
    with pytest.raises(DataError, match="spacing_mm 'x'; expected millimetres a pixel"):
        row_of(Radiograph(grey, 1.0, 12), _roi("r", extra={"spacing_mm": "x"}), takes_spacing=True)


class Fake:
    """A server that answers with the box; refuses as it is told to."""

    def __init__(self, faults: list[Exception] | None = None) -> None:
        self.faults, self.asked, self.version = list(faults or []), 0, 1

    def describe(self) -> Served:
        return Served(self.version, frozenset({"image_bytes", "box"}))

    def ask(self, rows: list[Row], served: Served) -> list[Reply]:
        if self.faults:
            raise self.faults.pop()
        self.asked += len(rows)
        return [_reply(row) for row in rows]

    def close(self) -> None:
        """Nothing to let go of."""


def _reply(row: Row) -> Reply:
    share = row.box[2] / 100
    return Reply(CLASSES, np.array([share, 1 - share]), OK if row.box[2] != 13 else "no image")


def _roi(name: str, path: Path = Path("x.png"), box: Any = None, **more: Any) -> Roi:
    return Roi(image=path.name, path=path, patient_id="p", label="b", box=box, roi_id=name, where=name, **more)


@pytest.fixture
def regions(tmp_path: Path) -> list[Roi]:
    found = []
    for number in range(9):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.full((40, 50), number, np.uint8))
        found += [_roi(f"{number}.{part}", path, (0, 0, 1 + number, 2 + part)) for part in range(3)]
    return found


def scored(fake: Fake, regions: list[Roi], out: Path, pace: Pace = NO_WAIT) -> tuple[Scores, list[str]]:
    lost: list[str] = []
    address = parse_address("http://pc/cwp")
    table = score(
        fake,
        address,
        fake.describe(),
        regions,
        out,
        pace=pace,
        refuse=lambda error, count: lost.extend([str(error)] * count),
    )
    assert (table.members, table.distance) == (None, None)  # the fake model says neither
    return table.scores, lost


def test_scores_are_in_the_order_of_the_regions(regions: list[Roi], tmp_path: Path) -> None:
    fake = Fake()
    table, lost = scored(fake, regions, tmp_path / "s.csv")
    assert table.roi_id.tolist() == [roi.roi_id for roi in regions]
    np.testing.assert_allclose(table.probabilities[:, 0], [roi.box[2] / 100 for roi in regions if roi.box])
    assert (set(table.label.tolist()), set(table.patient_id.tolist())) == ({1}, {"p"})
    assert (lost, fake.asked) == ([], 27)
    assert [path.name for path in tmp_path.glob("s.csv*")] == ["s.csv"]


def test_only_unavailable_is_asked_again(regions: list[Roi], tmp_path: Path) -> None:
    fake = Fake([UnavailableError("busy")] * 3)
    assert len(scored(fake, regions, tmp_path / "s.csv")[0]) == 27
    with pytest.raises(UnavailableError, match="busy"):
        scored(Fake([UnavailableError("busy")] * 30), regions, tmp_path / "t.csv")
    with pytest.raises(ServingError, match="no such model"):
        scored(Fake([ServingError("no such model")]), regions, tmp_path / "u.csv")


def test_waits_double_up_to_the_most() -> None:
    waits: list[float] = []

    def fail() -> None:
        raise UnavailableError("busy")

    with pytest.raises(UnavailableError):
        Retries(times=5, first_s=1, most_s=4).call(fail, waits.append)
    assert [1 <= wait / most <= 1.5 for wait, most in zip(waits, (1, 2, 4, 4, 4), strict=True)] == [True] * 5


def test_an_interrupted_run_goes_on(regions: list[Roi], tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    broken = Fake([ServingError("gone")])
    answer, calls = broken.ask, []

    def ask(rows: list[Row], served: Served) -> list[Reply]:
        calls.append(len(rows))
        return [_reply(row) for row in rows] if len(calls) < 3 else answer(rows, served)

    broken.ask = ask  # type: ignore[method-assign]
    with pytest.raises(ServingError, match="gone"):
        scored(broken, regions, out, Pace(requests=1))
    kept = (tmp_path / "s.csv.part").read_text()
    rows = len(kept.splitlines()) - 1
    assert 0 < rows < 27
    assert not out.exists()
    (tmp_path / "s.csv.part").write_text(kept + '{"key": ["torn')
    fake = Fake()
    table, _ = scored(fake, regions, out)
    assert fake.asked == 27 - rows
    np.testing.assert_allclose(table.probabilities[:, 0], [roi.box[2] / 100 for roi in regions if roi.box])
    assert not (tmp_path / "s.csv.part").exists()


def test_sets_and_distances_survive_an_interruption(regions: list[Roi], tmp_path: Path) -> None:
    fake = Fake()

    def ask(rows: list[Row], _: Served) -> list[Reply]:
        if fake.asked > 10:
            raise ServingError("gone")
        fake.asked += len(rows)
        return [replace(_reply(row), members=(row.box[2] > 3, True), distance=row.box[3]) for row in rows]

    fake.ask = ask  # type: ignore[method-assign]
    with pytest.raises(ServingError, match="gone"):
        scored(fake, regions, tmp_path / "s.csv", Pace(requests=1))
    kept = len((tmp_path / "s.csv.part").read_text().splitlines()) - 1
    assert 0 < kept < 27
    fake.asked = -99
    table = score(
        fake, parse_address("http://pc/cwp"), fake.describe(), regions, tmp_path / "s.csv",
        pace=NO_WAIT, refuse=lambda error, _: pytest.fail(str(error)),
    )  # fmt: skip
    assert fake.asked == 27 - kept - 99
    boxes = [roi.box for roi in regions if roi.box]
    assert table.members is not None
    assert table.distance is not None
    assert table.members.tolist() == [[box[2] > 3, True] for box in boxes]
    assert table.distance.tolist() == [box[3] for box in boxes]


def test_rows_of_another_version_are_not_mixed_in(regions: list[Roi], tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    (tmp_path / "s.csv.part").write_text(
        json.dumps({"address": "http://pc:8501/cwp", "version": 7, "inputs": ["box", "image_bytes"]}) + "\n"
    )
    with pytest.raises(ServingError, match=r"the rows there are of http://pc:8501/cwp version 7, now .* version 1"):
        scored(Fake(), regions, out)


def test_an_older_bundle_which_knows_no_missing_box_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((40, 50), 7, np.uint8))
    whole, marked = _roi("whole", path), _roi("marked", path, (0, 0, 10, 10))
    fake, notes = Fake(), []
    asked: list[float] = []

    def ask(rows: list[Row], _: Served) -> list[Reply]:
        asked.extend(row.box[2] for row in rows)
        nothing = Reply(CLASSES, np.full(2, np.nan), BAD_BOX)
        return [nothing if np.isnan(row.box[2]) else _reply(row) for row in rows]

    fake.ask = ask  # type: ignore[method-assign]
    table = score(
        fake, parse_address("http://pc/cwp"), fake.describe(), [whole, marked], tmp_path / "s.csv",
        pace=NO_WAIT, note=notes.append, refuse=lambda error, _: pytest.fail(str(error)),
    )  # fmt: skip
    assert table.scores.probabilities[:, 0].tolist() == [0.5, 0.1]
    assert [value for value in asked if not np.isnan(value)] == [10, 50]
    assert notes == ["images without a box: 1; the bundle is of an older version, which scores them whole"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, which Linux has")
def test_a_full_disk_under_the_journal_is_one_line(regions: list[Roi], tmp_path: Path) -> None:
    journal = Journal(tmp_path / "s.csv", {})
    journal._file.close()
    journal._file = open("/dev/full", "w")  # noqa: SIM115 - the journal closes it
    with pytest.raises(CwpError, match=r"cannot write .*s\.csv\.part: No space left on device"):
        journal.add([(regions[0], Scored(np.array([0.5, 0.5])))], CLASSES)
    journal.close(done=False)


def test_regions_that_cannot_be_used_are_named_and_left_out(regions: list[Roi], tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"junk")
    bad = [_roi("far", tmp_path / "1.png", (90, 90, 5, 5)), _roi("odd", tmp_path / "1.png", (0, 0, 13, 5))]
    table, lost = scored(Fake(), [*regions, *bad], tmp_path / "s.csv")
    assert len(table) == 24
    assert len(lost) == 5
    assert any("the server says: no image" in line for line in lost)
    with pytest.raises(CwpError, match="none of 3 regions could be scored"):
        scored(Fake(), regions[:3], tmp_path / "t.csv")


def test_status_ok_is_that_of_the_graph() -> None:
    assert (transporting.OK, transporting.BAD_BOX) == (OK, resample.BAD_BOX)


@pytest.fixture(scope="module")
def folder(fit_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle as export writes it, but for warm-up and check, which take most of its time."""
    folder = tmp_path_factory.mktemp("saved_models") / "cwp"
    network, contract = load_with_contract(fit_run)
    judging = {"judging": judging_of_noise(contract.image_size, contract.classes).as_json()}
    (folder / "1" / CARD_FILE).parent.mkdir(parents=True)
    write_text(folder / "1" / CARD_FILE, json.dumps(model_card(fit_run, contract, "normal", None) | judging))
    write_saved_model(network, contract, "normal", folder / "1")
    write_bundle_files(folder)
    return folder


def judging_of_noise(side: int, classes: tuple[str, ...]) -> Judging:
    """Sets and distances of which some regions are inside and some not."""
    noise = np.random.default_rng(0).uniform(size=(40, side, side, 1)).astype(np.float32)
    likeness = fit_likeness(describe(noise), describe(1 - noise), np.arange(40) // 2)
    assert likeness is not None
    return Judging([likeness], dict(zip(classes, (0.0, 0.3, 0.9), strict=True)), 0.9)


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Iterator[Running]:
    with start([folder]) as running:
        yield running


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for name in ("a.png", "b.jpg", "c.tif"):
        cv2.imwrite(str(folder / name), cv2.resize(generator.uniform(0, 255, (9, 9)), (150, 120)).astype(np.uint8))
    rows = ["a.png,p0,10,12,40,30", "b.jpg,p1,60,50,50,50", "c.tif,p2,0,0,30,64", "a.png,p0,130,90,20,30"]
    (folder / "rois.csv").write_text("\n".join(["image,patient_id,x,y,width,height", *rows]) + "\n")
    return folder


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def test_both_apis_give_the_scores_of_the_bundle_itself(
    folder: Path, bundle: Running, images: Path, shared: Path, tmp_path: Path
) -> None:
    server = bundle.server
    models = {
        "local": folder,
        "http": f"http://127.0.0.1:{server.rest_port}/v1/models/cwp",
        "grpc": f"grpc://127.0.0.1:{server.grpc_port}/cwp",
    }
    tables = {}
    for name, model in models.items():
        inputs = (images / "rois.csv", shared / "data" / "dicom")
        result = predict(model, *inputs, "--out", tmp_path / f"{name}.csv")
        assert result.exit_code == 0, result.output
        tables[name] = Scores.from_csv(tmp_path / f"{name}.csv")
    for name in ("http", "grpc"):
        assert tables[name].roi_id.tolist() == tables["local"].roi_id.tolist()
        np.testing.assert_allclose(tables[name].probabilities, tables["local"].probabilities, atol=5e-5)
        local, remote = (pd.read_csv(tmp_path / f"{each}.csv") for each in ("local", name))
        assert remote["set"].tolist() == local["set"].tolist()
        assert remote["unlike"].tolist() == local["unlike"].tolist()
        np.testing.assert_allclose(remote["distance"], local["distance"], rtol=0.02)
    assert local["set"].nunique() > 1
    assert len(tables["local"]) == 6
    assert tables["local"].probabilities.std(axis=0).max() > 0.01


@pytest.mark.skipif(shutil.which("bash") is None, reason="the probe is a bash script; no bash here")
def test_the_probe_of_the_bundle_finds_it_ready(folder: Path, bundle: Running) -> None:
    probe = [str(folder / "probe"), "127.0.0.1", str(bundle.server.rest_port)]
    assert subprocess.run(probe, check=False, timeout=60).returncode == 0


def test_a_server_that_is_not_there_or_has_no_such_model(
    bundle: Running, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keras_cwp.serving.client.score.Pace", lambda **_: NO_WAIT)
    server = bundle.server
    for model, message in {
        f"http://127.0.0.1:{server.rest_port}/v1/models/x": "HTTP 404: Servable not found for request: Latest(x)",
        f"grpc://127.0.0.1:{server.grpc_port}/x": "NOT_FOUND: Servable not found for request: Latest(x)",
        f"grpc://127.0.0.1:{server.rest_port}/cwp": "the port is of the REST API; write http:// in place of grpc://",
        f"http://127.0.0.1:{server.grpc_port}/cwp": "the answer is not HTTP; if it is the port of the gRPC API, write",
        "http://127.0.0.1:9/cwp": "http://127.0.0.1:9/cwp: Connection refused",
        "grpc://127.0.0.1:9/cwp": "grpc://127.0.0.1:9/cwp: UNAVAILABLE: ",
    }.items():
        result = predict(model, images / "a.png", "--out", tmp_path / "s.csv")
        assert message in str(result.exception), result.output
    assert predict("http://x/cwp", images / "a.png", "--tta", 2, "--out", tmp_path / "s.csv").exit_code == 2


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_the_client_process_has_no_tensorflow(scheme: str, bundle: Running, images: Path, tmp_path: Path) -> None:
    port = bundle.server.rest_port if scheme == "http" else bundle.server.grpc_port
    arguments = ["predict", f"{scheme}://127.0.0.1:{port}/cwp", str(images / "a.png"), "--out", str(tmp_path / "s.csv")]
    code = (
        "import sys\nfrom keras_cwp.cli.main import cli\n"
        f"cli.main({arguments!r}, standalone_mode=False)\n"
        "found = {'tensorflow', 'keras', 'tensorflow_serving'} & set(sys.modules)\nassert not found, found\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert len(Scores.from_csv(tmp_path / "s.csv")) == 1
    assert tf.__version__  # this process has it
