# SPDX-License-Identifier: Apache-2.0
"""What tests/fuzz/run makes of what a target did."""

import importlib.machinery
import importlib.util

import pytest

from golden import ROOT

DONE = "#4324\tDONE   cov: 2481 ft: 8636 corp: 408/1013Kb\nstat::number_of_executed_units: {runs}\n"


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """Runs a target that says this on stderr and ends with that status."""
    loader = importlib.machinery.SourceFileLoader("fuzz_run", str(ROOT / "tests" / "fuzz" / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fuzz_run", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "HOME", tmp_path)
    monkeypatch.setattr(module, "ROOT", tmp_path)

    def run(text, status=0):
        program = tmp_path / "decode"
        program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{text}END\nexit {status}\n", encoding="ascii")
        program.chmod(0o755)
        return module.run("decode", 1)
    return run


def test_what_it_made_of_its_time(ran):
    wrong, said = ran(DONE.format(runs=4324) + "decode: and a word of its own\n")
    assert wrong is None
    assert said.startswith("4324 executions, coverage 2481, features 8636, ")
    assert said.endswith("; and a word of its own")


def test_no_execution(ran):
    assert ran(DONE.format(runs=0))[0] == "made no execution"
    assert ran("")[0] == "made no execution"


def test_what_is_found(ran):
    wrong, said = ran("ERROR: something\nartifact_prefix='x'; Test unit written to /x/decode-crash-1\n" + DONE.format(runs=3), 77)
    assert wrong == "77: see log/decode.txt; again: decode /x/decode-crash-1"
    assert "ERROR: something" in said


def test_each_target_says_how_long_its_inputs_are():
    targets = {path.stem.removeprefix("target_") for path in (ROOT / "tests" / "fuzz").glob("target_*.c")}
    loader = importlib.machinery.SourceFileLoader("fuzz_run", str(ROOT / "tests" / "fuzz" / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fuzz_run", loader))
    loader.exec_module(module)
    assert set(module.MAX_LEN) == targets and targets
    rows = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert [name for name in targets if f"\n| `{name}` |" not in rows] == []
