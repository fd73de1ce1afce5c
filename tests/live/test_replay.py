# SPDX-License-Identifier: Apache-2.0
"""Recordings: what is replayed is what a tracer would have said, every filter and format holds for it, and a
file that is damaged gives all that is before the damage."""

import collections
import contextlib
import json
import shutil
import signal
import struct
import subprocess
import zlib

import pytest

from needs import any_hierarchy, has
from pvm import AS_ME, EX_IOERR, EX_USAGE, Held, NOISE, PVMTRACE, Tracer, parse_time, pvmtrace, trigger, \
    trigger_one
from pvm_arch import COMPAT_CALL, COMPAT_NEED
from pvm_host import Cgroups, cgroup_name
from pvm_stream import SLOWNESS, Stream
from pvm_scene import Scene, TABLE, here

EX_DATAERR, EX_NOINPUT, EX_CANTCREAT = 65, 66, 73
OTHER = 61001
HOSTILE = b'\x1b[31m"\\\n\xff'
CONTAINER = "0123456789abcdef" * 4
QUIET = [word for noise in NOISE for word in ("--caller-comm", f"!{noise}")]
WIDE = ("--iov-limit", "all", "--max-line", 1 << 20)
FRAME = struct.Struct("=III")  # size, kind, checksum
FRAME_CALL, TYPE_CALL = 1, 1

Recorded = collections.namedtuple("Recorded", "path live pids words calls")


def stream(data):
    """Lines of a whole run, each held against the contract, and its books."""
    s = Stream(max_line=1 << 20)
    s.feed(data)
    s.finish()
    return s


def replay(path, *args, status=0, **kw):
    run = pvmtrace("--replay", path, *args, **kw)
    assert run.status == status, run.err
    return run


@pytest.fixture(scope="module")
def scene():
    s, groups = Scene(), Cgroups()
    yield s, groups
    s.close()
    groups.close()


@pytest.fixture(scope="module")
def recorded(scene, tmp_path_factory):
    """The same calls recorded by one tracer and told by another."""
    path = tmp_path_factory.mktemp("replay") / "calls"
    acts, groups = scene
    pids = {}
    with Tracer(*WIDE, *QUIET, "--in-flight-after", 100, max_line=1 << 20) as live, \
         Tracer("--record", path, *QUIET, "--in-flight-after", 100) as rec, \
         Held("pvmpark") if has("userfaultfd") else contextlib.nullcontext() as parked:
        acts.act()
        pids["pair"] = trigger_one("pvmcall", *AS_ME, "pair")["pid"]
        for n in (1, 64, 1024):
            pids[n] = trigger_one("pvmcall", "counts", n, n)["pid"]
        if has(COMPAT_NEED):
            pids["compat"] = trigger_one(*COMPAT_CALL, "write")["pid"]
        if has("seccomp"):
            pids["orphan"] = trigger("pvmseccomp", "errno", 13)[0]["pid"]
        pids["hostile"] = trigger_one("pvmcall", "--comm", HOSTILE.hex(), "pid", 1999999999)["pid"]
        if has("cgroup"):
            inside = groups.make(any_hierarchy(), f"/{cgroup_name()}/docker/{CONTAINER}")
            with Held("pvmcall", "step", preexec_fn=groups.join(inside)) as h:
                h.line()
                h.step()
                pids["container"] = h.pid
        if parked:
            pids["parked"] = parked.line()["pid"]
            live.wait(lambda t: t.events(pids["parked"]), what="the parked call")
        live.fence()
        live.stop()
        # It tells nothing of calls but the counters, so it is not held against the contract here.
        rec.kick(signal.SIGTERM)
        assert rec.proc.wait(10) == 0, rec.stderr()
        rec.thread.join(10)
        assert [r["type"] for r in rec.stream.lines if r["type"] not in ("stats", "lost", "error")] == ["start", "stop"]
        told = live.stream
    yield Recorded(path, told, pids, acts.words(), dict(acts.calls))


@pytest.fixture(scope="module")
def again(recorded):
    return stream(replay(recorded.path, *WIDE).out)


def comparable(record):
    """Without what is a tracer's own: its numbers, and when its own hooks ran."""
    r = json.loads(json.dumps(record))
    for key in ("seq", "told", "run", "id"):
        r[key] = None
    when = {"time": parse_time(r["time"]), "duration": r["duration_ns"] or 0}
    r["time"], r["duration_ns"] = None, r["duration_ns"] is None
    for who in ("caller", "target"):
        if r[who]["start"]:
            when[who] = parse_time(r[who]["start"])
            r[who]["start"] = ""
    behind = [*(r["caller"]["ancestors"] or []), r["caller"]["traced_by"], r["target"]["parent"]]
    for number, relative in enumerate(filter(None, behind)):
        when[number] = parse_time(relative["start"])
        relative["start"] = ""
    return json.dumps(r), when


