# SPDX-License-Identifier: Apache-2.0
"""Records against the published schema. As a program: the lines of stdin."""

import collections
import json
import re
import sys
import threading
from pathlib import Path

try:
    import jsonschema
except ImportError:  # then test_schema skips, aloud
    jsonschema = None

PATH = Path(__file__).resolve().parent.parent.parent / "docs" / "pvmtrace-event.schema.json"

# A validation takes milliseconds, too long for each of tens of thousands of lines. So of those that differ in
# nothing but digits (the range of numbers is checked elsewhere, for every line that is parsed) the first
# ones are validated, then every n-th.
FIRST = 3
THEN_EVERY = 1000
NUMBERS = re.compile(rb"[0-9a-f]*[0-9][0-9a-f]*")

_lock = threading.Lock()  # a validator is no thread's alone
_validator = None
_valid = collections.Counter()  # by the line without its digits


def _complaint(record):
    global _validator
    if _validator is None:
        _validator = jsonschema.Draft202012Validator(json.loads(PATH.read_text()))
    for error in _validator.iter_errors(record):
        where = ".".join(map(str, error.absolute_path))
        return f"not by the schema: {where or 'the record'}: {error.message[:400]}"
    return None


def complaint(record, line):
    """What the schema has against a line; None: nothing."""
    if jsonschema is None:
        return None
    shape = hash(NUMBERS.sub(b"0", line))
    with _lock:
        seen = _valid[shape]
        found = _complaint(record) if seen < FIRST or seen % THEN_EVERY == 0 else None
        if found is None:
            _valid[shape] += 1
        return found


def main():
    if jsonschema is None:
        print("python3-jsonschema is not installed", file=sys.stderr)
        return 77
    status = 0
    for line in sys.stdin.buffer:
        found = _complaint(json.loads(line))
        if found:
            print(f"{found}: {line.decode(errors='replace')[:600]}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
