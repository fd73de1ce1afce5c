# SPDX-License-Identifier: Apache-2.0
"""What tests/check says at its end: it is what continuous integration goes by."""

import importlib.machinery
import importlib.util
import sys

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