@pytest.mark.parametrize("what", [
    "pair", 1, 64, 1024, "hostile",
    pytest.param("compat", marks=pytest.mark.needs(COMPAT_NEED)),
    pytest.param("container", marks=pytest.mark.needs("cgroup")),
    pytest.param("parked", marks=pytest.mark.needs("userfaultfd")),
    pytest.param("orphan", marks=[pytest.mark.unseen_by_fentry("calls that seccomp refuses"), pytest.mark.needs("seccomp")]),
])
def test_the_same_as_live(recorded, again, what):
    pid = recorded.pids[what]
    live, replayed = recorded.live.calls(pid), again.calls(pid)
    assert len(live) == len(replayed) == {"pair": 2, "parked": 2}.get(what, 1)
    for one, other in zip(live, replayed):
        (text, when), (text2, when2) = comparable(one), comparable(other)
        assert text == text2
        for key in when:
            assert abs(when[key] - when2[key]) < (10**9 if what == "parked" else 10**8) * SLOWNESS, key
    if what in (64, 1024):
        assert replayed[0]["local"]["captured"] == len(replayed[0]["remote"]["iov"]) == what
    if what == "orphan":
        assert (replayed[0]["phase"], replayed[0]["error"]) == ("orphan", "EACCES")
    if what == "hostile":
        assert replayed[0]["caller"]["comm_hex"] == HOSTILE.hex()
    if what == "container":
        assert replayed[0]["caller"]["container_id"] == CONTAINER
    if what == "parked":
        assert [r["phase"] for r in replayed] == ["in_flight", "unfinished"]
        assert replayed[0]["id"] == replayed[1]["id"]


def test_head_and_books(recorded, again):
    """The whole stream was held against the contract; its ends are those of the recorded run."""
    start, stop = again.look(0), again.lines[-1]
    assert start["host"] == recorded.live.lines[0]["host"]
    assert [note for note in start["notes"] if note.startswith("replayed from a recording of pvmtrace ")]
    assert (stop["reason"], stop["complete"], stop["counters"]["lost"]) == \
        ("signal", stop["counters"]["skipped_runs"] == 0, 0)
    assert len(again.calls()) > 5
    assert all(start["time"] <= r["time"] <= stop["time"] for r in again.calls())


def test_twice_the_same(recorded, again):
    assert stream(replay(recorded.path, *WIDE).out).lines[-1] == again.lines[-1]


@pytest.mark.parametrize("options, want", TABLE, ids=[o or "none" for o, _ in TABLE])
def test_filters_as_live(recorded, options, want):
    """The table of the live filters, but that a recording has the name of the thread that a call named, not those of its
    process's others: whether one of those was meant stays open, and such a call passes."""
    found = stream(replay(recorded.path, *options.format(**recorded.words).split()).out)
    have = [recorded.calls.get((e["caller"]["pid"], e["target"]["arg"], e["op"])) for e in found.calls()]
    have = [what for what in have if what]
    want = here(want | ({"t>t thread"} if options.startswith("--target-comm {") else set()))
    assert set(have) == want and len(have) == len(want)


def unknown(r):
    return r["outcome"] == "unknown"


# Filters, and what they say of a line.
LINES = {
    "-p {a}": lambda r, w: r["target"]["pid"] == w["a"],
    "-p !{a}": lambda r, w: r["target"]["pid"] != w["a"],
    "--caller-pid {g} --caller-pid {a}": lambda r, w: r["caller"]["pid"] in (w["g"], w["a"]),
    "--caller-comm !{mine}": lambda r, w: r["caller"]["comm"] != w["mine"],
    "--target-comm {alpha}": lambda r, w: r["target"]["comm"] == w["alpha"] or r["target"]["tid"] != r["target"]["pid"],
    "--caller-uid 4001": lambda r, w: r["caller"]["uid"] == 4001,
    "--target-uid !0": lambda r, w: r["target"]["uid"] != 0,
    "--op write": lambda r, w: r["op"] == "write",
    "--outcome success": lambda r, w: r["outcome"] != "failure",
    "--outcome failure": lambda r, w: r["outcome"] != "success",
    "--min-bytes 64": lambda r, w: unknown(r) or r["bytes_transferred"] >= 64,
    "--min-bytes 1000 --outcome success": lambda r, w: unknown(r) or r["bytes_transferred"] >= 1000,
    "--no-self": lambda r, w: r["relation"]["kinship"] != "self",
    "--caller-container 0123": lambda r, w: (r["caller"]["container_id"] or "").startswith("0123"),
    "--caller-container none": lambda r, w: r["caller"]["container_id"] is None,
    "--caller-container !none --op read": lambda r, w: r["caller"]["container_id"] and r["op"] == "read",
    "--caller-cgroup */docker/*": lambda r, w: "/docker/" in (r["caller"]["cgroup"] or ""),
    "--caller-cgroup !*/docker/* --no-self": lambda r, w: "/docker/" not in (r["caller"]["cgroup"] or "") and
                                                          r["relation"]["kinship"] != "self",
}


