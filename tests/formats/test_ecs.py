# SPDX-License-Identifier: Apache-2.0
"""Lines of the ecs format against the Elastic Common Schema as Elastic publishes it for programs, and
against the index template that ships with it."""

import fnmatch
import json
import subprocess
import tarfile

import pytest

import golden

PACKAGE = "@elastic/ecs"
VERSION = "9.4.0"
CACHE = golden.ROOT / "build" / "formats"
TEMPLATE = golden.ROOT / "docs" / "elasticsearch-index-template.json"
DUMP = ("const flat = require(process.argv[1]).EcsFlat; const out = {};"
        "for (const [name, f] of Object.entries(flat)) out[name] = {type: f.type, array:"
        " f.normalize.includes('array'), values: Object.fromEntries((f.allowed_values || []).map("
        "v => [v.name, v.expected_event_types || []]))};"
        "console.log(JSON.stringify(out));")

# How a mapping's type may differ from the schema's: finer, never another kind of value.
FAMILIES = {"date_nanos": "date", "wildcard": "keyword"}
KINDS = {"keyword": str, "match_only_text": str, "wildcard": str, "text": str, "date": str,
         "date_nanos": str, "long": int, "boolean": bool}


def run(command, **more):
    try:
        done = subprocess.run(command, capture_output=True, timeout=120, check=False, **more)
    except (OSError, subprocess.TimeoutExpired) as e:
        return None, str(e)
    return (done.stdout if done.returncode == 0 else None), done.stderr.decode(errors="replace")


@pytest.fixture(scope="session")
def schema():
    """The fields of the schema by name. The package is fetched once, and kept below build/."""
    dump = CACHE / f"ecs-{VERSION}.json"
    if dump.exists():
        return json.loads(dump.read_text())
    CACHE.mkdir(parents=True, exist_ok=True)
    packed, why = run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=CACHE)
    if packed is None:
        pytest.skip(f"{PACKAGE}@{VERSION} is not to be had by npm: {why.strip()[-200:]}")
    with tarfile.open(CACHE / packed.decode().split()[-1]) as tar:
        tar.extractall(CACHE)
    fields, why = run(["node", "-e", DUMP, str(CACHE / "package")])
    if fields is None:
        pytest.skip(f"node cannot read {PACKAGE}: {why.strip()[-200:]}")
    dump.write_bytes(fields)
    return json.loads(fields)


def lines():
    found = []
    for max_line in ("1024", "8000"):
        found += [json.loads(line) for line in golden.replay("ecs", "--data", "256", "--max-line", max_line)]
    return found


def leaves(value, path=""):
    """(path, value, in an array) of all that is no object."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for below in value:
            yield from leaves(below, path)
    else:
        yield path, value


def ecs_name(path):
    """The schema's name of a field: the target has the caller's under another roof."""
    return path.removeprefix("Target.") if path.startswith("Target.process.") else path


def test_every_name_and_type(schema):
    for line in lines():
        for path, value in leaves(line):
            if path.startswith("pvmtrace."):
                continue
            field = schema.get(ecs_name(path))
            assert field, f"{path} is no field of ECS {VERSION}"
            assert isinstance(value, list) == field["array"], f"{path}: {value}"
            for one in value if field["array"] else [value]:
                assert type(one) is KINDS[field["type"]], f"{path}: {one!r} is no {field['type']}"


def test_categories_and_types(schema):
    categories = schema["event.category"]["values"]
    for line in lines():
        event = line["event"]
        assert line["ecs"]["version"] == VERSION
        assert event["kind"] in schema["event.kind"]["values"]
        assert event.get("outcome", "success") in schema["event.outcome"]["values"]
        for category in event["category"]:
            assert set(event["type"]) <= set(categories[category])


def test_own_fields_are_below_one_key():
    for line in lines():
        assert set(line) <= {"@timestamp", "ecs", "event", "process", "Target", "container", "host", "error",
                             "pvmtrace"}


def test_agrees_with_the_json_format():
    """The same facts, read from the lines of the default format."""
    plain = [json.loads(line) for line in golden.replay("json")]
    ecs = [json.loads(line) for line in golden.replay("ecs")]
    assert len(plain) == len(ecs)
    whole = False
    for p, e in zip(plain, ecs):
        assert (p["time"], p["seq"]) == (e["@timestamp"], e["event"]["sequence"])
        assert (p["id"], p["run"]) == (e["event"]["id"], e["pvmtrace"]["run"])
        assert p["told"] == e["event"]["created"]
        if p["type"] == "process_vm_summary":
            check_summary(p, e)
            continue
        if p["type"] != "process_vm_access":
            assert e["event"]["action"] == p["type"]
            assert e["event"]["kind"] == ("metric" if p["type"] == "stats" else "event")
            continue
        assert e["event"]["action"] == p["syscall"]
        assert e["event"]["outcome"] == p["outcome"]
        assert e["event"]["type"] == [{"read": "access", "write": "change"}[p["op"]]]
        assert e["event"].get("duration") == p["duration_ns"]
        assert e.get("error", {}).get("code") == p["error"]
        assert e.get("container", {}).get("id") == p["caller"]["container_id"]
        check_process(p["caller"], e["process"])
        assert ("Target" in e) == p["target"]["resolved"]
        if "Target" in e:
            check_process(p["target"], e["Target"]["process"])
        whole |= all({"entity_id", "executable", "start"} <= set(process.get("parent", {}))
                     for process in (e["process"], e.get("Target", {}).get("process", {})))
        for side in ("local", "remote"):
            for key in ("addr", "count", "captured", "status", "iov", "iov_exit", "total_len", "changed"):
                assert e["pvmtrace"][side].get(key) == p[side][key]
    assert whole, "no event has all of both parents"


def check_summary(p, e):
    event, rest = e["event"], e["pvmtrace"]
    assert event["action"] == f"process_vm_{p['op']}v" and event["dataset"] == "pvmtrace.calls"
    assert event["type"] == [{"read": "access", "write": "change"}[p["op"]]]
    assert (event["outcome"], event["start"], event["end"]) == (p["outcome"], p["first"], p["last"])
    assert "duration" not in event
    for key in ("reason", "calls", "first", "last", "bytes_transferred", "duration_ns", "abis", "changed", "low", "high"):
        assert rest.get(key) == p[key], key
    assert rest.get("errors", {}) == p["errors"]
    check_process(p["caller"], e["process"])
    assert ("Target" in e) == p["target"]["resolved"] == rest["target"]["resolved"]
    if "Target" in e:
        check_process(p["target"], e["Target"]["process"])


def parent_of(plain):
    """All that is told of a process's parent in the default format."""
    behind = plain.get("parent") or next(iter(plain.get("ancestors") or []), None) or {}
    assert not behind or (behind["pid"], behind["comm"]) == (plain["ppid"], plain["pcomm"])
    return {"pid": plain["ppid"], "name": plain["pcomm"], "entity_id": behind.get("entity_id"), "executable": behind.get("exe"),
            "start": behind.get("start")}


