# SPDX-License-Identifier: Apache-2.0
"""docs/evasion.md names a test for each technique: those tests exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")]
        for line in (ROOT / "docs" / "evasion.md").read_text().splitlines() if line.startswith("| ")]
ROWS = [row for row in ROWS if row[0] != "technique"]


def has_test(file, name):
    """A function that is defined in the file."""
    text = (ROOT / "tests" / file).read_text()
    if file.endswith(".py"):
        return re.search(rf"^def {name}\(", text, re.M)
    return re.search(rf"^(?:static )?\w[\w *]*\b{name}\(", text, re.M)


def test_there_are_rows():
    assert len(ROWS) >= 30


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:40] for row in ROWS])
def test_a_row_names_tests_that_exist(row):
    technique, shown, tests = row
    assert technique and shown
    file, found = None, 0
    for name in re.findall(r"`([^`]+)`", tests):
        path, _, function = name.partition("::")
        file = path or file
        assert (ROOT / "tests" / file).is_file(), name
        assert not function or has_test(file, function), name
        found += 1
    assert found
