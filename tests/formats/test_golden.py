# SPDX-License-Identifier: Apache-2.0
"""Recorded raw records in, exact lines out, in every format and without root."""

import collections
import importlib
import json
import re

import pytest

import golden

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"
SCHEMA = golden.ROOT / "docs" / "pvmtrace-event.schema.json"


@pytest.mark.parametrize("prefix", golden.SETS)
@pytest.mark.parametrize("form", golden.FORMATS)
def test_exact_lines(form, prefix):
    expected = (golden.GOLDEN / f"{prefix}{golden.FORMATS[form]}").read_bytes().splitlines(keepends=True)
    lines = golden.lines_of(form, prefix)
    for number, (line, want) in enumerate(zip(lines, expected), 1):
        assert line == want, f"{form}: line {number}; if this is meant: tests/golden/regenerate"
    assert len(lines) == len(expected)


@pytest.mark.parametrize("max_line", [1024, 8000])
def test_every_record_can_be_found(max_line):
    """When its line was written, by which run, and an id that only both records of one call share."""
    ids = collections.Counter()
    for line in golden.replay("json", "--max-line", str(max_line)):
        r = json.loads(line)
        assert list(r)[:7] == ["time", "schema", "type", "seq", "told", "run", "id"]
        assert re.fullmatch("[0-9a-f]{16}", r["run"])
        assert re.fullmatch(TIME, r["told"]) and r["told"] >= r["time"], "a replay is told as it was recorded"
        if r["type"] == "process_vm_access":
            assert re.fullmatch(r["run"] + "-[0-9a-f]+-[0-9a-f]+", r["id"])
            ids[r["id"]] += r["phase"] != "in_flight"
        else:
            assert r["id"] == f"{r['run']}-s{r['seq']}"
            ids[r["id"]] += 1
    assert len(ids) > 15 and set(ids.values()) == {1}


def test_a_call_whose_end_no_hook_saw():
    """Its entry as of any call; of its end, the time too, nothing."""
    phases = [json.loads(line).get("phase") for line in golden.replay("json")]
    assert phases.count("ended") == 1
    lines = {form: list(golden.replay(form))[phases.index("ended")] for form in golden.FORMATS}
    plain, ecs, ocsf = (json.loads(lines[form]) for form in ("json", "ecs", "ocsf"))
    unknown = ("ret", "error", "duration_ns", "bytes_transferred", "partial")
    assert plain["outcome"] == "unknown" and [plain[key] for key in unknown] == [None] * len(unknown)
    for side in (plain["local"], plain["remote"]):
        assert side["status"] == "ok" and side["iov"] and side["iov_exit"] is side["changed"] is None
    assert plain["target"]["resolved_at"] == "entry" and plain["bytes_requested"] == 4096
    assert ecs["event"]["outcome"] == "unknown" and not {"duration", "end"} & set(ecs["event"])
    assert (ocsf["status"], ocsf["status_id"]) == ("Unknown", 0) and "status_code" not in ocsf
    for own in (ecs["pvmtrace"], ocsf["unmapped"]):
        assert own["phase"] == "ended" and not set(unknown) & set(own)
    assert b"end unseen" in lines["text"] and b"?/4096" in lines["text"]


def types_of(value, path="", found=None):
    """{path: kinds of value}, of all that is no null"""
    found = collections.defaultdict(set) if found is None else found
    if isinstance(value, dict):
        found[path].add("object")
        for key, below in value.items():
            types_of(below, f"{path}.{key}", found)
    elif isinstance(value, list):
        found[path].add("array")
        for below in value:
            types_of(below, f"{path}[]", found)
    elif value is not None:
        found[path].add(type(value).__name__)
    return found


@pytest.mark.parametrize("form", [form for form in golden.FORMATS if form != "text"])
def test_one_key_has_one_type(form):
    """Whatever the type of the record."""
    found = collections.defaultdict(set)
    for line in golden.replay(form):
        types_of(json.loads(line), found=found)
    assert {path: kinds for path, kinds in found.items() if len(kinds) > 1} == {}


def test_causes_of_loss_have_the_counters_names():
    by = {r["type"]: r for r in map(json.loads, golden.replay("json"))}
    causes = by["lost"]["by"]
    assert by["start"]["counter_names"] == list(by["stats"]["counters"]) and "counters" not in by["start"]
    assert causes and set(causes) == {n for n in by["stats"]["counters"] if n.startswith("lost_")}
    for form, own in (("ecs", "pvmtrace"), ("ocsf", "unmapped")):
        lost = next(r[own] for r in map(json.loads, golden.replay(form)) if "until" in r[own])
        assert lost["by"] == causes and "counters" not in lost


def values(form, key):
    """What a key has, wherever it stands in the golden lines of calls; null is none."""
    found = set()
    for prefix in golden.SETS:
        for line in (golden.GOLDEN / f"{prefix}{golden.FORMATS[form]}").read_text().splitlines():
            json.loads(line, object_hook=lambda o: found.add(json.dumps(o[key])) if o.get(key) is not None else None)
    return {json.loads(value) for value in found}


@pytest.mark.parametrize("form", [form for form in golden.FORMATS if form != "text"])
def test_each_value_of_access_and_regions_stands_in_a_line(form):
    """Each that the schema names; and what only calls with --data and rules have."""
    defs = json.loads(SCHEMA.read_text())["$defs"]
    for where, key in (("access", "by"), ("access", "denied_by"), ("region", "kind")):
        named = set(defs[where]["properties"][key]["enum"]) - {None}
        assert len(named) > 3 and named <= values(form, key), key
    assert values(form, "regions_confirmed") == {"pages"} and {0, 1} <= values(form, "yama_scope")
    lines = (golden.GOLDEN / f"rules.{golden.FORMATS[form]}").read_text()
    assert '"data":{"hex":' in lines and '"reads-1.A"' in lines and '"rest"' in lines


def strict(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
    return dict(pairs)


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize("max_line", [1024, 1500, 3000, 8000, 100000])
@pytest.mark.parametrize("form", [form for form in golden.FORMATS if form != "text"])
def test_strict_json_within_the_limit(form, max_line):
    for line in golden.replay(form, "--max-line", str(max_line), "--iov-limit", "all"):
        assert line.endswith(b"\n") and len(line) <= max_line
        json.loads(line.decode("utf-8", errors="strict"), object_pairs_hook=strict,
                   parse_constant=no_constant)


@pytest.mark.parametrize("max_line", [1024, 8000])
def test_text_within_the_limit(max_line):
    for line in golden.replay("text", "--max-line", str(max_line)):
        assert line.endswith(b"\n") and len(line) <= max_line
        assert all(c.isprintable() for c in line.decode("utf-8", errors="strict")[:-1])


@pytest.mark.needs("module:fastjsonschema")
@pytest.mark.parametrize("max_line", [1024, 1300, 1700, 8000])
def test_json_by_the_schema(max_line):
    fastjsonschema = importlib.import_module("fastjsonschema")
    # It stops at draft 7, which means the same by all the words that the schema uses.
    draft = {"$schema": "http://json-schema.org/draft-07/schema#"}
    validate = fastjsonschema.compile({**json.loads(SCHEMA.read_text()), **draft})
    kinds = set()
    for line in golden.replay("json", "--max-line", str(max_line)):
        record = json.loads(line)
        kinds.add((record["type"], record.get("reason")))
        validate(record)
    assert {("process_vm_summary", "overflow"), ("process_vm_summary", "aggregate")} <= kinds
