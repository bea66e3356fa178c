"""The REST API against docs/tensorflow_serving_contract.md: every row of its tables that a request can reach."""

from __future__ import annotations

import base64
import http.client
import json
import math
import socket
from pathlib import Path
from typing import Any

import pytest
from support.serving_helpers import Running, b64, refused, start
from support.serving_stub import BAD, CLASSES, opacity

IMAGES = [b"x" * 10, b"\xff\x00" * 30]


def expected(version: int = 1) -> list[list[float]]:
    return [[1 - opacity(image, version), opacity(image, version)] for image in IMAGES]


def probabilities(rows: Any) -> list[list[float]]:
    return [[round(value, 5) for value in row["probabilities"]] for row in rows]


ROUNDED = [[round(value, 5) for value in row] for row in expected()]


def test_rows_columns_bare_values_and_objects_say_the_same(running: Running) -> None:
    rows = [b64(image) for image in IMAGES]
    status, bare = running.post(":predict", {"instances": rows})
    assert status == 200
    assert probabilities(bare["predictions"]) == ROUNDED
    assert bare["predictions"][0]["classes"] == list(CLASSES)
    assert bare["predictions"][0]["label"] == "normal"
    _, named = running.post(":predict", {"instances": [{"image_bytes": row} for row in rows]})
    assert named == bare
    _, columns = running.post(":predict", {"signature_name": "serving_default", "inputs": {"image_bytes": rows}})
    assert [[round(value, 5) for value in row] for row in columns["outputs"]["probabilities"]] == ROUNDED
    _, plain = running.post(":predict", {"inputs": rows})
    assert plain == columns


def test_a_row_that_cannot_be_used_leaves_its_neighbours_alone(running: Running) -> None:
    _, found = running.post(":predict", {"instances": [b64(IMAGES[0]), b64(BAD)]})
    good, bad = found["predictions"]
    assert (good["status"], bad["status"], bad["label"]) == ("ok", "no image", "")
    assert all(math.isnan(value) for value in bad["probabilities"])


def test_one_output_loses_its_name_and_floats_are_short(running: Running) -> None:
    status, body = running.http("POST", "/v1/models/stub:predict", b'{"signature_name":"one","instances":[0.1,2]}')
    assert (status, json.loads(body)) == (200, {"predictions": [0.2, 2.1]})
    assert running.post(":predict", {"signature_name": "one", "inputs": [0.1]}) == (200, {"outputs": [0.2]})


def test_not_a_number_and_infinity_come_and_go(running: Running) -> None:
    status, body = running.http(
        "POST", "/v1/models/stub:predict", b'{"signature_name":"one","instances":[NaN,Infinity,-Infinity]}'
    )
    assert (status, body) == (200, b'{"predictions": [NaN, Infinity, -Infinity]}')


def test_strings_are_written_raw_unless_the_name_ends_in_bytes(running: Running) -> None:
    _, found = running.post(":predict", {"signature_name": "echo", "instances": ["é", b64(b"\xff")]})
    assert found["predictions"] == [
        {"y": "é", "y_bytes": b64("é".encode())},
        {"y": "�", "y_bytes": b64(b"\xff")},
    ]


def test_what_follows_the_object_is_ignored(running: Running) -> None:
    assert running.post(":predict", b'{"signature_name":"one","instances":[1]} trailing')[0] == 200


def test_numbers_of_other_types(running: Running) -> None:
    assert running.post(":predict", {"signature_name": "flag", "instances": [True]})[1] == {"predictions": [False]}
    assert running.post(":predict", {"signature_name": "whole", "instances": [3]})[1] == {"predictions": [6]}
    pixels = [[[1, 2.5], [3, 4]]]
    assert running.post(":predict", {"signature_name": "pixels", "inputs": pixels})[1] == {"outputs": [2.625]}


