# SPDX-License-Identifier: Apache-2.0
"""Cgroups and containers: v1, v2 and hybrid hosts, moves, and the names that engines give."""

import contextlib
import ctypes
import os
import time

import pytest

from needs import CGROUPS, any_hierarchy
from pvm import AS_ME, Held, ONLY_ME, Tracer, WITNESSES_ALONE, trigger_one
from pvm_host import Cgroups, cgroup_name, cgroup_paths, expected_cgroup

ID = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


def last(tracer, pid):
    return tracer.of(pid)[-1]


@pytest.mark.parametrize("hierarchy", [pytest.param(h, marks=pytest.mark.needs(n)) for h, n in CGROUPS.items()])
def test_path_and_id(resolver, cgroups, hierarchy):
    path = cgroups.make(hierarchy, f"/{cgroup_name()}/inner")
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
    dirs = {h: cgroups.make(h, f"/{cgroup_name()}") for h in ("memory", "pids", "")}
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
    one, two = (cgroups.make(h_name, f"/{cgroup_name()}") for _ in range(2))
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
    top = cgroups.make(h_name, f"/{cgroup_name()}")
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
    f"web.service/libpod-payload-{ID}",
]


@pytest.mark.parametrize("path", CONTAINERS)
def test_container_id(tracer, cgroups, path):
    h_name = any_hierarchy()
    top = cgroup_name()
    directory = cgroups.make(h_name, f"/{top}/{path}")
    with Held("pvmcall", "step", preexec_fn=cgroups.join(directory)) as h:
        h.line()
        h.step()
        caller = last(tracer, h.pid)["caller"]
        assert caller["cgroup"] == f"/{top}/{path}" and caller["container_id"] == ID
        assert caller["containers"] == [ID]


@pytest.mark.parametrize("path, ids", [
    ("lxc.payload.web1/init.scope", ["web1"]),
    (r"machine.slice/machine-a\x2db.scope/payload", ["a-b"]),
    (r"machine.slice/machine-a\x2db.scope/supervisor", []),
    ("lxc.monitor.web1", []),
    (f"docker/{ID}/kubelet.slice/cri-containerd-{OTHER}.scope", [ID, OTHER]),
])
def test_containers(tracer, cgroups, path, ids):
    h_name = any_hierarchy()
    directory = cgroups.make(h_name, f"/{cgroup_name()}/{path}")
    with Held("pvmcall", "step", preexec_fn=cgroups.join(directory)) as h:
        h.line()
        h.step()
        caller = last(tracer, h.pid)["caller"]
        assert caller["containers"] == ids and caller["container_id"] == (ids[0] if ids else None)


@pytest.mark.parametrize("path", [
    f"docker/{ID[:-1]}", f"docker/{ID}0", f"docker/{ID[:-1]}g", "user.slice/session-1.scope"])
def test_no_container_id(tracer, cgroups, path):
    h_name = any_hierarchy()
    directory = cgroups.make(h_name, f"/{cgroup_name()}/{path}")
    with Held("pvmcall", "step", preexec_fn=cgroups.join(directory)) as h:
        h.line()
        h.step()
        caller = last(tracer, h.pid)["caller"]
        assert caller["container_id"] is None and caller["containers"] == []


def test_same_container(resolver, cgroups):
    h_name = any_hierarchy()
    top = cgroup_name()
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
        top = f"/{cgroup_name()}"
        dirs = [groups.make(h_name, f"{top}/docker/{ID}"), groups.make(h_name, f"{top}/docker/{OTHER}"), None]
        for option, value, _ in FILTERS:
            tracers.append(Tracer(option, value.replace("TOP", top), *ONLY_ME, "--ring-size", "256K", wait=False))
            # One that is forked just as another one attaches has no shadow stack (bpf/witness.h): its self-test would go unseen.
            if WITNESSES_ALONE:
                tracers[-1].wait_start()
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


@pytest.mark.needs("cgroup_pids")
def test_a_thread_in_another_cgroup_hides_nothing(cgroups):
    """In cgroups of the first version a thread can be elsewhere than its process, by whose memory a filter goes."""
    ours, its = (cgroups.make("pids", f"/{cgroup_name()}") for _ in range(2))
    with Held("pvmidle", 2, 1, preexec_fn=cgroups.join(ours)) as h:
        h.line()
        tid = max(int(n) for n in os.listdir(f"/proc/{h.pid}/task") if int(n) != h.pid)
        (its / "tasks").write_text(str(tid))
        path = expected_cgroup(h.pid)
        options = {("--target-cgroup", path): 2, ("--target-cgroup", f"!{path}"): 0}
        for words, want in options.items():
            with Tracer(*words, *ONLY_ME) as t:
                runs = [trigger_one("pvmcall", *AS_ME, "pid", who)["pid"] for who in (h.pid, tid)]
                t.stop()
                assert sum(len(t.events(pid)) for pid in runs) == want, words