# Those that only the call out of a container passes.
IN_CONTAINER = {"--caller-container 0123", "--caller-container !none --op read", "--caller-cgroup */docker/*"}


@pytest.mark.parametrize("options", [pytest.param(o, marks=pytest.mark.needs("cgroup")) if o in IN_CONTAINER else o
                                     for o in LINES])
def test_filters_by_the_lines(recorded, again, options):
    """Exactly the lines that say so, and the others are counted."""
    found = stream(replay(recorded.path, *WIDE, *options.format(**recorded.words).split()).out)
    want = [{**r, "seq": 0} for r in again.calls() if LINES[options](r, recorded.words)]
    assert [{**r, "seq": 0} for r in found.calls()] == want and want
    before, after = again.lines[-1]["counters"], found.lines[-1]["counters"]
    assert before["seen"] == after["seen"]
    assert after["filtered"] - before["filtered"] == before["emitted"] - after["emitted"]


def test_count(recorded):
    found = stream(replay(recorded.path, "-c", 3).out)
    assert len(found.calls()) == 3 and found.lines[-1]["reason"] == "count"


@pytest.mark.parametrize("form", ["json", "ecs", "ocsf", "text"])
def test_formats(recorded, again, form):
    lines = replay(recorded.path, "-f", form).out.decode("utf-8", errors="strict").split("\n")
    assert lines.pop() == "" and len(lines) == len(again.lines)
    for line in lines:
        if form == "text":
            assert line.isprintable(), line
        else:
            assert isinstance(json.loads(line), dict)


def unprivileged(args, public_dir, **popen):
    """A run by a user who may do nothing."""
    binary = public_dir / "pvmtrace"
    shutil.copy(PVMTRACE, binary)
    binary.chmod(0o755)
    prefix = ["/usr/bin/setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", "--inh-caps=-all",
              "--bounding-set=-all", "--no-new-privs"]
    return subprocess.run([*prefix, str(binary), *args], capture_output=True, timeout=20, check=False, **popen)


def test_without_rights(recorded, public_dir):
    want = replay(recorded.path).out
    # What stdin is was opened by somebody who may.
    with open(recorded.path, "rb") as f:
        run = unprivileged(["--replay", "-"], public_dir, stdin=f)
    assert (run.returncode, run.stdout) == (0, want), run.stderr
    run = unprivileged(["--replay", "-"], public_dir, input=recorded.path.read_bytes())
    assert (run.returncode, run.stdout) == (0, want), run.stderr
    copy = public_dir / "calls"
    shutil.copy(recorded.path, copy)
    copy.chmod(0o644)
    run = unprivileged(["--replay", str(copy), "-f", "text"], public_dir, stdin=subprocess.DEVNULL)
    assert run.returncode == 0 and run.stdout == replay(recorded.path, "-f", "text").out
    copy.chmod(0o600)
    run = unprivileged(["--replay", str(copy)], public_dir, stdin=subprocess.DEVNULL)
    assert (run.returncode, run.stdout) == (EX_NOINPUT, b"") and b"Permission denied" in run.stderr


def frames(data):
    """[(offset, whether it is a call)]"""
    at, found = struct.unpack_from("=I", data, 20)[0], []
    while at < len(data):
        size, kind, _ = FRAME.unpack_from(data, at)
        body = data[at + FRAME.size:at + FRAME.size + size]
        found.append((at, kind == FRAME_CALL and struct.unpack_from("=H", body, 4)[0] == TYPE_CALL))
        at += FRAME.size + size
    assert at == len(data)
    return found


