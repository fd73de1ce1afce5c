# SPDX-License-Identifier: Apache-2.0
"""--data, of a recording that has what one call moved first."""

import importlib
import json

import pytest

import golden

MOVED = b"root:$y$j9T$"
WHERE = {"json": (), "ecs": ("pvmtrace",), "ocsf": ("unmapped",)}


def own_part(form, line):
    record = json.loads(line)
    for key in WHERE[form]:
        record = record[key]
    return record


def told(form, *args):
    """What each line says of it, and whether it says so."""
    lines = [own_part(form, line) for line in golden.replay(form, *args)]
    return [(r.get("data", "absent"), r) for r in lines if "phase" in r]


@pytest.mark.parametrize("form", WHERE)
def test_it_is_not_told_unless_asked_for(form):
    assert all(data == "absent" for data, _ in told(form))
    assert not any(b'"data"' in line for line in golden.replay(form))


@pytest.mark.parametrize("form", WHERE)
@pytest.mark.parametrize("size", [1, 12, 256])
def test_what_moved(form, size):
    have = [data for data, _ in told(form, "--data", str(size))]
    want = MOVED[:size]
    assert have[0] == {"hex": want.hex(), "len": len(want), "cut": True, "origin": "user", "toctou": True}
    assert set(map(str, have[1:])) == {"None" if form == "json" else "absent"}


@pytest.mark.parametrize("form", WHERE)
def test_it_can_be_omitted_and_cut(form):
    omitted = [data for data, _ in told(form, "--data", "256", "--omit", "data")]
    assert set(map(str, omitted)) == {"None" if form == "json" else "absent"}
    # It takes what room is left.
    cuts = [told(form, "--data", "256", "--max-line", str(size))[0] for size in range(1024, 1424, 50)]
    assert any(data in (None, "absent") for data, _ in cuts)
    for data, line in cuts:
        assert (data in (None, "absent")) is (".".join([*WHERE[form], "data"]) in line["truncated"])


def test_start_warns_of_it():
    start = json.loads(golden.replay("json", "--data", "7")[0])
    assert start["limits"]["data_bytes"] == 7 and any("secrets" in note for note in start["notes"])
    assert "data_bytes\":0" in golden.replay("json")[0].decode()


def test_the_format_for_people_does_not_have_it():
    assert golden.replay("text", "--data", "256")[1:] == golden.replay("text")[1:]


@pytest.mark.needs("module:fastjsonschema")
def test_by_the_schema():
    fastjsonschema = importlib.import_module("fastjsonschema")
    draft = {"$schema": "http://json-schema.org/draft-07/schema#"}
    schema = json.loads((golden.ROOT / "docs" / "pvmtrace-event.schema.json").read_text())
    validate = fastjsonschema.compile({**schema, **draft})
    for max_line in ("1024", "8000"):
        for line in golden.replay("json", "--data", "256", "--max-line", max_line):
            validate(json.loads(line))
