# SPDX-License-Identifier: Apache-2.0
"""docs/evasion.md has each kind of technique, and names a test for each one: those tests exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")]
        for line in (ROOT / "docs" / "evasion.md").read_text().splitlines() if line.startswith("| ")]
ROWS = [row for row in ROWS if row[0] != "no."]
# Nine kinds that hide a call, and nine that have it told wrongly; the table may have more.
KINDS = [f"{part}.{kind}" for part in (1, 2) for kind in range(1, 10)] + [f"5.{kind}" for kind in range(1, 11)]


def has_test(file, name):
    """A function that is defined in the file."""
    text = (ROOT / "tests" / file).read_text()
    if file.endswith(".py"):
        return re.search(rf"^def {name}\(", text, re.M)
    return re.search(rf"^(?:static )?\w[\w *]*\b{name}\(", text, re.M)


def test_there_are_rows():
    assert len(ROWS) >= 30


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_row(kind):
    assert [row for row in ROWS if row[0] == kind]


def test_no_table_has_a_gap():
    """A blank line ends a table: what follows is no row of it."""
    text = (ROOT / "docs" / "evasion.md").read_text()
    assert not re.search(r"^\|.*\|\n\n\|", text, re.M)


def test_rows_are_in_order():
    kinds = [tuple(map(int, row[0].split("."))) for row in ROWS]
    assert kinds == sorted(kinds)


@pytest.mark.parametrize("document", ["README.md", "docs/pvmtrace.8"])
def test_a_reader_is_led_to_it(document):
    assert "evasion.md" in (ROOT / document).read_text()


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {row[1][:40]}" for row in ROWS])
def test_a_row_names_tests_that_exist(row):
    *others, shown, tests = row[1:]
    assert len(row) == (5 if row[0].startswith("5.") else 4) and all(others) and shown
    file, found = None, 0
    for name in re.findall(r"`([^`]+)`", tests):
        path, _, function = name.partition("::")
        file = path or file
        assert (ROOT / "tests" / file).is_file(), name
        assert not function or has_test(file, function), name
        found += 1
    assert found
