# SPDX-License-Identifier: Apache-2.0
"""Real programs as triggers; ftrace's own events as a third observer of the number of calls."""

import collections
import subprocess

import pytest

from needs import which
from pvm import TRIGGERS, trigger_one
from pvm_arch import OPS
from pvm_ftrace import Observer


def by_thread(tracer, tids):
    tracer.fence()
    events = [e for tid in tids for e in tracer.events(tid)]  # threads of one-threaded programs
    assert all(e["caller"]["tid"] == e["caller"]["pid"] for e in events)
    return collections.Counter((e["caller"]["tid"], e["op"]) for e in events), events


def by_ftrace(seen):
    return collections.Counter((tid, OPS[nr]) for tid, nr, _ in seen)


def agree(tracer, seen, tids):
    """Both saw the same number of calls of each thread, each kind for itself."""
    have, events = by_thread(tracer, tids)
    want = collections.Counter({k: n for k, n in by_ftrace(seen).items() if k[0] in tids})
    assert have == want and sum(want.values()) > 0
    return events


def test_own_trigger_and_ftrace(tracer):
    with Observer() as o:
        run = trigger_one("pvmcall", "repeat", 5000)
        seen = o.result()
    assert len(agree(tracer, seen, {run["pid"]})) == 5000


def test_errors_and_ftrace(tracer):
    """Refused calls count as well."""
    with Observer() as o:
        runs = [trigger_one("pvmcall", *a) for a in (("flags", "2"), ("pid", "-1"), ("counts", "1025", "1"))]
        seen = o.result()
    assert len(agree(tracer, seen, {r["pid"] for r in runs})) == 3


def test_strace(tracer):
    """strace reads the strings of the program it watches by process_vm_readv."""
    strace = which("strace")
    with Observer() as o:
        p = subprocess.Popen([strace, "-o", "/dev/null", "/bin/true"])
        assert p.wait(20) == 0
        seen = o.result()
    events = agree(tracer, seen, {p.pid})
    assert {e["op"] for e in events} == {"read"}
    for e in events:
        assert e["caller"]["exe"] == strace and e["caller"]["args"] == [strace, "-o", "/dev/null", "/bin/true"]
        assert e["caller"]["comm"] == "strace" and e["phase"] == "complete"
    watched = {e["target"]["pid"] for e in events if e["target"]["pid"] != p.pid}
    assert len(watched) == 1
    of_true = [e for e in events if e["target"]["pid"] in watched]
    assert {e["relation"]["kinship"] for e in of_true} == {"child"}
    assert of_true[-1]["target"]["comm"] == "true"
    assert of_true[-1]["target"]["exe"].endswith("/bin/true")


def test_stress_ng(tracer):
    """--vm-rw-ops bounds the rounds; a round is a fixed number of reads and as many writes."""
    stress = which("stress-ng")
    rounds = 20
    with Observer() as o:
        p = subprocess.Popen([stress, "--vm-rw", "1", "--vm-rw-ops", str(rounds), "--vm-rw-bytes", "256K", "-q"])
        assert p.wait(60) == 0
        seen = o.result()
    tracer.fence()
    events = [e for tid in {s[0] for s in seen} for e in tracer.events(tid) if e["caller"]["exe"] == stress]
    tids = {e["caller"]["tid"] for e in events}
    agree(tracer, seen, tids)
    counts = collections.Counter(e["op"] for e in events)
    assert counts["read"] == counts["write"] and counts["read"] >= rounds and counts["read"] % rounds == 0
    assert "success" in {e["outcome"] for e in events}  # it tries refused calls too
    for e in events:
        if e["outcome"] == "success":
            assert e["relation"]["kinship"] in ("child", "parent", "none")
        assert e["caller"]["pid"] != e["target"]["pid"]


@pytest.mark.slow
def test_gdb(tracer):
    """A debugger uses other routes as well; the calls it makes are all seen."""
    gdb = which("gdb")
    with Observer() as o:
        p = subprocess.Popen([gdb, "-batch", "-ex", "run", "-ex", "info registers", TRIGGERS / "pvmone"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        p.wait(60)
        seen = [s for s in o.result() if s[0] == p.pid]
    if not seen:
        pytest.skip("this gdb makes no such call")
    agree(tracer, seen, {p.pid})
