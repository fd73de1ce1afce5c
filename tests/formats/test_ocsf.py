# SPDX-License-Identifier: Apache-2.0
"""Lines of the ocsf format against what the Open Cybersecurity Schema Framework requires.

The lists are from OCSF 1.6.0 (github.com/ocsf/ocsf-schema): events/base_event.json,
events/system/system.json and events/system/memory_activity.json for the classes, objects/*.json for
the objects, dictionary.json for the types.
"""

import datetime
import json

import pytest

import golden

VERSION = "1.6.0"

BASE_EVENT = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
MEMORY_ACTIVITY = BASE_EVENT | {"actor", "device", "process"}

# Of an object: what it requires, of what it needs one, and what of the rest is used here.
OBJECTS = {
    "metadata": ({"product", "version"}, set(),
                 {"original_time", "logged_time", "sequence", "uid", "event_code", "profiles"}),
    "metadata.product": (set(), {"name", "uid"}, {"vendor_name", "version"}),
    "device": ({"type_id"}, {"uid", "hostname", "name", "ip", "instance_uid"}, {"boot_uid", "os"}),
    "device.os": ({"name", "type_id"}, set(), {"kernel_release"}),
    "actor": (set(), {"process", "user"}, set()),
    "actor.user": (set(), {"uid", "name"}, set()),
}
PROCESS = {
    "": (set(), {"pid", "uid"}, {"name", "ptid", "namespace_pid", "file", "cmd_line", "created_time", "user",
                                 "session", "container", "parent_process"}),
    ".file": ({"name", "type_id"}, set(), {"path", "is_deleted"}),
    ".user": (set(), {"uid", "name"}, set()),
    ".session": (set(), set(), {"uid"}),
    ".container": (set(), {"uid", "name"}, set()),
    ".parent_process": (set(), {"pid", "uid"}, {"name", "created_time", "file"}),
    ".parent_process.file": ({"name", "type_id"}, set(), {"path"}),
}
OBJECTS.update({f"{where}{part}": rule for where in ("process", "actor.process")
                for part, rule in PROCESS.items()})

NUMBERS = {"time", "category_uid", "class_uid", "activity_id", "type_uid", "severity_id", "status_id",
           "logged_time", "sequence", "type_id", "pid", "count", "start_time", "end_time", "ptid", "namespace_pid",
           "created_time", "size"}
BOOLEANS = {"is_deleted"}


def lines(max_line):
    return [json.loads(line) for line in golden.replay("ocsf", "--data", "256", "--max-line", str(max_line))]


def at(line, path):
    for name in path.split("."):
        if not isinstance(line, dict) or name not in line:
            return None
        line = line[name]
    return line


def check_types(value, path=""):
    for key, below in value.items():
        if key == "unmapped":
            continue
        if isinstance(below, dict):
            check_types(below, f"{path}{key}.")
        elif key == "profiles":
            assert all(type(one) is str for one in below)
        else:
            kind = int if key in NUMBERS else bool if key in BOOLEANS else str
            assert type(below) is kind, f"{path}{key}: {below!r}"


@pytest.mark.parametrize("max_line", [1024, 2000, 8000])
def test_required(max_line):
    for line in lines(max_line):
        is_call = line["class_uid"] == 1004
        assert (MEMORY_ACTIVITY if is_call else BASE_EVENT) <= set(line)
        assert line["type_uid"] == line["class_uid"] * 100 + line["activity_id"]
        assert line["category_uid"] == line["class_uid"] // 1000
        assert line["metadata"]["version"] == VERSION
        for path, (needed, one_of, others) in OBJECTS.items():
            found = at(line, path)
            if found is None:
                continue
            assert needed <= set(found), path
            assert not one_of or one_of & set(found), path
            assert set(found) <= needed | one_of | others, path
        check_types(line)


def test_top_level_attributes():
    known = MEMORY_ACTIVITY | {"status_id", "status", "status_code", "base_address", "size", "unmapped",
                               "activity_name", "message", "count", "start_time", "end_time"}
    for line in lines(8000):
        assert set(line) <= known


def test_enumerations():
    captions = {0: "Unknown", 1: "Success", 2: "Failure"}
    for line in lines(8000):
        assert line["status"] == captions[line["status_id"]]
        assert line["severity_id"] in range(0, 7)
        assert line["activity_id"] in ((7, 8) if line["class_uid"] == 1004 else (99,))


