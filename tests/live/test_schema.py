# SPDX-License-Identifier: Apache-2.0
"""The published schema itself. That lines keep to it is checked where they are read (pvm_stream)."""

import copy
import importlib
import json
import os
import subprocess

import pytest

import pvm_schema
from needs import node_modules, require
from pvm import pvmtrace, trigger_one

TAGS = {"K", "U", "TOCTOU", "OPT"}
SCHEMA = json.loads(pvm_schema.PATH.read_text())
DEFS = SCHEMA["$defs"]
# The keys that say nothing about an argument of the call, nor about what came of it.
UNTAGGED = {"time", "schema", "type", "seq", "told", "run", "id", "phase", "caller", "target", "relation", "truncated", "omitted", "host"}
UNTAGGED_OF_SUMS = UNTAGGED | {"reason", "first", "last"}


@pytest.fixture
def jsonschema():
    require("module:fastjsonschema", "module:jsonschema")  # without the first no line was held against the schema
    return importlib.import_module("jsonschema")


def test_printed():
    run = pvmtrace("--schema")
    assert run.status == 0 and run.err == ""
    assert run.out == pvm_schema.PATH.read_bytes()


def test_is_a_schema(jsonschema):
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def objects(schema, path="$"):
    """Every schema of an object with properties, with its place."""
    if isinstance(schema, list):
        for i, value in enumerate(schema):
            yield from objects(value, f"{path}[{i}]")
    elif isinstance(schema, dict):
        if "properties" in schema and "type" in schema:
            yield path, schema
        for key, value in schema.items():
            yield from objects(value, f"{path}.{key}")


def test_nothing_else_is_allowed():
    found = dict(objects({"$defs": DEFS}))
    assert len(found) > 15
    for path, schema in found.items():
        assert schema["additionalProperties"] is False, path
        for pattern in schema.get("patternProperties", {}):
            assert pattern.endswith("_hex$"), path
    # Every type of record is reached by its name.
    types = SCHEMA["properties"]["type"]["enum"]
    assert [rule["then"]["$ref"] for rule in SCHEMA["allOf"]] == [f"#/$defs/{t}" for t in types]


def keys(schema, path, untagged=()):
    """(path, schema) of each key of it, and of what is below that."""
    for key, inner in schema.get("properties", {}).items():
        if key not in untagged:
            yield f"{path}{key}", inner
            yield from keys(inner, f"{path}{key}.")
    yield from keys(schema["items"], path) if "items" in schema else ()


def tagged():
    """The same of each key that is an argument or came of one."""
    yield from keys(DEFS["process_vm_access"], "", UNTAGGED)
    yield from keys(DEFS["process_vm_summary"], "summary.", UNTAGGED_OF_SUMS)
    for name in ("caller", "target", "ancestors", "relation", "access", "region", "array", "element"):
        yield from keys(DEFS[name], f"{name}.")


def test_tags():
    assert [path for path, schema in tagged() if "x-tags" not in schema] == []
    tags = {path: (set(schema["x-tags"]), schema) for path, schema in tagged()}
    assert {"caller.session_leader.comm", "data.hex", "array.pinned.pages", "summary.abis.calls"} <= tags.keys()
    for path, (has, schema) in tags.items():
        assert has and has <= TAGS, path
        if "type" in schema:
            assert ("OPT" in has) == ("null" in schema["type"]), path
        assert ("K" in has) or ("U" in has), path
        assert "U" in has or "TOCTOU" not in has, path
    # Read from the caller's memory, which it can change until the kernel reads it.
    for path in ("element.base", "element.len", "array.iov", "array.iov_exit", "array.total_len",
                 "bytes_requested", "caller.args"):
        assert {"U", "TOCTOU"} <= tags[path][0], path
    # What the kernel says of an address that was read from there.
    for key in DEFS["region"]["properties"]:
        assert tags[f"region.{key}"][0] == {"K", "U", "TOCTOU"} | ({"OPT"} if key != "elements" else set()), key
    # The registers.
    for path in ("target.arg", "array.addr", "array.count", "flags"):
        assert tags[path][0] == {"K"}, path


def without(record, path):
    """The record without one key."""
    out = copy.deepcopy(record)
    *way, last = path.split(".")
    at = out
    for key in way:
        at = at[key]
    del at[last]
    return out


def paths(value, at=""):
    for key, inner in value.items():
        yield at + key
        if isinstance(inner, dict):
            yield from paths(inner, f"{at}{key}.")


def test_is_strict(jsonschema, tracer):
    """A real record is valid; with a key missing, one too many, or one of another type it is not."""
    both = (jsonschema.Draft202012Validator(SCHEMA).is_valid, lambda r: not pvm_schema.complaint(r))

    def is_valid(record):
        """By the draft that the schema names, and by the quick check of every line."""
        verdicts = {valid(record) for valid in both}
        assert len(verdicts) == 1, record
        return verdicts.pop()

    done = trigger_one("pvmcall", "pair")
    record = tracer.of(done["pid"])[0]
    assert is_valid(record)
    for path in paths(record):
        assert not is_valid(without(record, path)), path
        more = without(record, path)
        at = more
        for key in path.split(".")[:-1]:
            at = at[key]
        at[path.split(".")[-1]] = {"no": "such"}
        assert not is_valid(more), path
        at = copy.deepcopy(record)
        inner = at
        for key in path.split("."):
            inner = inner[key]
        if isinstance(inner, dict):
            inner["surplus"] = 1
            assert not is_valid(at), path
    assert not is_valid({**record, "surplus": 1})


AJV = """
const Ajv = require("ajv/dist/2020"), formats = require("ajv-formats");
const ajv = new Ajv({strict: true, allErrors: true, allowUnionTypes: true, strictRequired: false,
                     strictTypes: false});
formats(ajv);
ajv.addKeyword("x-tags");
const check = ajv.compile(JSON.parse(require("fs").readFileSync(process.argv[1])));
let count = 0;
for (const line of require("fs").readFileSync(0, "utf8").split("\\n").filter((l) => l)) {
    count++;
    if (!check(JSON.parse(line))) {
        console.log(JSON.stringify(check.errors.slice(0, 3)), line.slice(0, 600));
        process.exit(1);
    }
}
console.log(count);
"""


@pytest.mark.needs("ajv")
def test_second_implementation(tracer):
    """The same by ajv, which reads schemas more strictly."""
    done = trigger_one("pvmcall", "pair")
    lines = "".join(json.dumps(r) + "\n" for r in [tracer.start, *tracer.of(done["pid"])])
    run = subprocess.run(["node", "-e", AJV, "--", str(pvm_schema.PATH)], input=lines, text=True,
                         capture_output=True, timeout=120, env={**os.environ, "NODE_PATH": str(node_modules())})
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(run.stdout) == lines.count("\n")
