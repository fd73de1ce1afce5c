# SPDX-License-Identifier: Apache-2.0
"""tests/rooms.py finds what it is there for: it is given graphs with and without a fault."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import rooms  # noqa: E402


@pytest.fixture(autouse=True)
def at_the_top(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_each_room_has_a_row():
    allowed, wrong = rooms.rooms_allowed()
    there = {f"user/{name}/" for name in os.listdir("user") if (ROOT / "user" / name).is_dir()} | {"user/"}
    assert wrong == [] and set(allowed) == there


@pytest.mark.parametrize("graph, found", [
    ({}, []),
    ({"a": ["b", "c"], "b": ["c"], "c": []}, []),
    ({"a": ["b"], "b": ["a"]}, [["a", "b"]]),
    ({"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": []}, [["a", "b", "c"]]),
    ({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c", "a"]}, [["a", "b"], ["c", "d"]]),
])
def test_circles(graph, found):
    assert rooms.circles(graph) == found


def test_a_room_below_knows_none_above():
    allowed, _ = rooms.rooms_allowed()
    first, last = list(allowed)[0], "user/"
    below, above = first[len("user/"):] + "x", "y"
    assert rooms.check_rooms({(above, below, "")}) == []
    wrong, = rooms.check_rooms({(below, above, 'it includes "y.h"')})
    assert first in wrong and last in wrong and 'it includes "y.h"' in wrong
    wrong, = rooms.check_rooms({("nowhere/x", below, "")})
    assert "is not in the table" in wrong


@pytest.mark.parametrize("included, called, found", [
    ({"a.c": {"a.h", "b.h"}, "a.h": set(), "b.c": {"b.h"}, "b.h": set()}, {"a": {"b": {"f"}}}, []),
    ({"a.h": {"b.h"}, "b.h": {"a.h"}}, {}, ["headers include each other"]),
    ({"a.c": {"b.h"}, "a.h": set(), "b.c": {"a.h"}, "b.h": set()}, {}, ["include each other's headers"]),
    ({}, {"a": {"b": {"f"}}, "b": {"a": {"g"}}}, ["files call each other: a -> b (f); b -> a (g)"]),
])
def test_files_know_each_other_one_way(included, called, found):
    wrong = rooms.check_circles(included, called)
    assert len(wrong) == len(found) and all(part in line for part, line in zip(found, wrong))


@pytest.mark.parametrize("text, found", [
    ("int f(void)\n{\n}\n", True),
    ('int f(void) { /* not f() */\n\tsay("f"); // f\n}\n', True),
    ("int f(void)\n{\n}\n\nint g(void)\n{\n\treturn f();\n}\n", False),
    ("extern int f;\n", False),
])
def test_what_only_tests_call_is_not_there(tmp_path, monkeypatch, text, found):
    for name, content in {"user/a.c": text, "tests/unit/test_a.c": ""}.items():  # the test is not built
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    assert ["f is called by nobody but tests" in line for line in rooms.check_static({"f": "a"}, {})] == [True] * found
    assert rooms.check_static({"f": "a"}, {"b": {"a": {"f"}}}) == []


def test_unit_tests_have_the_same_rooms():
    """Each room has tests, in a folder of its name."""
    folders = {path.name: [*path.glob("test_*.c")] for path in (ROOT / "tests" / "unit").iterdir() if path.is_dir()}
    assert set(folders) == {path.name for path in (ROOT / "user").iterdir() if path.is_dir()} and all(folders.values())
