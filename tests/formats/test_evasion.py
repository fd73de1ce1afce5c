# SPDX-License-Identifier: Apache-2.0
"""docs/evasion.md has each kind of technique, and names a test for each one: those tests exist."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "docs" / "evasion.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in TEXT.splitlines() if re.match(r"\| \d", line)]
# The columns.
NUMBER, TECHNIQUE, OTHERS, SHOWN, TESTS = range(5)
# What pvmtrace does not show stands in bold, and once more in a list.
UNSEEN = re.compile(r"(?i)\bunseen\b|\bnot (?:told|seen|noticed|known|said)\b")
# Nine kinds that hide a call, and nine that have it told wrongly; the table may have more.
KINDS = [f"{part}.{kind}" for part in (1, 2) for kind in range(1, 10)] + [f"5.{kind}" for kind in range(1, 11)]


# What these try is there to hide a call, or to have it told wrongly.
EVASIVE = ["abi", "aggregate_signs", "ancestors", "aside", "audit", "borrowed_memory", "cgroups", "ended", "exe", "filters", "flood", "headless",
           "hostile", "identity", "mapped_files", "namespaces", "opened", "outputs", "passed_over", "phases", "privileges", "record_filters",
           "regions", "relation", "replay", "retarget", "rotation", "rules", "sandbox", "shadow_stacks", "sinks", "state", "summary", "switches",
           "tamper", "watch"]


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
    assert not re.search(r"^\|.*\|\n\n\|", TEXT, re.M)


def test_rows_are_in_order():
    kinds = [tuple(map(int, row[0].split("."))) for row in ROWS]
    assert kinds == sorted(kinds)


@pytest.mark.parametrize("document", ["README.md", "docs/pvmtrace.8"])
def test_a_reader_is_led_to_it(document):
    assert "evasion.md" in (ROOT / document).read_text()


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {row[1][:40]}" for row in ROWS])
def test_a_row_is_whole_and_names_tests_that_exist(row):
    assert len(row) == len((NUMBER, TECHNIQUE, OTHERS, SHOWN, TESTS)) and all(row)
    file, found = None, 0
    for name in re.findall(r"`([^`]+)`", row[TESTS]):
        path, _, function = name.partition("::")
        file = path or file
        assert (ROOT / "tests" / file).is_file(), name
        assert not function or has_test(file, function), name
        found += 1
    assert found


@pytest.mark.parametrize("name", EVASIVE)
def test_each_file_of_such_tests_is_named(name):
    assert [row for row in ROWS if f"`live/test_{name}.py" in row[TESTS]]


def bold(row):
    return re.findall(r"\*\*(.+?)\*\*", row[SHOWN])


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {row[1][:40]}" for row in ROWS])
def test_what_is_unseen_is_said_in_bold(row):
    assert not UNSEEN.search(re.sub(r"\*\*.+?\*\*", "", row[SHOWN]))


def test_what_is_unseen_is_listed_once():
    listed = re.search(r"^## What stays unseen\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)[1]
    numbers = re.findall(r"^- ([\d.]+): ", listed, re.M)
    assert Counter(numbers) == Counter(row[NUMBER] for row in ROWS if bold(row))


@pytest.mark.parametrize("tool", ["Falco", "Tracee", "Tetragon", "quark", "strace", "auditd"])
def test_each_tool_has_its_source(tool):
    assert re.search(rf"^\| {tool} \|.*\|.*\| \S+/\S+ [0-9a-f]{{7}} \(\d{{4}}-\d\d-\d\d\): `", TEXT, re.M)
