# SPDX-License-Identifier: Apache-2.0
"""--omit: of a recording, each line without a part is the whole line without it, and nothing else."""

import importlib
import json
import re
import shlex
import subprocess

import pytest

import golden

FORMATS = {"json": "", "ecs": "pvmtrace.", "ocsf": "unmapped."}
README = (golden.ROOT / "README.md").read_text()
SCHEMA = golden.ROOT / "docs" / "pvmtrace-event.schema.json"


def refusal(part, *args):
    run = subprocess.run([str(golden.PVMTRACE), "--replay", str(golden.RECORDING), "--omit", part, *args],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False, text=True)
    assert (run.returncode, run.stdout) == (64, "")
    return run.stderr


def parts():
    return refusal("nothing").rpartition("allowed: ")[2].strip().split(", ")


def truncated_by_the_schema():
    node = json.loads(SCHEMA.read_text())["$defs"]["process_vm_access"]["properties"]["truncated"]
    return node["items"]["enum"]


def calls(form, *args):
    """The lines of calls and of summaries, and what `start` says is omitted."""
    lines = [json.loads(line) for line in golden.replay(form, *args)]
    own = [line.get(FORMATS[form].rstrip("."), line) for line in lines]
    return [line for line, rest in zip(lines, own) if "phase" in rest or "calls" in rest], own[0]["limits"]["omit"]


def leaves(value, path=""):
    """{path: value}; lists are one value, what is null is none."""
    if isinstance(value, dict):
        return {p: v for key, below in value.items() for p, v in leaves(below, f"{path}.{key}" if path else key).items()}
    return {} if value is None else {path: value}


def covered(name, path, form):
    """Whether the name of a part, one of the format json, may mean the path."""
    who, _, key = name.partition(".")
    if form != "json":
        # ECS and OCSF have keys of their own for much of it, which unit tests of their cuts hold against their names.
        own = {"caller": ("process.", "container.", "actor."), "target": ("Target.process.", "process."),
               "host": ("host.", "device."), "*": ("event.", "metadata.", "unmapped.run")}.get(who, ())
        if path.startswith(own) and own:
            return True
        path = path.removeprefix(FORMATS[form])
    if name == "*":
        return not path.startswith(("caller.", "target.", "relation.", "local.", "remote."))
    return path == name or path.startswith((name.removesuffix("*") if key == "*" else f"{name}.", f"{name}_hex")) or \
        (name in ("caller.args", "caller.ancestors") and path == f"{name}_cut")


def test_parts_are_those_that_can_be_truncated():
    assert sorted(parts()) == sorted(truncated_by_the_schema())


@pytest.mark.parametrize("form", FORMATS)
def test_without_a_part(form):
    whole, none = calls(form, *golden.ASKED_FOR)
    assert none == [] and not any("omitted" in json.dumps(line) for line in whole)
    effect = set()
    for part in parts():
        without, said = calls(form, *golden.ASKED_FOR, "--omit", part)
        assert part in said and len(without) == len(whole)
        for line, full in zip(without, whole):
            have, want = leaves(line), leaves(full)
            assert have.pop(f"{FORMATS[form]}omitted") is True
            for path in set(want) - {f"{FORMATS[form]}truncated"}:
                if have.get(path) != want[path]:
                    effect.add(part)
                    assert any(covered(name, path, form) for name in said) and have.get(path, []) == [], f"{part}: {path}"
            assert set(have) <= set(want)
    # Not each part has something in one of the recording's calls.
    assert len(effect) > 15 and set(parts()) - effect <= {p for p in parts() if "_hex" in p or p == "local.iov_exit"}


@pytest.mark.parametrize("max_line", [1024, 1300, 1700, 2600, 8000])
@pytest.mark.parametrize("form", FORMATS)
def test_what_is_omitted_is_not_truncated(form, max_line):
    """However short the line has to be, and the whole is within its bounds."""
    for omit in (["local", "host"], ["caller.*", "remote.iov_exit"], ["*", "target.*"], parts()):
        args = [word for part in omit for word in ("--omit", part)]
        for line in golden.replay(form, "--max-line", str(max_line), "--iov-limit", "all", *args):
            assert len(line) <= max_line
            record = json.loads(line)
            rest = record.get(FORMATS[form].rstrip("."), record)
            if "omitted" in rest:
                names = [name.removeprefix(FORMATS[form]) for name in rest["truncated"]]
                assert not set(names) & set(omit), names


@pytest.mark.needs("module:fastjsonschema")
def test_by_the_schema():
    fastjsonschema = importlib.import_module("fastjsonschema")
    draft = {"$schema": "http://json-schema.org/draft-07/schema#"}
    validate = fastjsonschema.compile({**json.loads(SCHEMA.read_text()), **draft})
    for omit in [[part] for part in parts()] + [parts()]:
        for max_line in (1024, 8000):
            args = [word for part in omit for word in ("--omit", part)]
            for line in golden.replay("json", "--max-line", str(max_line), *args):
                validate(json.loads(line))


@pytest.mark.parametrize("column, form", enumerate(FORMATS))
def test_presets_of_the_readme(column, form):
    """Their bytes change with each new key: within a twentieth they are not worth a change."""
    rows = re.findall(r"^\| (full|lean|minimal) \| (?:`(.*)`)? ?\| (\d+) \| (\d+) \| (\d+) \|$", README, re.M)
    assert [name for name, *_ in rows] == ["full", "lean", "minimal"]
    for name, options, *told in rows:
        line = golden.replay(form, "-c", "1", *shlex.split(options))[1]
        assert abs(len(line) - int(told[column])) < len(line) / 20, f"{name}: {len(line)}"


@pytest.mark.parametrize("key", ["type", "time", "op", "ret", "outcome", "caller.pid", "target.pid", "target", "id", "seq"])
def test_what_tells_which_call_it_was_stays(key):
    assert re.search(rf"--omit: '{key}' tells which call it was", refusal(key))


def test_an_unknown_part_and_a_format_without_parts():
    assert "--omit: 'caller.nose' is no part of a line; allowed: " in refusal("caller.nose")
    assert "--format text" in refusal("local", "-f", "text")
