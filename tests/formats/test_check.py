# SPDX-License-Identifier: Apache-2.0
"""What tests/check says at its end: it is what continuous integration goes by."""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import reruns
from golden import ROOT


@pytest.fixture
def check(monkeypatch, tmp_path):
    """The program as a module, whose parts do nothing but what a test has them do."""
    loader = importlib.machinery.SourceFileLoader("check", str(ROOT / "tests" / "check"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "OUT", tmp_path)
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    monkeypatch.delenv(reruns.VARIABLE, raising=False)
    return module


def last_line(check, monkeypatch, capsys, part):
    monkeypatch.setitem(check.PARTS, "unit", part)
    monkeypatch.setattr(sys, "argv", ["check", "unit"])
    status = check.main()
    return status, capsys.readouterr().out.splitlines()[-1]


def test_counts(check, monkeypatch, capsys):
    def part(total, _):
        total.passed, total.skipped = 3, 1
    assert last_line(check, monkeypatch, capsys, part) == (0, "3 passed, 0 failed, 1 skipped")


def test_what_dies_has_failed(check, monkeypatch, capsys):
    def part(_total, _):
        raise RuntimeError("no such thing")
    assert last_line(check, monkeypatch, capsys, part) == (1, "0 passed, 1 failed, 0 skipped")


def test_what_is_run_again_is_counted(check, monkeypatch, capsys):
    def part(total, _):
        total.passed = 3
        reruns.note("a guest", "a reason")
        reruns.note("a download", "another one")
    assert last_line(check, monkeypatch, capsys, part) == (0, "2 run again; 3 passed, 0 failed, 0 skipped")


AUTOGROUP = Path("/proc/self/autogroup")
TELL = """
import os
from pathlib import Path
group = Path("/proc/self/autogroup")
print(os.getpriority(os.PRIO_PROCESS, 0), *(group.read_text().split() if group.exists() else []))
"""


def test_what_runs_beside_others_gives_way_with_all_that_it_runs(check):
    """Each session has a group of its own where there are such, so each has to be told."""
    mine = AUTOGROUP.read_text() if AUTOGROUP.exists() else ""
    options = {"stdout": subprocess.PIPE, "text": True, "check": True}
    first = subprocess.run([sys.executable, "-c", TELL], start_new_session=True, preexec_fn=check.give_way, **options).stdout
    within = f"import importlib.machinery as m; c = m.SourceFileLoader('check', {str(ROOT / 'tests' / 'check')!r}).load_module(); "
    within += f"print(c.run([{sys.executable!r}, '-c', {TELL!r}], 60, capture=True)[1])"
    second = subprocess.run([sys.executable, "-c", within], start_new_session=True, preexec_fn=check.give_way,
                            env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTHONWARNINGS": "ignore"}, **options).stdout
    for words in (first.split(), second.split()):
        assert words[0] == "10" and (len(words) == 1 or words[-2:] == ["nice", "10"]), words
    assert (AUTOGROUP.read_text() if AUTOGROUP.exists() else "") == mine