def check_process(plain, process):
    assert process["pid"] == plain["pid"] and process["thread"]["id"] == plain["tid"]
    assert process.get("parent", {}) == {key: value for key, value in parent_of(plain).items() if value is not None}
    assert process.get("vpid") == plain["pid_ns"]
    assert process.get("name") == plain["comm"] and process.get("executable") == plain["exe"]
    assert process.get("entity_id") == plain["entity_id"] and process.get("start") == plain["start"]
    assert process.get("args") == plain["args"]
    if plain["args"] is not None and not plain["args_cut"]:
        assert process["args_count"] == len(plain["args"])
    if plain["uid"] is None:
        assert "user" not in process and "real_user" not in process
        return
    assert process["user"]["id"] == str(plain["euid"]) and process["real_user"]["id"] == str(plain["uid"])
    assert process["saved_user"]["id"] == str(plain["suid"]) and process["saved_group"]["id"] == str(plain["sgid"])
    assert process["group"]["id"] == str(plain["egid"]) and process["real_group"]["id"] == str(plain["gid"])


# ---- the index template -----------------------------------------------------------------------


def template():
    return json.loads(TEMPLATE.read_text())["template"]["mappings"]


def mapping_of(mappings, path):
    """How a path is mapped: its definition, {} if it is only stored, None if nothing says how."""
    at = mappings
    names = path.split(".")
    for depth, name in enumerate(names):
        if at.get("enabled") is False:
            return {}
        below = at.get("properties", {}).get(name)
        if below is None:
            if at.get("dynamic") is True:
                return dynamic_of(mappings, path)
            return None
        at = below
        if at.get("enabled") is False and depth == len(names) - 1:
            return {}
    return at


def dynamic_of(mappings, path):
    for entry in mappings["dynamic_templates"]:
        rule = next(iter(entry.values()))
        if "path_match" in rule and fnmatch.fnmatch(path, rule["path_match"]):
            return rule["mapping"]
    return None


def test_template_maps_every_field():
    mappings = template()
    for line in lines():
        for path, value in leaves(line):
            mapping = mapping_of(mappings, path)
            assert mapping is not None, f"{path} is not mapped"
            if not mapping:
                continue
            for one in value if isinstance(value, list) else [value]:
                assert type(one) is KINDS[mapping["type"]], f"{path}: {one!r} is no {mapping['type']}"


def test_template_agrees_with_ecs(schema):
    def check(properties, path):
        for name, mapping in properties.items():
            full = f"{path}.{name}" if path else name
            if full == "pvmtrace":
                continue
            if "properties" in mapping:
                check(mapping["properties"], full)
                continue
            field = schema.get(ecs_name(full))
            assert field, f"{full} is no field of ECS"
            kind = FAMILIES.get(mapping["type"], mapping["type"])
            assert kind == FAMILIES.get(field["type"], field["type"]), full

    check(template()["properties"], "")


def test_template_keeps_nanoseconds_and_leaves_arrays_out():
    mappings = template()
    for path in ("@timestamp", "event.created", "event.start", "event.end", "process.start", "Target.process.start",
                 "pvmtrace.since", "pvmtrace.until", "pvmtrace.first", "pvmtrace.last"):
        assert mapping_of(mappings, path)["type"] == "date_nanos", path
    for side in ("local", "remote"):
        for key in ("iov", "iov_exit", "unread"):
            assert mapping_of(mappings, f"pvmtrace.{side}.{key}") == {}
    # ES|QL does not mix long with unsigned_long, and no number is above 2^53-1.
    assert "unsigned_long" not in TEMPLATE.read_text()
    # New keys of later versions are kept as they came, and refuse no document.
    assert mappings["properties"]["pvmtrace"]["dynamic"] is False