def expect_part(run, recorded, again, bad):
    """All calls before the frame that starts at bad, and an end that says so."""
    s = stream(run.out)
    before = sum(call for at, call in frames(recorded.path.read_bytes()) if at < bad)
    assert 0 < before < len(again.calls())
    assert s.calls() == again.calls()[:before]
    stop = s.lines[-1]
    assert stop["complete"] is False and stop["reason"].startswith("recording_")
    # Nothing was counted that the recorded run did not count.
    assert stop["reason"] in stop["incomplete"]
    whole = again.lines[-1]["counters"]
    assert all(n <= whole[name] for name, n in stop["counters"].items()), stop["counters"]
    assert stop["in_flight"] == 0 and stop["counters"]["submitted"] >= stop["counters"]["emitted"] > 0


@pytest.mark.parametrize("how", ["head", "data", "cut in head", "cut in data"])
def test_damaged(recorded, again, public_dir, how):
    data = bytearray(recorded.path.read_bytes())
    calls = [at for at, call in frames(data) if call]
    bad = calls[len(calls) // 2]
    place = bad + (5 if "head" in how else 200)
    path = public_dir / "bad"
    data[place] ^= 0x10
    path.write_bytes(data[:place] if how.startswith("cut") else data)
    run = replay(path, *WIDE, status=EX_DATAERR)
    assert f"(offset {bad})" in run.err and ("cut off" if how.startswith("cut") else "damaged") in run.err
    expect_part(run, recorded, again, bad)


def test_cut_between_frames(recorded, again, public_dir):
    """As it would be of a tracer that was killed: never taken for the whole."""
    data = recorded.path.read_bytes()
    calls = [at for at, call in frames(data) if call]
    bad = calls[len(calls) // 2]
    path = public_dir / "cut"
    path.write_bytes(data[:bad])
    run = pvmtrace("--replay", path, *WIDE)
    expect_part(run, recorded, again, bad)
    assert run.status == EX_DATAERR and f"(offset {bad})" in run.err


def planted(data, old, new):
    """The recording with a string of its header replaced, and the checksum that goes with it."""
    size = struct.unpack_from("=I", data, 20)[0]
    head = data[:size - 8]
    assert head.count(old) == 1
    head = head.replace(old, new.ljust(len(old), b"\0")[:len(old)])
    return head + struct.pack("=I", zlib.crc32(head)) + data[size - 4:]


@pytest.mark.parametrize("what", ["run id", "boot id", pytest.param("machine id", marks=pytest.mark.needs("machine_id"))])
def test_hostile_identifiers(recorded, public_dir, what):
    """A string of a recording that would end its own JSON string and write keys."""
    start = recorded.live.lines[0]
    data = recorded.path.read_bytes()
    told = {"run id": data[32:48], "boot id": start["host"]["boot_id"].encode(),
            "machine id": (start["host"]["machine_id"] or "").encode()}[what]
    assert told
    path = public_dir / "planted"
    path.write_bytes(planted(data, told, b'","x":"'))
    for form in ("json", "ecs", "ocsf", "text"):
        run = replay(path, "-f", form, status=EX_DATAERR)
        assert f"its {what} is " in run.err and run.out == b""


@pytest.mark.parametrize("form", ["json", "text"])
def test_not_a_recording(public_dir, form):
    path = public_dir / "foreign"
    path.write_bytes(b'{"time":"2026-11-21T19:28:11.123456789Z"}\n' * 100)
    run = replay(path, "-f", form, status=EX_DATAERR)
    assert "not a recording" in run.err and "(offset 0)" in run.err and str(path) in run.err and run.out == b""


def test_a_full_disk_ends_it(recorded, public_dir):
    """Nothing is lost by that, and nobody has to notice that it hangs. With more calls than the buffer holds."""
    data = recorded.path.read_bytes()
    first = next(at for at, call in frames(data) if call)
    size = FRAME.unpack_from(data, first)[0]
    path = public_dir / "long"
    path.write_bytes(data[:first] + data[first:first + FRAME.size + size] * 3000)
    run = replay(path, "-o", "/dev/full", status=EX_IOERR, timeout=30)
    assert "/dev/full: No space left on device" in run.err


def test_missing_file(public_dir):
    run = replay(public_dir / "none", status=EX_NOINPUT)
    assert "No such file" in run.err and run.out == b""


def test_record_replaces_nothing(public_dir):
    path = public_dir / "there"
    path.write_bytes(b"precious")
    run = pvmtrace("--record", path, "--duration", 1)
    assert run.status == EX_CANTCREAT and str(path) in run.err and run.out == b""
    assert path.read_bytes() == b"precious"


def test_record_and_replay(public_dir):
    run = pvmtrace("--record", public_dir / "new", "--replay", public_dir / "old")
    assert run.status == EX_USAGE and "--replay" in run.err and not (public_dir / "new").exists()
