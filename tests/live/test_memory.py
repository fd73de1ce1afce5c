# SPDX-License-Identifier: Apache-2.0
"""A memory limit: what --print-config says is enough, also for the end of a run, and the unit leaves it."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from needs import make_limited
from pvm import MY_NAME, ONLY_ME, PVMTRACE, pvmtrace
from pvm_host import status
from pvm_tally import freeze
from pvm_files import to_file
from pvm_sums import CROWD, SMALL

FLOODS = True
ROOT = Path(PVMTRACE).resolve().parents[1]
OURS = ["--caller-comm", MY_NAME, "--caller-comm", CROWD, "--caller-comm", f"f{MY_NAME}"]


def need(*args):
    run = pvmtrace("--print-config", *args)
    return int(re.search(rb"\n# memory: needs (\d+) MiB", run.out)[1])


@pytest.fixture
def group():
    """A memory cgroup: (directory, file of its limit, file of its peak)."""
    made = make_limited(f"pvmtrace-test-{os.getpid()}")
    yield made
    made[0].rmdir()


@pytest.mark.slow
@pytest.mark.needs("memory_limit")
def test_the_end_under_a_limit(programs, group, public_dir):
    """Rings, summaries and buffers full, and the limit is what was said: not killed, and everything told."""
    path, limit, peak = group
    args = [*SMALL, "--aggregate", 3600, *OURS]
    mib = need(*args)
    limit.write_text(str(mib << 20))
    prefix = ["/bin/sh", "-c", f'echo $$ >{path}/cgroup.procs && exec "$@"', "sh"]
    # A file takes it all in time; what of it is in the kernel's cache makes room by itself.
    out = public_dir / "out.json"
    with to_file(out, *args, prefix=prefix) as t:
        freeze(t)
        programs.fill()
        run = programs.crowd("mesh", 150)
        t.kick(signal.SIGCONT)
        t.stop()
    end = json.loads(out.read_bytes().splitlines()[-1])
    assert run["failed"] == 0 and end["type"] == "stop" and end["counters"]["lost"] == 0
    assert end["counters"]["emitted"] + end["counters"]["summarised"] >= 150 * 150
    if peak.exists():
        assert int(peak.read_text()) <= mib << 20


def test_the_unit_leaves_it():
    unit = (ROOT / "packaging/pvmtrace.service").read_text()
    rules = (ROOT / "packaging/debian/rules").read_text()
    words = re.search(r"build/pvmtrace (.*) --print-config", rules)[1].split()
    assert need(*words) <= int(re.search(r"^MemoryMax=(\d+)M$", unit, re.M)[1])


def test_it_grows_with_the_options():
    assert need("--ring-size", "64M") == need() + 56
    assert need("--max-line", 16 << 20) > need() + 64


def held(path, *args):
    """Bytes of memory of its own that a tracer has at its first record."""
    with to_file(path, *args, *ONLY_ME) as t:
        return int(status(t.pid)["RssAnon"].split()[0]) << 10


def test_what_the_end_needs_is_held_from_the_start(public_dir):
    """Four lines that wait and the marks of their calls, a line that is rendered, and what a recording gathers."""
    few, line = held(public_dir / "few"), 16 << 20
    assert held(public_dir / "many", "--max-line", line) - few >= 4 * line + 4 * line // 4 + line - (8 << 20)
    assert held(public_dir / "recorded", "--record", public_dir / "rec") - few >= 3 << 19
