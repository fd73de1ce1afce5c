# SPDX-License-Identifier: Apache-2.0
"""Recordings under filters that user space judges once for each cgroup: what they exclude is not in the file, not even
the first call of each cgroup, which the kernel half passes on unjudged."""

import json
import signal

import pytest

from needs import any_hierarchy
from pvm import AS_ME, ONLY_ME, Tracer, pvmtrace, trigger_one
from pvm_host import Cgroups, cgroup_name

ID = "0123456789abcdef" * 4
# Several cgroups that are excluded, each with a first call of its own, and one that is not.
EXCLUDED = ("one", "two/inner", f"docker/{ID}", f"three.slice/docker-{ID}.scope")
CONTAINERS = EXCLUDED[2:]
FILTERS = [("cgroup", "!/TOP/out/*", EXCLUDED), ("container", "none", CONTAINERS), ("container", "!" + ID, CONTAINERS)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Twice a call in each cgroup, on a process beside them, recorded under each filter on either side."""
    path, top, groups, tracers = tmp_path_factory.mktemp("filtered"), cgroup_name(), Cgroups(), {}
    try:
        where = {p: groups.make(any_hierarchy(), f"/{top}/out/{p}") for p in EXCLUDED}
        where["in"] = groups.make(any_hierarchy(), f"/{top}/in")
        for side in ("caller", "target"):
            for i, (kind, value, _) in enumerate(FILTERS):
                file = path / f"{side}{i}"
                tracers[side, i] = file, Tracer("--record", file, f"--{side}-{kind}", value.replace("TOP", top),
                                                *ONLY_ME, "--ring-size", "256K", wait=False)
        for _, t in tracers.values():
            t.wait(lambda t: t.stream.lines, 60, "start")
        pids = {p: [trigger_one("pvmcall", *AS_ME, "self", preexec_fn=groups.join(d))["pid"] for _ in range(2)]
                for p, d in where.items()}
        for _, t in tracers.values():
            t.kick(signal.SIGTERM)
            assert t.proc.wait(20) == 0, t.stderr()
        yield {key: file for key, (file, _) in tracers.items()}, pids
    finally:
        for _, t in tracers.values():
            t.kill()
        groups.close()


@pytest.mark.needs("cgroup")
@pytest.mark.parametrize("side", ["caller", "target"])
@pytest.mark.parametrize("row", range(len(FILTERS)), ids=[f"{kind} {value[:14]}" for kind, value, _ in FILTERS])
def test_what_is_excluded_is_not_recorded(recorded, side, row):
    files, pids = recorded
    run = pvmtrace("--replay", files[side, row])
    assert run.status == 0, run.err
    calls = [r for r in map(json.loads, run.out.splitlines()) if r["type"] == "process_vm_access"]
    told = {where: [sum(r["caller"]["pid"] == pid for r in calls) for pid in both] for where, both in pids.items()}
    assert told == {where: [0, 0] if where in FILTERS[row][2] else [1, 1] for where in pids}


@pytest.mark.parametrize("option", [("--region", "none"), ("--relation", "other-container")], ids=lambda option: option[0])
def test_what_user_space_alone_excludes_is_not_recorded(tmp_path, option):
    """A call on memory that is there, of the caller's own container."""
    name, value = option
    told = {}
    for word in (value, "!" + value):
        with Tracer("--record", tmp_path / "calls", name, word, *ONLY_ME) as t:
            pid = trigger_one("pvmcall", *AS_ME, "self")["pid"]
            t.kick(signal.SIGTERM)
            assert t.proc.wait(20) == 0, t.stderr()
        run = pvmtrace("--replay", tmp_path / "calls")
        assert run.status == 0, run.err
        told[word] = sum(r["type"] == "process_vm_access" and r["caller"]["pid"] == pid
                         for r in map(json.loads, run.out.splitlines()))
        (tmp_path / "calls").unlink()
    assert told == {value: 0, "!" + value: 1}
