# SPDX-License-Identifier: Apache-2.0
"""Cgroups and containers: v1, v2 and hybrid hosts, moves, and the names that engines give."""

import os
import uuid

import pytest

from needs import CGROUPS, any_hierarchy
from pvm import AS_ME, Held, ONLY_ME, Tracer, trigger_one
from pvm_host import Cgroups, cgroup_paths, expected_cgroup

ID = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


def name():
    return f"pvmtrace-test-{uuid.uuid4().hex[:8]}"


def last(tracer, pid):
    return tracer.of(pid)[-1]


@pytest.mark.parametrize("hierarchy", [pytest.param(h, marks=pytest.mark.needs(n)) for h, n in CGROUPS.items()])
def test_path_and_id(resolver, cgroups, hierarchy):
    path = cgroups.make(hierarchy, f"/{name()}/inner")
    with Held("pvmcall", "step", preexec_fn=cgroups.join(path)) as h:
        h.line()
        h.step()
        caller = last(resolver, h.pid)["caller"]
        assert caller["cgroup"] == expected_cgroup(h.pid) != "/"
        if cgroup_paths(h.pid)[hierarchy] == caller["cgroup"]:
            assert caller["cgroup_id"] == os.stat(path).st_ino
            assert caller["cgroup"].endswith("/inner")
        assert caller["container_id"] is None


@pytest.mark.needs("cgroup_hybrid")
def test_v2_goes_first_then_pids(resolver, cgroups):
    dirs = {h: cgroups.make(h, f"/{name()}") for h in ("memory", "pids", "")}
    with Held("pvmcall", "step") as h:
        h.line()
        ids = []
        for hierarchy in ("memory", "pids", ""):
            cgroups.move(h.pid, dirs[hierarchy])
            h.step()
            caller = last(resolver, h.pid)["caller"]
            assert caller["cgroup"] == expected_cgroup(h.pid)
            if not (hierarchy == "memory" and cgroup_paths(h.pid)["pids"] != "/"):
                assert caller["cgroup"] == cgroup_paths(h.pid)[hierarchy]
                assert caller["cgroup_id"] == os.stat(dirs[hierarchy]).st_ino
            ids.append(caller["cgroup_id"])
        assert len(set(ids)) == 3


def test_move_between_calls(resolver, cgroups):
    h_name = any_hierarchy()
    one, two = (cgroups.make(h_name, f"/{name()}") for _ in range(2))
    with Held("pvmcall", "step", preexec_fn=cgroups.join(one)) as h:
        h.line()
        h.step()
        cgroups.move(h.pid, two)
        h.step()
        cgroups.move(h.pid, one)
        h.step()
        callers = [e["caller"] for e in resolver.of(h.pid)]
        assert [c["cgroup"] for c in callers] == [f"/{one.name}", f"/{two.name}", f"/{one.name}"]
        assert [c["cgroup_id"] for c in callers] == [os.stat(d).st_ino for d in (one, two, one)]
        targets = [e["target"]["cgroup"] for e in resolver.of(h.pid)]
        assert targets == [c["cgroup"] for c in callers]


def test_hostile_cgroup_name(tracer, cgroups):
    h_name = any_hierarchy()
    top = cgroups.make(h_name, f"/{name()}")
    path = os.fsencode(top) + b'/a"b\\\xff'
    os.mkdir(path)
    try:
        with Held("pvmcall", "step", preexec_fn=cgroups.join(os.fsdecode(path))) as h:
            h.line()
            h.step()
            caller = last(tracer, h.pid)["caller"]
            raw = b"/" + os.fsencode(top.name) + b'/a"b\\\xff'
            assert caller["cgroup"] == raw.decode(errors="replace")
            assert caller["cgroup_hex"] == raw.hex()
    finally:
        os.rmdir(path)


CONTAINERS = [
    f"docker/{ID}",
    f"system.slice/docker-{ID}.scope",
    f"default/{ID}",
    f"system.slice/cri-containerd-{ID}.scope",
    f"kubepods/burstable/pod12345678-1234-1234-1234-123456789abc/{ID}",
    "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12345678_1234_1234_1234_123456789abc.slice/"
    f"cri-containerd-{ID}.scope",
    f"kubepods.slice/kubepods-pod12345678_1234_1234_1234_123456789abc.slice/crio-{ID}.scope",
    f"machine.slice/libpod-{ID}.scope",
    f"machine.slice/libpod-{ID}.scope/container",
    f"libpod_parent/libpod-{ID}",
]