def test_agrees_with_the_json_format():
    """The same facts, read from the lines of the default format."""
    plain = [json.loads(line) for line in golden.replay("json")]
    ocsf = lines(8000)
    assert len(plain) == len(ocsf)
    whole = False
    for p, o in zip(plain, ocsf):
        assert o["metadata"]["original_time"] == p["time"] and o["metadata"]["sequence"] == p["seq"]
        assert (p["id"], p["run"]) == (o["metadata"]["uid"], o["unmapped"]["run"])
        told = datetime.datetime.fromisoformat(p["told"][:23] + "+00:00")
        assert o["metadata"]["logged_time"] == round(told.timestamp() * 1000)
        if p["type"] == "process_vm_summary":
            check_summary(p, o)
            continue
        if p["type"] != "process_vm_access":
            assert o["class_uid"] == 0 and o["activity_name"] == p["type"]
            continue
        assert o["activity_id"] == {"read": 7, "write": 8}[p["op"]]
        assert o["metadata"]["event_code"] == p["syscall"]
        assert o["status_id"] == {"unknown": 0, "success": 1, "failure": 2}[p["outcome"]]
        assert o.get("size") == p["bytes_requested"]
        assert p["error"] is None or o["status_code"] == p["error"]
        first = [e["base"] for e in p["remote"]["iov"] if e["len"]]
        assert o.get("base_address") == (first[0] if first else None)
        check_process(p["caller"], o["actor"]["process"])
        assert o["actor"].get("user") == o["actor"]["process"].get("user")
        if p["target"]["resolved"]:
            check_process(p["target"], o["process"])
        else:
            assert o["process"] == {"uid": f"unresolved:{p['target']['kind']}:{p['target']['arg']}"}
        whole |= all({"uid", "created_time", "file"} <= set(process.get("parent_process", {}))
                     for process in (o["actor"]["process"], o["process"]))
        rest = o["unmapped"]
        assert rest["caller"].get("args") == p["caller"]["args"]
        assert rest.get("duration_ns") == p["duration_ns"] and rest.get("ret") == p["ret"]
        for side in ("local", "remote"):
            for key in ("addr", "count", "captured", "status", "iov", "iov_exit", "total_len", "changed"):
                assert rest[side].get(key) == p[side][key]
    assert whole, "no event has all of both parents"


def check_summary(p, o):
    assert o["class_uid"] == 1004 and o["activity_id"] == {"read": 7, "write": 8}[p["op"]]
    assert o["status_id"] == {"unknown": 0, "success": 1, "failure": 2}[p["outcome"]]
    assert o["count"] == p["calls"] and o["time"] == o["end_time"]
    assert o["start_time"] <= o["end_time"]
    check_process(p["caller"], o["actor"]["process"])
    if p["target"]["resolved"]:
        check_process(p["target"], o["process"])
    else:
        assert o["process"] == {"uid": f"unresolved:{p['target']['kind']}:{p['target']['arg']}"}
    for key in ("reason", "calls", "first", "last", "bytes_transferred", "duration_ns", "abis", "changed", "low", "high"):
        assert o["unmapped"].get(key) == p[key], key
    assert o["unmapped"].get("errors", {}) == p["errors"]


def parent_of(plain):
    """All that is told of a process's parent in the default format."""
    behind = plain.get("parent") or next(iter(plain.get("ancestors") or []), None) or {}
    out = {"pid": plain["ppid"], "name": plain["pcomm"], "uid": behind.get("entity_id")}
    if behind:
        start = datetime.datetime.fromisoformat(behind["start"][:23] + "+00:00")
        out["created_time"] = round(start.timestamp() * 1000)
    if behind.get("exe"):
        out["file"] = {"name": behind["exe"].rpartition("/")[2], "path": behind["exe"], "type_id": 1}
    return {key: value for key, value in out.items() if value is not None}


def check_process(plain, process):
    assert process["pid"] == plain["pid"] and process["ptid"] == plain["tid"]
    assert process.get("parent_process", {}) == parent_of(plain)
    assert process.get("uid") == plain["entity_id"] and process.get("name") == plain["comm"]
    assert process.get("user") == (None if plain["uid"] is None else {"uid": str(plain["uid"])})
    if plain["exe"] is not None:
        assert process["file"]["path"] == plain["exe"]
        assert plain["exe"].endswith(process["file"]["name"])
        assert process["file"].get("is_deleted") == plain["exe_deleted"]
    if plain["args"] is not None:
        assert process["cmd_line"] == " ".join(plain["args"])