@pytest.mark.parametrize("sign, want", [("", 1), ("!", 0)])
def test_callers_filter_holds_for_a_target_that_came_later(cgroups, sign, want):
    """Its cgroup was never seen before, and the call is first dropped for its target."""
    h_name = any_hierarchy()
    where = cgroups.make(h_name, f"/{cgroup_name()}")
    with Held("pvmdecoy", preexec_fn=cgroups.join(where)) as h:
        h.line()
        with Tracer("--target-comm", "pvmvictim", "--caller-cgroup", f"{sign}/{where.name}", "--caller-pid", h.pid) as t:
            h.step()
            assert h.step()["calls"][0]["ret"] > 0
            t.stop()
            assert len(t.events(h.pid)) == t.counters["emitted"] == want


# What a user may make below a cgroup that was given to him: many, or with long names.
LONG = {
    "64 deep": ["d"] * 60,
    "65 deep": ["d"] * 61,
    "100 deep": [f"deep{i}" for i in range(100)],
    "400 deep": ["d"] * 400,
    "1 KiB": ["n" * 250] * 4,
    "just 4 KiB": ["n" * 250] * 15,
    "over 4 KiB": ["n" * 250] * 20,
    "64 long ones": ["n" * 255] * 64,
}
LONG_LINE = 16384  # has room for the paths of both sides
WHOLE = ["64 deep", "1 KiB", "just 4 KiB"]


@pytest.mark.parametrize("what", LONG)
def test_long_path(resolver, cgroups, what):
    """The host's part of it and the end are told, and the container that the host made."""
    h_name = any_hierarchy()
    top = cgroups.make(h_name, f"/{cgroup_name()}/docker/{ID}")
    start = f"/{top.parent.parent.name}/docker/{ID}"
    fd = cgroups.nest(top, LONG[what] + ["end"])
    with Tracer("--resolve", resolver.start["resolve"], "--max-line", LONG_LINE, max_line=LONG_LINE) as t, \
            Held("pvmcall", "step", preexec_fn=cgroups.join_at(fd)) as h:
        h.line()
        h.step()
        event = last(t, h.pid)
    path = event["caller"]["cgroup"]
    whole = "/".join([start, *LONG[what], "end"])
    if what in WHOLE:
        assert path == whole
    else:
        first, gap, rest = path.partition("//[...]//")
        assert gap and first.startswith(start) and whole.startswith(first + "/")
        assert rest.endswith("end") and whole.endswith("/" + rest)
        assert len(first) > 300 or first.count("/") >= 48
        assert len(path) <= 4096 + len(gap)
    assert event["caller"]["container_id"] == ID and event["caller"]["containers"] == [ID]
    assert event["relation"]["same_container"] is (True if path == whole else None)


HIDDEN = [(["--caller-cgroup", "!/TOP/own"], False), (["--caller-cgroup", "/TOP/other"], False),
          (["--caller-cgroup", "/TOP/own", "--caller-container", "none", "--caller-container", "!" + ID], True),
          (["--caller-cgroup", "!/TOP/other", "--caller-cgroup", "*/secret/*", "--caller-cgroup", "!*/secret/[!x]*",
            "--caller-container", ID, "--caller-container", "!none"], True)]


def test_a_long_path_hides_nobody(cgroups):
    """What was left out is undecided: told, whatever a filter wants or excludes. What comes before it decides."""
    h_name = any_hierarchy()
    top = cgroups.make(h_name, f"/{cgroup_name()}/own")
    fd = cgroups.nest(top, ["a"] * 70 + ["secret", f"docker-{ID}.scope"] + ["z"] * 30)
    tracers = [Tracer(*(a.replace("TOP", top.parent.name) for a in args), *ONLY_ME, "--ring-size", "256K", wait=False)
               for args, _ in HIDDEN]
    try:
        for t in tracers:
            t.wait(lambda t: t.stream.lines, 60, "start")
        pids = [trigger_one("pvmcall", *AS_ME, "self", preexec_fn=cgroups.join_at(fd))["pid"] for _ in range(2)]
        for t in tracers:
            t.stop(timeout=20)
        told = [[len(t.events(p)) for p in pids] for t in tracers]
        assert told == [[want, want] for _, want in HIDDEN]
    finally:
        for t in tracers:
            t.kill()


CLONE_NEWNS, CLONE_NEWPID = 0x20000, 0x20000000


def unshare(flags):
    """For preexec_fn. The pid namespace is that of children, so this stands for the caller alone."""
    def enter():
        if ctypes.CDLL(None, use_errno=True).unshare(flags):
            raise OSError(ctypes.get_errno(), "unshare")
    return enter


