# SPDX-License-Identifier: Apache-2.0
"""Records against the published schema. As a program: the lines of stdin."""

import json
import sys
from pathlib import Path

try:
    import fastjsonschema
except ImportError:  # then test_schema skips, aloud
    fastjsonschema = None

PATH = Path(__file__).resolve().parent.parent.parent / "docs" / "pvmtrace-event.schema.json"
# fastjsonschema makes a program of a schema, an eighth of python3-jsonschema's time for a line: so every line is
# checked. It stops at draft 7, which means the same by all the words that the schema uses (test_schema
# holds it against an implementation of the draft that the schema names).
DRAFT = "http://json-schema.org/draft-07/schema#"

_validate = None


def complaint(record):
    """What the schema has against a record; None: nothing."""
    global _validate
    if fastjsonschema is None:
        return None
    if _validate is None:
        _validate = fastjsonschema.compile({**json.loads(PATH.read_text()), "$schema": DRAFT})
    try:
        _validate(record)
    except fastjsonschema.JsonSchemaException as e:
        return f"not by the schema: {e.message[:400]}"
    return None


def main():
    if fastjsonschema is None:
        print("python3-fastjsonschema is not installed", file=sys.stderr)
        return 77
    status = 0
    for line in sys.stdin.buffer:
        found = complaint(json.loads(line))
        if found:
            print(f"{found}: {line.decode(errors='replace')[:600]}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