def test_unpadded_base64_is_read(running: Running) -> None:
    text = base64.b64encode(b"1234").decode().rstrip("=")
    assert running.post(":predict", {"signature_name": "echo", "instances": [{"b64": f"{text[:3]}\n{text[3:]}"}]})[
        1
    ] == {"predictions": [{"y": "1234", "y_bytes": b64(b"1234")}]}


def one(**body: Any) -> dict[str, Any]:
    return {"signature_name": "one", **body}


REFUSED: list[tuple[str, Any, int, str]] = [
    ("/v1/models/x:predict", {"instances": [b64(b"1")]}, 404, "Servable not found for request: Latest(x)"),
    (
        "/v1/models/stub/versions/7:predict",
        {"instances": [b64(b"1")]},
        404,
        "Servable not found for request: Specific(stub, 7)",
    ),
    ("/v1/models/stub/labels/new:predict", {"instances": [b64(b"1")]}, 400, "Unrecognized servable version label: new"),
    (
        "/v1/models/stub/versions/99999999999999999999:predict",
        {"instances": [1]},
        400,
        "Failed to convert version: 999",
    ),
    (
        ":predict",
        {"signature_name": "x", "instances": [1]},
        400,
        'Serving signature name: "x" not found in signature def',
    ),
    (":predict", {"signature_name": 3, "instances": [1]}, 400, "'signature_name' key must be a string value."),
    (":predict", b"", 400, "JSON Parse error: The document is empty"),
    (":predict", b"{", 400, "JSON Parse error: "),
    (":predict", b"\xff{}", 400, "JSON Parse error: Invalid encoding"),
    (":predict", b"[" * 100_000, 400, "JSON Parse error: "),
    (":predict", b'{"instances": [1' + b"0" * 5000 + b"]}", 400, "JSON Parse error: "),
    (":predict", b"[]", 400, "JSON Value: [] Is not object"),
    (":predict", {}, 400, "Missing 'inputs' or 'instances' key"),
    (":predict", {"instances": [1], "inputs": [1]}, 400, "expecting only one of 'inputs' or 'instances' keys"),
    (":predict", {"instances": {"a": 1}}, 400, "Excepting 'instances' to be an list/array"),
    (":predict", {"instances": []}, 400, "No values in 'instances' array"),
    (
        ":predict",
        one(instances=["a"]),
        400,
        "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"a\" Type: String "
        "is not of expected type: float",
    ),
    (":predict", one(inputs=["a"]), 400, 'JSON Value: "a" Type: String is not of expected type: float'),
    (":predict", one(inputs=[True]), 400, "JSON Value: true Type: True is not of expected type: float"),
    (":predict", one(inputs=[None]), 400, "JSON Value: null Type: Null is not of expected type: float"),
    (":predict", one(inputs=[1e39]), 400, "Cannot convert JSON value: 1e+39 to float without loss of precision."),
    (":predict", one(inputs=[[1], [2]]), 400, "input x has shape [2, 1], the signature has [?]"),
    (":predict", one(instances=json.loads("[" * 70 + "]" * 70)), 400, "lists nested 69 deep, more than 16"),
    (":predict", one(inputs=3), 400, "input x has shape []"),
    (":predict", one(inputs=[1, [2]]), 400, "Encountered list at unexpected level: 1 expected < 1"),
    (":predict", one(inputs=[[1], 2]), 400, "found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    (":predict", one(instances=[[1], [1, 2]]), 400, "Failed to process element: 1 of 'instances' list. Error: "),
    (":predict", one(instances=[{"z": 1}]), 400, "key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: "),
    (":predict", one(instances=[1, {"x": 1}]), 400, "Expecting value/list but got object at item 1 of input list"),
    (":predict", one(instances=[{"x": 1}, 1]), 400, "Expecting object but got list at item 1 of input list"),
    (":predict", {"signature_name": "whole", "instances": [1.5]}, 400, "is not of expected type: int32"),
    (":predict", {"signature_name": "whole", "inputs": [2**40]}, 400, "a number is outside the range of int32"),
    (":predict", {"instances": [1]}, 400, "JSON Value: 1 Type: Number is not of expected type: string"),
    (":predict", {"instances": ["\ud800"]}, 400, "surrogate"),
    (":predict", {"instances": [{"b64": "?"}]}, 400, "Unable to base64 decode"),
    (":predict", {"inputs": {"image_bytes": [{"b64": 3}]}}, 400, "not formatted correctly for base64 data"),
    (":predict", {"inputs": {"other": [1]}}, 400, "Missing named input: image_bytes in 'inputs' object."),
    (
        ":predict",
        {"signature_name": "roi_bytes", "instances": [b64(b"1")]},
        400,
        "instances is a plain list, but expecting list of objects as multiple input tensors required",
    ),
    (
        ":predict",
        {"signature_name": "roi_bytes", "inputs": [b64(b"1")]},
        400,
        "inputs is a plain value/list, but expecting an object as multiple input tensors required",
    ),
    (
        ":predict",
        {"signature_name": "roi_bytes", "instances": [{"image_bytes": b64(b"1")}]},
        400,
        "keys must be equal to: box,image_bytes",
    ),
    (
        ":predict",
        {"signature_name": "roi_bytes", "inputs": {"image_bytes": ["a", "b"], "box": [[1, 2, 3, 4]]}},
        400,
        "Batching input tensors must have the same 0th dimension",
    ),
    (":predict", {"signature_name": "half_in", "inputs": [1]}, 501, "Conversion of JSON Value: 1 to type: half"),
    (
        ":predict",
        {"signature_name": "half_in", "instances": [1]},
        400,
        "Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: Conversion",
    ),
    (":predict", {"signature_name": "half_out", "instances": [1]}, 400, "Failed to write JSON value for tensor type"),
    (":predict", {"signature_name": "scalar", "instances": [1]}, 400, "has no shape information"),
    (":predict", {"signature_name": "uneven", "instances": [1, 2]}, 400, "0th dimension does not equal"),
    (":predict", {"instances": ["a"] * 9}, 400, "Task size 9 is larger than maximum input batch size 8"),
    (":classify", {"signature_name": "classify"}, 400, "key 'examples' is expected and was not found"),
    (":classify", {"signature_name": "classify", "examples": 1}, 400, "Expecting 'examples' value to be an list"),
    (":classify", {"signature_name": "classify", "examples": []}, 400, "'examples' value is an empty array"),
    (":classify", {"signature_name": "classify", "examples": [1]}, 400, "Example must be JSON object but got JSON Num"),
    (":classify", {"signature_name": "classify", "examples": [{"a": None}]}, 400, "with unexpected JSON type: Null"),
    (":classify", {"signature_name": "classify", "examples": [{"a": [1, "x"]}]}, 400, "Unexpected element type in"),
    (":classify", {"signature_name": "classify", "examples": [{"a": 2**70}]}, 400, "outside the range of int64"),
    (":classify", {"signature_name": "classify", "examples": [{"image_bytes": 1}]}, 400, "image_bytes"),
    (":classify", {"signature_name": "x", "examples": [{}]}, 400, "No signature was found with the name: x"),
    (":classify", {"examples": [{}]}, 400, "Expected one input Tensor named 'inputs'"),
    (":classify", {"signature_name": "regress", "examples": [{}]}, 400, "Expected classification signature outputs"),
    (":regress", {"signature_name": "classify", "examples": [{}]}, 400, "Expected one regression output"),
    (":explain", {}, 400, "Malformed request: POST /v1/models/stub:explain"),
    ("/v1/other", {}, 400, "Malformed request: POST /v1/other"),
    ("/elsewhere", {}, 404, "Not found: /elsewhere"),
]


@pytest.mark.parametrize(("path", "body", "status", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(path: str, body: Any, status: int, message: str, running: Running) -> None:
    found, answer = running.post(path, body)
    assert (found, list(answer)) == (status, ["error"])
    assert message in answer["error"]


def test_classify_and_regress(running: Running) -> None:
    examples = [{"image_bytes": b64(image)} for image in IMAGES]
    status, found = running.post(":classify", {"signature_name": "classify", "examples": examples})
    assert status == 200
    assert [[name for name, _ in row] for row in found["results"]] == [list(CLASSES)] * 2
    assert [[round(score, 5) for _, score in row] for row in found["results"]] == ROUNDED
    body = {"signature_name": "regress", "context": {"image_bytes": b64(IMAGES[0])}, "examples": [{}, examples[1]]}
    status, found = running.post(":regress", body)
    assert [round(value, 5) for value in found["results"]] == [row[1] for row in ROUNDED]


def test_status_and_metadata(running: Running) -> None:
    ready = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("/v1/models/stub", "/v1/models/stub/versions/1", "/V1/Models/stub"):
        assert running.get(path) == (200, {"model_version_status": [ready]})
    status, found = running.get("/v1/models/stub/versions/1/metadata")
    assert status == 200
    assert found["model_spec"] == {"name": "stub", "signature_name": "", "version": "1"}
    signature = found["metadata"]["signature_def"]["signature_def"]["roi_bytes"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["box"]["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in signature["inputs"]["box"]["tensor_shape"]["dim"]] == ["-1", "4"]
    assert "defaults" not in signature


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/models/x", 404, "Could not find any versions of model x"),
        ("/v1/models/x/metadata", 404, "Servable not found for request: Latest(x)"),
        ("/v1/models/stub/versions/7", 404, "Could not find version 7 of model stub"),
        ("/v1/models/stub/labels/x", 400, "Unrecognized servable version label: x"),
        ("/v1/models/stub:predict", 400, "Malformed request: GET /v1/models/stub:predict"),
        ("/monitoring/other", 400, "Malformed request: GET /monitoring/other"),
        ("/", 404, "Not found: /"),
    ],
)
def test_what_cannot_be_looked_at(path: str, status: int, message: str, running: Running) -> None:
    found, answer = running.get(path)
    assert (found, list(answer)) == (status, ["error"])
    assert message in answer["error"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_other_methods_are_malformed(method: str, running: Running) -> None:
    assert running.http(method, "/v1/models/stub:predict")[0] == 400


def test_metrics_count_by_model_and_status_and_hide_what_a_client_wrote(running: Running) -> None:
    running.post(":predict", one(instances=[1]))
    running.post("/v1/models/patient_name:predict", {"instances": [1]})
    status, body = running.http("GET", "/monitoring/prometheus/metrics")
    lines = body.decode().splitlines()
    assert status == 200
    counts = [line for line in lines if line.startswith(":tensorflow:serving:request_count{")]
    assert any('model_name="stub",status="OK"' in line and float(line.split()[-1]) >= 1 for line in counts)
    assert any('model_name="unknown",status="NOT_FOUND"' in line for line in counts)
    assert 'keras_cwp_version_state{model_name="stub",state="AVAILABLE",version="1"} 1.0' in lines
    assert any(line.startswith(":tensorflow:serving:request_latency_bucket") for line in lines)
    assert "patient_name" not in body.decode()


def test_too_large_a_body_is_refused_before_it_is_read(stub: Path) -> None:
    with start([stub], max_request_bytes=1000) as running:
        assert running.post(":predict", b" " * 1001) == (413, {"error": "the request has more than 1000 bytes"})
        connection = http.client.HTTPConnection("127.0.0.1", running.server.rest_port, timeout=20)
        connection.request("POST", "/v1/models/stub:predict", iter([b" " * 600] * 2), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})  # fmt: skip
        assert connection.getresponse().status == 413
        connection.close()
        code, _ = refused(lambda: running.predict("serving_default", image_bytes=[b"x" * 2000]))
        assert code == "RESOURCE_EXHAUSTED"


def test_a_body_that_never_comes_ends_in_time(stub: Path) -> None:
    with start([stub], timeout_s=0.3) as running, socket.create_connection(
        ("127.0.0.1", running.server.rest_port), timeout=20
    ) as raw:  # fmt: skip
        raw.sendall(b"POST /v1/models/stub:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        assert raw.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_head_that_never_comes_ends_in_time_also_after_a_request(stub: Path) -> None:
    with start([stub], timeout_s=0.3) as running:
        for first in (b"", b"GET /v1/models/stub HTTP/1.1\r\nHost: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", running.server.rest_port), timeout=20) as raw:
                raw.sendall(first)
                assert not first or raw.recv(1000).startswith(b"HTTP/1.1 200")
                raw.sendall(b"GET /v1/models/stub HT")
                while raw.recv(1000):
                    pass


def test_a_request_target_may_be_the_whole_url(running: Running) -> None:
    origin = f"http://127.0.0.1:{running.server.rest_port}"
    assert running.get(f"{origin}/v1/models/stub") == running.get("/v1/models/stub")
    body = json.dumps({"instances": [b64(b"x")]}).encode()
    assert running.http("POST", f"{origin}/v1/models/stub:predict", body)[0] == 200
    assert running.http("GET", "HTTP://other.example/v1/models/stub/metadata")[0] == 200
    assert running.get(f"{origin}/elsewhere")[0] == 404
    assert running.get(origin)[0] == 404


def test_columns_of_no_rows(running: Running) -> None:
    status, found = running.post(":predict", {"inputs": []})
    assert status == 200
    assert found["outputs"] == {"classes": [], "label": [], "probabilities": [], "status": []}
    status, found = running.post(":predict", {"signature_name": "no_rows", "inputs": []})
    assert (status, found["error"]) == (400, "no rows in the request, and the model cannot answer none")


def test_numbers_of_an_example_may_be_whole_or_not_in_one_list(running: Running) -> None:
    examples = [{"image_bytes": b64(b"x"), "box": [10, 10.5, 50, 60]}]
    assert running.post(":classify", {"signature_name": "classify", "examples": examples})[0] == 200


def test_no_number_may_be_null(stub: Path) -> None:
    with start([stub], nan_as_null=True) as running:
        _, found = running.post(":predict", {"instances": [b64(BAD), b64(b"x")]})
        assert [row["probabilities"][0] is None for row in found["predictions"]] == [True, False]
        _, found = running.post(":predict", {"inputs": [b64(BAD)]})
        assert found["outputs"]["probabilities"] == [[None, None]]
        examples = {"signature_name": "regress", "examples": [{"image_bytes": b64(BAD)}]}
        assert running.post(":regress", examples) == (200, {"results": [None]})
        classified = running.post(":classify", examples | {"signature_name": "classify"})[1]
        assert [score for _, score in classified["results"][0]] == [None, None]


def test_web_pages_that_were_named_may_ask(stub: Path) -> None:
    page, other = "https://viewer.example", "https://other.example"
    with start([stub], cors_origins=(page,), token="0123456789abcdef") as running:
        allowed = _asked_by(running, page)
        assert allowed["access-control-allow-origin"] == page
        assert "POST" in allowed["access-control-allow-methods"]
        assert allowed["access-control-allow-headers"] == "authorization,content-type"
        assert "access-control-allow-origin" not in _asked_by(running, other)
    with start([stub]) as running:
        assert "access-control-allow-origin" not in _asked_by(running, page)


def _asked_by(running: Running, page: str) -> dict[str, str]:
    """Headers of the answer to a browser's question before it asks."""
    connection = http.client.HTTPConnection("127.0.0.1", running.server.rest_port, timeout=20)
    asked = {
        "Origin": page,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    connection.request("OPTIONS", "/v1/models/stub:predict", headers=asked)
    response = connection.getresponse()
    connection.close()
    return {name.lower(): value for name, value in response.getheaders()}