@pytest.mark.needs("mounts")
def test_no_id_and_other_namespaces(resolver):
    """An engine may give its cgroups names that are not known: then nobody knows."""
    with Held("pvmcall", "step") as host, Held("pvmcall", "step", preexec_fn=unshare(CLONE_NEWNS)) as one, \
            Held("pvmcall", "step", preexec_fn=unshare(CLONE_NEWNS)) as two:
        for h in (host, one, two):
            h.line()
        same = {}
        for caller, target in ((host, one), (one, host), (one, two), (one, one)):
            caller.step(f"target {target.pid}")
            event = last(resolver, caller.pid)
            assert event["target"]["pid"] == target.pid
            assert event["caller"]["containers"] == event["target"]["containers"] == []
            same[caller.pid, target.pid] = event["relation"]["same_container"]
        assert [*same.values()] == [None, None, None, True]
    t = trigger_one("pvmns", "down")
    event = resolver.one(t["pid"])
    assert event["relation"]["same_container"] is None


def test_one_id_in_two_places(resolver, cgroups):
    """Who may make cgroups takes another's id: that makes them no one container."""
    h_name = any_hierarchy()
    top = cgroup_name()
    one = cgroups.make(h_name, f"/{top}/docker/{ID}")
    two = cgroups.make(h_name, f"/{top}/user@1000.service/docker/{ID}")
    with Held("pvmcall", "step", preexec_fn=cgroups.join(one)) as target, \
            Held("pvmcall", "step", target.pid, preexec_fn=cgroups.join(two)) as caller:
        target.line()
        caller.line()
        caller.step()
        event = last(resolver, caller.pid)
        assert event["caller"]["container_id"] == event["target"]["container_id"] == ID
        assert event["relation"]["same_container"] is None


NONE = [("none", {"host": 1, "mount": 0, "service": 1, "container": 0, "claim": 1}),
        ("!none", {"host": 0, "mount": 1, "service": 0, "container": 1, "claim": 1})]


@pytest.mark.needs("mounts")
@pytest.mark.parametrize("side", ["caller", "target"])
def test_none_is_the_host(cgroups, side):
    """By namespaces too, which processes of one cgroup need not share; first calls and later ones are judged alike."""
    h_name = any_hierarchy()
    top = cgroup_name()
    where = {k: cgroups.make(h_name, f"/{top}/{p}") for k, p in (
        ("host", "plain"), ("mount", "plain"), ("service", "web.service"), ("container", f"docker/{ID}"),
        ("claim", f"user@1000.service/docker-{ID}.scope"))}
    tracers = [Tracer(f"--{side}-container", value, *ONLY_ME, "--ring-size", "256K", wait=False) for value, _ in NONE]

    def enter(kind):
        cgroups.join(where[kind])()
        if kind in ("mount", "service"):
            unshare(CLONE_NEWNS)()

    try:
        for t in tracers:
            t.wait(lambda t: t.stream.lines, 60, "start")
        pids = {}
        for kind in where:
            with Held("pvmcall", *AS_ME, "step", preexec_fn=lambda kind=kind: enter(kind)) as h:
                h.line()
                h.step()
                h.step()
                pids[kind] = h.pid
        for t in tracers:
            t.stop(timeout=20)
        for t, (value, want) in zip(tracers, NONE):
            assert {k: len(t.events(p)) for k, p in pids.items()} == {k: 2 * n for k, n in want.items()}, value
    finally:
        for t in tracers:
            t.kill()


@pytest.mark.parametrize("side", ["caller", "target"])
@pytest.mark.parametrize("sign", ["", "!"])
def test_units(cgroups, sign, side):
    """A unit is the first name that is no slice's: what is called like one further below is not it. Each calls on itself."""
    top, name = cgroup_name(), any_hierarchy()
    places = [cgroups.make(name, f"/{top}.slice/{unit}") for unit in ("pvm-a.service/inner", "pvm-b.service", "pvm-c.scope/pvm-a.service")]
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(Held("pvmcall", "step", preexec_fn=cgroups.join(p))) for p in places]
        for h in held:
            h.line()
        t = stack.enter_context(Tracer(f"--{side}-unit", f"{sign}pvm-a"))
        for h in held:
            h.step()
        wanted = {h.pid for h in (held[1:] if sign else held[:1])}
        t.wait(lambda t: wanted <= {e["caller"]["pid"] for e in t.events()}, what="the calls")
        if sign:
            t.fence()
        else:
            time.sleep(0.5)
        mine = {h.pid for h in held}
        assert {e["caller"]["pid"] for e in t.events()} & mine == wanted
        assert t.start["filters"][side]["unit"] == [f"{sign}pvm-a"]
