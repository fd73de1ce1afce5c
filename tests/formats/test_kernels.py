# SPDX-License-Identifier: Apache-2.0
"""docs/kernels.md says what it is of, and its figures stand nowhere else; and how a part of it is written."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "vm"))

import kept  # noqa: E402
import live  # noqa: E402
import load  # noqa: E402
import load_section  # noqa: E402
import report  # noqa: E402

KERNELS = (ROOT / "docs" / "kernels.md").read_text()


def first_table(text):
    return re.search(r"(?:^\|.*\n)+", text, re.M)[0].splitlines()


def test_the_numbers_stand_in_one_place():
    figures = {cell for row in first_table(KERNELS)[2:] for cell in re.findall(r"\d+/\d+", row)}
    assert len(figures) > 5
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        assert path.name == "kernels.md" or not figures & set(re.findall(r"\d+/\d+", path.read_text())), path


def test_of_which_tree_and_compilers():
    """What compilers the row of the checks names, those have rows of their own, and no other is claimed."""
    head = KERNELS[:KERNELS.index("\n| | ")]
    commit = re.search(r"commit (\w{7,})", head)
    assert commit
    claimed = re.search(r"^\| checks, built by (.*?) \|", KERNELS, re.M)[1].split(", ")
    assert claimed == re.findall(r"^\| all checks, (\S+) \|", KERNELS, re.M)


@pytest.mark.parametrize("status", [0, 1, 2, 124])
def test_a_run_that_was_cut_off_is_none(status):
    """Its tests that never ran are missing in the report, and nothing else says so."""
    case = '<testcase classname="tests.vm.test_load" name="test_each[hogs]"/>'
    text = f"@status {status}\n@report\n <testsuite>{case}</testsuite>\n\n@end\n"
    lived, loads = live.parse(text), load.parse(text, "load")
    assert lived["test_load", "test_each[hogs]"].verdict == loads["load", "hogs"].verdict == "ok"
    assert [r.verdict for r in (*lived.values(), *loads.values())].count("FAIL") == (2 if status > 1 else 0)


@pytest.mark.parametrize("status", [1, 137])
def test_a_run_without_a_report_is_none(status):
    """As when pytest does not end by itself, and is killed."""
    text = f"@status {status}\n@report\n\n@end\n"
    assert [r.verdict for r in (*live.parse(text).values(), *load.parse(text, "load").values())] == ["FAIL"] * 2


def without_load():
    """The document before any call was put under load."""
    bare = re.sub(rf"^{load_section.TITLE}\n.*?(?=^## )", "", KERNELS, flags=re.M | re.S)
    return re.sub(rf"^\| {load_section.ROW} \|.*\n", "", bare, flags=re.M)


def loaded(made, missing=0, **phases):
    """One result of calls under load."""
    figures = {"made": made, "missing": missing, "phases": phases, "unseen": missing, "lost": {}}
    return load.Result("ok", "", figures)


def stopped(*incomplete):
    return load.Result("ok", "", {"complete": not incomplete, "incomplete": incomplete})


@pytest.fixture(name="columns")
def two_columns(monkeypatch):
    monkeypatch.setattr(kept, "when", lambda name, part: "commit 1234567 on 2026-01-02")
    new, old = report.Column("newest"), report.Column("6.1")
    new.title, new.release, old.title, old.release = "7.3.4", "7.3.4+deb13-amd64", "6.1.0-50", "6.1.0-50-amd64"
    for part in load.PASSES[:2]:
        new.load[part, "tracepoint: hogs"] = loaded(100, complete=100)
        new.load[part, "tracepoint: map writer"] = loaded(90, 1, complete=80, ended=9)
    old.load["load", "tracepoint: hogs"] = loaded(50, complete=50)
    old.load["load", "fentry: stop"] = stopped("hooks_skipped")
    return [new, old]


def test_cells_are_exact_or_explained(columns):
    lines = load_section.lines(columns)
    assert "| | 7.3.4 | 7.3.4, preempt=full | 6.1.0-50 |" in lines
    assert "| tracepoint: hogs | 100 | 100 | 50 |" in lines
    cell = "**89** of 90 (9 ended, 1 unseen) [1]"
    assert f"| tracepoint: map writer | {cell} | {cell} | - |" in lines
    assert "| fentry: stop | - | - | not complete (hooks_skipped) [2] |" in lines
    assert lines[-2].startswith("1. ") and "bpf_prog_active" in lines[-2] and lines[-1].startswith("2. ")
    assert "| commit | 1234567 on 2026-01-02 | 1234567 on 2026-01-02 | 1234567 on 2026-01-02 |" in lines


def test_what_did_not_run_stays_as_it_was(columns, monkeypatch):
    """Its cells, their reasons and its commit; what ran apart from the rest of its column is told with a commit of its own."""
    text = report.with_load(without_load(), columns)
    monkeypatch.setattr(kept, "when", lambda name, part: "commit 89abcde on 2026-01-03")
    old, newer, arm = (report.Column(name) for name in ("6.1", "5.10", "arm64-newest"))
    old.title, old.release, newer.title, newer.release = "6.1.0-50", "6.1.0-50-amd64", "5.10.0-32", "5.10.0-32-amd64"
    arm.title, arm.release = "7.3.4 arm64", "7.3.4+deb13-arm64"
    old.load["load", "fentry: stop"] = stopped()
    newer.load["load", "tracepoint: hogs"] = loaded(7, complete=7)
    arm.load["load", "tracepoint: hogs"] = load.Result("FAIL", "it fell", None)
    section = load_section.written(report.with_load(text, [old, newer, arm]))
    before = load_section.written(text)
    assert section["7.3.4"] == before["7.3.4"] and section["7.3.4, preempt=full"] == before["7.3.4, preempt=full"]
    changed = {name for name, cell in section["6.1.0-50"].items() if cell != before["6.1.0-50"][name]}
    assert changed == {"fentry: stop", "commit"} and section["6.1.0-50"]["fentry: stop"].text == "complete"
    assert section["6.1.0-50"]["commit"].text == f"{before['6.1.0-50']['commit'].text}; fentry: 89abcde on 2026-01-03"
    assert section["5.10.0-32"] == {"tracepoint: hogs": ("7", None), "commit": ("89abcde on 2026-01-03", None)}
    assert section["7.3.4 arm64"]["commit"].text == "89abcde on 2026-01-03, short"
    assert load_section.counts([arm], text)["7.3.4 arm64"] == "0/1"


def test_no_cell_is_let_pass(columns):
    """What no reason fits is no cell to be written as if it were explained."""
    assert load_section.reason("tracepoint: hogs", loaded(10, 1, complete=9), "7.3.4", "load") == load_section.UNKNOWN
    assert load_section.reason("tracepoint: hogs", load.Result("FAIL", "it\nfell", None), "7.3.4", "load") == "FAIL: it fell"
    assert all(load_section.reason(key[1], r, c.release, key[0]) is None for c in columns for key, r in c.load.items() if "hogs" in key[1])


def test_one_section_is_written(columns):
    """The others stay as they are, and a second time changes nothing."""
    bare = without_load()
    written = report.with_load(bare, columns)
    assert report.with_load(written, columns) == written
    added = [line for line in written.splitlines() if line not in set(bare.splitlines())]
    assert set(added) <= set("\n".join(load_section.lines(columns)).splitlines()) | {first_table(written)[-1]}
    assert re.findall("^## .*", written, re.M).index(load_section.TITLE) == len(re.findall("^## .*", bare, re.M)) - 1
    row = dict(zip(first_table(written)[0].split(" | ")[1:], first_table(written)[-1].split(" | ")[1:]))
    assert row["7.3.4"] == "4/4" and row["6.1.0-50"] == "2/2" and row["6.12.117"] == "-"


def test_what_ran_apart_is_called_by_its_way():
    old = {name: load_section.Cell("1", None) for name in ("a: x", "a: y", "a: z", "b: x", load_section.RUN)}
    for ran, told in (("xyz", "a"), ("xy", "a without z"), ("z", "a: z")):
        new = {f"a: {name}": load_section.Cell("2", None) for name in ran}
        out = load_section.joined(old, {**new, load_section.RUN: load_section.Cell("later", None)})
        assert out[load_section.RUN].text == f"1; {told}: later" and [out[name].text for name in new] == ["2"] * len(ran)
        assert out["b: x"].text == "1"
