# SPDX-License-Identifier: Apache-2.0
"""tests/fields.py finds what it is there for: it is given structs with and without a member that nobody reads."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import fields  # noqa: E402

STRUCT = "struct thing {\n\tint first, planted[4]; /* x.planted */\n};\nint f(struct thing *x)\n{\n\treturn x->first%s;\n}\n"


@pytest.mark.parametrize("use, found", [
    ("", ["a.c:2: planted is read nowhere"]),
    (";\n\tx->planted[0] = 1", ["a.c:2: planted is read nowhere"]),
    (";\n\tx->planted[0]++;\n\tx->planted[1] |= 2", ["a.c:2: planted is read nowhere"]),
    (";\n\t*x = (struct thing){ .planted = { 1 } }", ["a.c:2: planted is read nowhere"]),
    (' + puts("x.planted")', ["a.c:2: planted is read nowhere"]),
    (" + x->planted[0]", []),
    (" == x->planted[1] == 2", []),
    (";\n\t*x->planted = 1", []),
    (" + offsetof(struct thing, planted)", []),
])
def test_a_member_that_nobody_reads(use, found):
    assert fields.check({"a.c": fields.code_of(STRUCT % use)}) == found


def test_the_tree_is_looked_at(monkeypatch):
    monkeypatch.chdir(ROOT)
    there = {(struct, name) for code in fields.sources().values() for struct, name, _ in fields.members(code)}
    assert {("call_info", "outcome"), ("kernel_ops", "counts"), ("option_def", "set"), ("recording_header", "fentry")} <= there
    assert set(fields.WHOLE) <= {struct for struct, _ in there}