@pytest.mark.parametrize("path", CONTAINERS)
def test_container_id(tracer, cgroups, path):
    h_name = any_hierarchy()
    top = name()
    directory = cgroups.make(h_name, f"/{top}/{path}")
    with Held("pvmcall", "step", preexec_fn=cgroups.join(directory)) as h:
        h.line()
        h.step()
        caller = last(tracer, h.pid)["caller"]
        assert caller["cgroup"] == f"/{top}/{path}" and caller["container_id"] == ID


@pytest.mark.parametrize("path", [
    f"docker/{ID[:-1]}", f"docker/{ID}0", f"docker/{ID[:-1]}g", "user.slice/session-1.scope"])
def test_no_container_id(tracer, cgroups, path):
    h_name = any_hierarchy()
    directory = cgroups.make(h_name, f"/{name()}/{path}")
    with Held("pvmcall", "step", preexec_fn=cgroups.join(directory)) as h:
        h.line()
        h.step()
        assert last(tracer, h.pid)["caller"]["container_id"] is None


def test_same_container(resolver, cgroups):
    h_name = any_hierarchy()
    top = name()
    one = cgroups.make(h_name, f"/{top}/docker/{ID}")
    two = cgroups.make(h_name, f"/{top}/docker/{OTHER}")
    with Held("pvmcall", "step") as target, Held("pvmcall", "step", target.pid) as caller:
        target.line()
        caller.line()
        for caller_in, target_in, same in ((None, None, True), (one, None, False), (one, one, True),
                                           (one, two, False)):
            if caller_in:
                cgroups.move(caller.pid, caller_in)
            if target_in:
                cgroups.move(target.pid, target_in)
            caller.step()
            event = last(resolver, caller.pid)
            assert event["relation"]["same_container"] is same
            assert event["caller"]["container_id"] == (ID if caller_in else None)
            assert event["target"]["container_id"] == ({one: ID, two: OTHER, None: None}[target_in])


FILTERS = [(f"--{side}-{kind}", value, want) for side in ("caller", "target") for kind, value, want in (
    ("container", ID, [1, 0, 0]),
    ("container", "!" + ID, [0, 1, 1]),
    ("cgroup", f"TOP/docker/{OTHER}", [0, 1, 0]),
    ("cgroup", f"!TOP/docker/{OTHER}", [1, 0, 1]),
)]


@pytest.fixture(scope="module")
def filtered():
    """Two callers each in container ID, in container OTHER and in none; a tracer for each filter."""
    groups = Cgroups()
    tracers = []
    try:
        h_name = any_hierarchy()
        top = f"/{name()}"
        dirs = [groups.make(h_name, f"{top}/docker/{ID}"), groups.make(h_name, f"{top}/docker/{OTHER}"), None]
        for option, value, _ in FILTERS:
            tracers.append(Tracer(option, value.replace("TOP", top), *ONLY_ME, "--ring-size", "256K", wait=False))
        for t in tracers:
            t.wait(lambda t: t.stream.lines, 60, "start")
        pids = [[trigger_one("pvmcall", *AS_ME, "self", preexec_fn=groups.join(d) if d else None)["pid"]
                 for _ in range(2)] for d in dirs]
        for t in tracers:
            t.stop(timeout=20)
        yield tracers, pids
    finally:
        for t in tracers:
            t.kill()
        groups.close()


@pytest.mark.parametrize("row", range(len(FILTERS)), ids=[f"{o} {v[:20]}" for o, v, _ in FILTERS])
def test_filters(filtered, row):
    """Also the first call of a cgroup that was never seen before is judged right."""
    tracers, pids = filtered
    t, want = tracers[row], FILTERS[row][2]
    assert [[len(t.events(p)) for p in pair] for pair in pids] == [[n, n] for n in want]
    assert t.counters["emitted"] == 2 * sum(want) and t.counters["filtered"] >= 6 - 2 * sum(want)


@pytest.mark.parametrize("sign, want", [("", 1), ("!", 0)])
def test_callers_filter_holds_for_a_target_that_came_later(cgroups, sign, want):
    """Its cgroup was never seen before, and the call is first dropped for its target."""
    h_name = any_hierarchy()
    where = cgroups.make(h_name, f"/{name()}")
    with Held("pvmdecoy", preexec_fn=cgroups.join(where)) as h:
        h.line()
        with Tracer("--target-comm", "pvmvictim", "--caller-cgroup", f"{sign}/{where.name}", "--caller-pid", h.pid) as t:
            h.step()
            assert h.step()["calls"][0]["ret"] > 0
            t.stop()
            assert len(t.events(h.pid)) == t.counters["emitted"] == want
