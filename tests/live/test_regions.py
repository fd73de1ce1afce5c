# SPDX-License-Identifier: Apache-2.0
"""What lies at the addresses that a call names, held against /proc/PID/maps of its target."""

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pvm import STOP_TIMEOUT, Held, Tracer, pvmtrace, trigger_one
from pvm_host import at_least, mounted, overlay
from pvm_maps import NAMED, call, expected, kind_of, maps, nothing, readable, regions


@pytest.fixture(name="target")
def a_target(public_dir):
    with Held("pvmregion", "hold", public_dir) as held:
        held.line()
        yield held


def test_every_mapping(tracer, target):
    """At its beginning, amid it and at its end; the first time with the path, and then by what was sent."""
    seen = set()
    for m in filter(readable, maps(target.pid)):
        for addr in (m.start, (m.start + m.end) // 2, m.end - 1):
            assert regions(tracer, target.pid, addr) == [expected(m, addr, 0)], m
        seen.add(kind_of(m))
    assert seen == {"heap", "stack", "file", "anon", "shared", "vdso", "vvar"}


@pytest.mark.needs("vma_names")
def test_a_mapping_that_its_process_named(tracer, target):
    """By its own memory's name, where the kernel keeps one."""
    named = {NAMED.fullmatch(m.path)[1]: m for m in maps(target.pid) if NAMED.fullmatch(m.path)}
    assert "arena" in named
    for name, m in named.items():
        region, = regions(tracer, target.pid, m.start)
        assert region == expected(m, m.start, 0) and region["name"] == name


@pytest.mark.needs("program32")
def test_a_32_bit_target(tracer, public_dir):
    """Of a caller of 64 bits, and of one of 32."""
    with Held("pvmregion32", "hold", public_dir) as held:
        held.line()
        known = list(filter(readable, maps(held.pid)))
        assert known[-1].end <= 1 << 32
        for m in known:
            for program in ("pvmregion", "pvmregion32"):
                assert regions(tracer, held.pid, m.end - 1, program=program) == [expected(m, m.end - 1, 0)], m
        assert {kind_of(m) for m in known} >= {"heap", "stack", "file", "anon", "shared", "vdso"}
        assert regions(tracer, held.pid, 1 << 32, (1 << 47) + 8) == [nothing(0, 2)]


@pytest.mark.needs("program32")
@pytest.mark.parametrize("count", [2, 8, 9, 1024])
def test_lists_of_a_32_bit_caller(tracer, public_dir, count):
    """Its elements are half as long."""
    with Held("pvmregion32", "hold", public_dir) as held:
        held.line()
        a, b = [m for m in maps(held.pid) if kind_of(m) == "file"][:2]
        event = call(tracer, held.pid, *[a.start] * (count - 1), b.end - 1, program="pvmregion32")
        assert event["abi"] in ("i386", "arm") and event["remote"]["count"] == count
        assert event["remote"]["regions"] == [expected(a, a.start, 0, min(count - 1, 8)), expected(b, b.end - 1, count - 1)]
        event = call(tracer, held.pid, b.end - 1, size=2, program="pvmregion32")
        assert event["remote"]["regions"] == [{**expected(b, b.end - 1, 0), "runs_on": True}]


def test_between_mappings(tracer, target):
    """Nothing is there, nor before the first and behind the last one."""
    known = list(filter(readable, maps(target.pid)))
    gaps = [a.end for a, b in zip(known, known[1:]) if a.end < b.start]
    assert len(gaps) > 3
    for addr in [0, known[0].start - 1, *gaps, *(a - 1 for a in gaps if a != known[0].end), known[-1].end]:
        inside = [m for m in known if m.start <= addr < m.end]
        want = expected(inside[0], addr, 0) if inside else nothing(0)
        assert regions(tracer, target.pid, addr) == [want], hex(addr)


def test_the_gate(tracer, target):
    """On x86 the kernel reads there, and no map has it; and of other addresses it may be told to ignore some bits."""
    kind = None if os.uname().machine == "x86_64" else "none"
    for addr in (0xffffffffff600000, 0x7e00000000001000, 0x200000000001000):
        assert regions(tracer, target.pid, addr) == [nothing(0, kind=kind)], hex(addr)


def test_an_element_of_no_length(tracer, target):
    """It touches nothing, whatever its address."""
    assert regions(tracer, target.pid, maps(target.pid)[0].start, size=0) == []


def test_an_element_that_runs_on(tracer, target):
    """It is told where it begins, and that this is not all of it; nothing is said of one that reaches its mapping's end."""
    known = list(filter(readable, maps(target.pid)))
    a, b = next((a, b) for a, b in zip(known, known[1:]) if a.end == b.start and "r" in a.perms and "r" in b.perms)
    assert regions(tracer, target.pid, a.end - 2, size=2) == [expected(a, a.end - 2, 0)]
    event = call(tracer, target.pid, a.start, a.end - 1, b.start, size=2)
    assert event["ret"] == 6 and event["remote"]["regions"] == [
        {**expected(a, a.start, 0, 2), "runs_on": True}, expected(b, b.start, 2)]
    # What lies behind it is nothing: of the kernel's answer that says as much.
    last = next(a for a, b in zip(known, known[1:]) if a.end < b.start and "r" in a.perms)
    event = call(tracer, target.pid, last.end - 1, size=2)
    assert event["ret"] == 1 and event["remote"]["regions"] == [{**expected(last, last.end - 1, 0), "runs_on": True}]


def test_eight_elements(tracer, target):
    """Each where it lies; neighbours in one mapping, and neighbours where nothing is, are told once."""
    a, b = [m for m in maps(target.pid) if kind_of(m) == "file" and m.end - m.start >= 8192][:2]
    addresses = [a.start, a.start + 1, a.end - 1, 0, 8, b.start, a.start, b.start]
    assert regions(tracer, target.pid, *addresses) == [
        expected(a, a.start, 0, 3), nothing(3, 2), expected(b, b.start, 5), expected(a, a.start, 6), expected(b, b.start, 7)]


@pytest.mark.parametrize("count", [9, 10, 64, 65, 256, 1024])
def test_long_lists(tracer, target, count):
    """The first eight elements, and the last."""
    a, b = [m for m in maps(target.pid) if kind_of(m) == "file"][:2]
    addresses = [a.start] * 5 + [b.start] * (count - 6) + [a.start]
    event = call(tracer, target.pid, *addresses)
    assert event["remote"]["count"] == count
    assert event["remote"]["regions"] == [expected(a, a.start, 0, 5), expected(b, b.start, 5, 3),
                                          expected(a, a.start, count - 1)]


def test_a_list_that_is_longer_than_what_is_looked_at(target):
    a, b = [m for m in maps(target.pid) if kind_of(m) == "file"][:2]
    with Tracer("--regions", 1) as t:
        assert t.start["limits"]["regions"] == 1
        assert regions(t, target.pid, a.start, b.start, b.start) == [expected(a, a.start, 0), expected(b, b.start, 2)]
        assert regions(t, target.pid, a.start, a.start) == [expected(a, a.start, 0, 2)]
    with Tracer("--regions", 64, "--max-line", 1 << 20, max_line=1 << 20) as t:
        # Each in a mapping of its own.
        assert regions(t, target.pid, *[a.start, b.start] * 512) == [
            *(expected(m, m.start, i) for i, m in enumerate([a, b] * 32)), expected(b, b.start, 1023)]


def test_none_are_wanted(target):
    with Tracer("--regions", 0) as t:
        assert t.start["limits"]["regions"] == 0
        assert regions(t, target.pid, maps(target.pid)[0].start) is None


def test_nobody_is_named(tracer):
    assert regions(tracer, 0x3fffffff, 4096) is None


def test_a_refused_call(tracer, target):
    """What was to be read is known all the same."""
    m = maps(target.pid)[0]
    event = call(tracer, target.pid, m.start, user=65534)
    assert event["error"] == "EPERM" and event["remote"]["regions"] == [expected(m, m.start, 0)]


def test_a_write(tracer, target):
    heap = next(m for m in maps(target.pid) if m.path == "[heap]")
    event = call(tracer, target.pid, heap.start, op="write")
    assert event["ret"] == 1 and event["remote"]["regions"] == [expected(heap, heap.start, 0)]
    assert event["remote"]["regions_exit"] is None


@pytest.mark.needs("mm_access_hook")
def test_confirmed(tracer, target):
    """The pages that the kernel held are those that the regions tell of."""
    heap = next(m for m in maps(target.pid) if m.path == "[heap]")
    remote = call(tracer, target.pid, heap.start, heap.start + 4096)["remote"]
    assert remote["regions"] == [expected(heap, heap.start, 0, 2)]
    assert remote["regions_confirmed"] == remote["confirmed"] and remote["confirmed"] in ("pages", None)
    if tracer.start["confirms"]["pages"]:
        assert remote["regions_confirmed"] == "pages"
    # Of what was not read nothing is confirmed.
    remote = call(tracer, target.pid, 8)["remote"]
    assert remote["regions"] == [nothing(0)] and remote["regions_confirmed"] is None


def test_huge_pages(tracer, public_dir):
    """Of the pool, where nobody has a file of them, and of a file system of them they are mapped like any others."""
    with at_least("/proc/sys/vm/nr_hugepages", 4), Held("pvmregion", "hold", public_dir) as held:
        held.line()
        huge = [m for m in maps(held.pid) if "anon_hugepage" in m.path]
        assert sorted(kind_of(m) for m in huge) == ["anon", "shared"]
        for m in huge:
            for addr in (m.start, m.end - 1):
                assert regions(tracer, held.pid, addr) == [expected(m, addr, 0)], m


def test_a_path_is_sent_once(public_dir):
    """Whoever reads it, and however often."""
    once = public_dir / "told-once"
    once.mkdir()
    file = public_dir / "calls"
    with Held("pvmregion", "hold", once) as held:
        held.line()
        m = next(m for m in maps(held.pid) if m.path.endswith("told-once/file"))
        with Tracer("--record", file, "--target-pid", held.pid) as t:
            for _ in range(10):
                trigger_one("pvmregion", "read", held.pid, 1, f"{m.start:x}")
            t.kick(signal.SIGTERM)
            assert t.proc.wait(STOP_TIMEOUT) == 0
    assert file.read_bytes().count(b"file\0told-once\0") == 1
    run = pvmtrace("--replay", file)
    calls = [r for r in map(json.loads, run.out.splitlines()) if r["type"] == "process_vm_access"]
    assert [r["remote"]["regions"] for r in calls] == [[expected(m, m.start, 0)]] * 10


def test_a_file_that_was_renamed(tracer, public_dir):
    """It is told by its name of now. Of a directory above it the name stays that of when the file was first met."""
    where = public_dir / "first"
    where.mkdir()
    with Held("pvmregion", "hold", where) as held:
        held.line()

        def seen():
            """What is told of it, and what /proc says."""
            m = next(m for m in maps(held.pid) if m.ino == ino)
            return regions(tracer, held.pid, m.start), expected(m, m.start, 0)

        ino = (where / "file").stat().st_ino
        told, want = seen()
        assert told == [want] and want["file"] == f"{where}/file"
        (where / "file").rename(where / "other")
        told, want = seen()
        assert told == [want] and want["file"] == f"{where}/other"
        where = where.rename(public_dir / "second")
        told, want = seen()
        assert want["file"] == f"{where}/other" and told == [{**want, "file": f"{public_dir}/first/other"}]
        (where / "other").rename(where / "third")
        told, want = seen()
        assert told == [want] and want["file"] == f"{where}/third"


def test_as_text(target):
    """What lies there, in a word or two behind the range."""
    known = {kind_of(m): m for m in maps(target.pid) if kind_of(m) in ("heap", "stack")}
    code = next(m for m in maps(target.pid) if m.path.endswith("pvmregion") and m.perms == "r-xp")
    with Tracer("-f", "text", "--target-pid", target.pid, read=False) as t:
        t.wait_written()
        for addr in (known["heap"].start, known["stack"].end - 8, code.start, 8):
            trigger_one("pvmregion", "read", target.pid, 1, f"{addr:x}")
        trigger_one("pvmregion", "read", target.pid, 2, f"{known['heap'].end - 1:x}")
        t.stop()
        lines = [line for line in t.proc.stdout.read().decode().splitlines() if f"({target.pid})" in line]
    said = (" [heap]", " [stack]", " pvmregion r-x", " nothing mapped", " [heap] runs on")
    for line, words in zip(lines, said, strict=True):
        assert words in line, line
        assert ("runs on" in line) == (words == said[-1]), line


def test_filter(public_dir):
    """By what a call touches. One region that passes is enough, so none hides another; what is not known is not hidden."""
    with Held("pvmregion", "hold", public_dir) as held:
        held.line()
        known = maps(held.pid)
        at = {kind: next(m.start for m in known if kind_of(m) == kind) for kind in ("heap", "stack", "anon", "shared")}
        file = next(m for m in known if m.path == f"{public_dir}/file" and m.perms == "r-xp")
        at |= {"exec": file.start, "none": 8}
        calls = [["heap"], ["stack"], ["none"], ["exec"], ["heap", "stack"], ["shared"]]
        for words, passing in [
                (["--region", "heap"], [0, 4]), (["--region", "!heap"], [1, 2, 3, 4, 5]), (["--region", "none"], [2]),
                (["--region", "exec"], [3]), (["--region", f"file:{public_dir}/f*"], [3]), (["--region", "file:*/other"], []),
                (["--region", "heap", "--region", "stack"], [0, 1, 4]), (["--region", "!heap", "--region", "!stack"], [2, 3, 5])]:
            with Tracer(*words, "--target-pid", held.pid) as t:
                pids = [trigger_one("pvmregion", "read", held.pid, 1, *(f"{at[kind]:x}" for kind in kinds))["pid"] for kinds in calls]
                # Of its elements the 9th to the last but one are not looked at.
                pids.append(trigger_one("pvmregion", "read", held.pid, 1, *[f"{at['anon']:x}"] * 20)["pid"])
                # It begins at the heap's last byte.
                end = next(m.end for m in known if m.path == "[heap]")
                pids.append(trigger_one("pvmregion", "read", held.pid, 2, f"{end - 1:x}")["pid"])
                t.wait(lambda t: t.stream.calls(pids[-1]))  # which is told whatever is asked for
                assert [n for n, pid in enumerate(pids) if t.events(pid)] == [*passing, 6, 7], words
                assert t.start["filters"]["region"] == words[1::2]


def test_elements_of_no_length_are_passed_over(public_dir):
    """The first eight elements and the last have no byte, the ninth has one: it is looked at in their place, and a filter and a rule
    that drops judge it. A list without any byte touches nothing."""
    config = public_dir / "config"
    with Held("pvmregion", "hold", public_dir) as held:
        held.line()
        config.write_text(f"rule noise drop\nregion !heap\nrule all tell\ntarget-pid {held.pid}\n")
        heap, stack = (next(m for m in maps(held.pid) if m.path == path) for path in ("[heap]", "[stack]"))
        empty, in_heap = f"{stack.end - 8:x}/0", f"{heap.start:x}"
        for words, told in ((["--region", "heap"], True), (["--region", "stack"], False), (["--region", "!stack"], True),
                            (["--config", config], True)):
            with Tracer(*words, *([] if "--config" in words else ["--target-pid", held.pid])) as t:
                none = trigger_one("pvmregion", "read", held.pid, 1, *[empty] * 10)["pid"]
                pid = trigger_one("pvmregion", "read", held.pid, 1, *[empty] * 8, in_heap, empty)["pid"]
                t.stop()
                assert [(e["ret"], e["remote"]["regions"]) for e in t.events(pid)] == [(1, [expected(heap, heap.start, 8)])][:told], words
                assert [r["remote"]["regions"] for r in t.events(none)] == ([[]] if "!stack" in words else []), words


@pytest.mark.parametrize("program", ["pvmregion", pytest.param("pvmregion32", marks=pytest.mark.needs("program32"))])
@pytest.mark.parametrize("count", [3, 8, 20, 70, 300, 1024])
def test_the_first_elements_that_have_a_byte(public_dir, count, program):
    """Two of them and the last one, wherever they stand; what is empty between them parts none."""
    with Held(program, "hold", public_dir) as held, Tracer("--regions", 2) as t:
        held.line()
        heap = next(m for m in maps(held.pid) if m.path == "[heap]")
        words = [f"{heap.start:x}/0"] * count
        for at in (1, count - 2, count - 1):
            words[at] = f"{heap.start:x}"
        remote = t.one(trigger_one(program, "read", held.pid, 1, *words)["pid"])["remote"]
    assert remote["count"] == count and remote["regions"] == [expected(heap, heap.start, 1, count - 1)]


@pytest.mark.parametrize("words, why", [
    (["--region", "heap", "--regions", "0"], b"--regions 0"), (["--region", "!heap", "--aggregate", "5"], b"--aggregate")])
def test_a_filter_without_regions(words, why):
    run = pvmtrace(*words)
    assert run.status == 64 and why.decode() in run.err and "--region " in run.err


def test_very_many_mappings(tracer, target):
    """A hundred thousand: the tree is as deep as it gets."""
    with at_least("/proc/sys/vm/max_map_count", 120_000):
        target.step("many 100000")
        known = list(filter(readable, maps(target.pid)))
        assert len(known) > 100_000
        for m in [*known[:20], *known[::2003], *known[-20:]]:
            assert regions(tracer, target.pid, m.end - 1) == [expected(m, m.end - 1, 0)], m


def test_a_map_that_changes_all_the_time(tracer, target):
    """Nothing is told that never was: a range of pages of that place, or that nothing is there, or that it is not known."""
    spot = target.step("churn")["spot"]
    told = collections.Counter()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for region in regions(tracer, target.pid, *(spot + i % 16 * 4096 + 8 for i in range(0, 56, 7))):
            told[region["kind"]] += 1
            if region["kind"] in (None, "none"):
                continue
            assert region["kind"] == "anon" and region["perms"] in ("r--p", "rw-p"), region
            start, last = int(region["start"], 16), int(region["end"], 16)
            assert spot <= start < last <= spot + 16 * 4096 and not (start | last) % 4096, region
    assert told["anon"] and told["none"], told
    # Nothing is none while the map is held to be changed, which a guest's thread does nearly always.
    assert told[None] < sum(told.values()) / 2, told


def test_a_mapping_that_stays(tracer, target):
    """While another thread has the kernel part it and put it together, it is never said that nothing is there. The calls are
    refused: where bytes move, that is known from them, too."""
    spot = target.step("toggle")["spot"]
    told = collections.Counter()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        addresses = (spot + i % 16 * 4096 + 8 for i in range(0, 56, 7))
        event = call(tracer, target.pid, *addresses, user=65534)
        assert event["error"] == "EPERM"
        for region in event["remote"]["regions"]:
            told[region["kind"]] += 1
    assert set(told) <= {"anon", None} and told["anon"] > told[None], told


def test_a_thread_that_comes_again(tracer, target):
    """What it came to last need not be looked for again, but what became of it since is told: that the kernel takes it for the stack,
    which changes nothing in its map; another protection, another mapping at the same place, and none."""
    spot = next(m for m in maps(target.pid) if kind_of(m) == "anon" and m.end - m.start >= 8 << 20).start + (4 << 20)
    want = []
    with Held("pvmregion", "again", target.pid, f"{spot:x}") as caller:
        for change in (None, None, "stack", None, "lock", None, "stir", None, "drop", None, "stir"):
            if change:
                target.step(f"{change} {spot:x}")
            inside = [m for m in maps(target.pid) if m.start <= spot < m.end]
            want.append([expected(inside[0], spot, 0)] if inside else [nothing(0)])
            caller.step()
        assert [event["remote"]["regions"] for event in tracer.of(caller.pid)] == want


@pytest.mark.needs("userfaultfd")
def test_what_became_of_it_in_a_long_write(tracer, target):
    """The map is another one when the call ends: both are told; and of one that stays the same, one."""
    for stir in (False, True):
        anon = next(m for m in maps(target.pid) if kind_of(m) == "anon" and m.perms == "rw-p" and not m.ino)
        with Held("pvmregion", "park", target.pid, f"{anon.start:x}") as parked:
            parked.line()
            time.sleep(0.05)
            if stir:
                target.step(f"stir {anon.start:x}")
            parked.step("go")
            remote = tracer.one(parked.pid)["remote"]
        assert remote["regions"] == [expected(anon, anon.start, 0)]
        if not stir:
            assert remote["regions_exit"] is None
            continue
        now = next(m for m in maps(target.pid) if m.start <= anon.start < m.end)
        assert now.perms == "rw-s" and remote["regions_exit"] == [expected(now, anon.start, 0)]


@pytest.mark.needs("userfaultfd")
def test_in_flight(target):
    """A call that stays inside is told with them."""
    heap = next(m for m in maps(target.pid) if m.path == "[heap]")
    with Tracer("--in-flight-after", 100) as t, Held("pvmregion", "park", target.pid, f"{heap.start:x}") as parked:
        parked.line()
        event = t.wait(lambda t: [r for r in t.stream.calls(parked.pid) if r["phase"] == "in_flight"], what="in_flight")[0]
        assert event["remote"]["regions"] == [expected(heap, heap.start, 0)]
        parked.step("go")


@pytest.mark.needs("mounts")
def test_a_mount_that_is_moved(tracer, public_dir):
    """Its files, and those of one that may have got its address, are told by the place where they are now."""
    with mounted(public_dir / "fs", "-t", "tmpfs", "none") as top:
        subprocess.run(["mount", "--make-private", top], check=True)
        source, one, two, three = (top / name for name in ("source", "one", "two", "three"))
        for folder in (source, one, two, three):
            folder.mkdir()

        def seen(held):
            """As /proc says it."""
            m = next(m for m in maps(held.pid) if m.path.endswith("/file"))
            assert regions(tracer, held.pid, m.start) == [expected(m, m.start, 0)]
            return Path(m.path).parent

        with mounted(one, "--bind", source), Held("pvmregion", "hold", one) as held:
            held.line()
            assert seen(held) == one
        with mounted(two, "--bind", source), Held("pvmregion", "hold", two) as held:
            held.line()
            assert seen(held) == two
            subprocess.run(["mount", "--move", two, three], check=True)
            try:
                assert seen(held) == three
            finally:
                subprocess.run(["mount", "--move", three, two], check=True)


@pytest.mark.needs("mounts")
def test_many_mounts_over_each_other(tracer, public_dir):
    """There is no name on the way up that could be followed: the file's own is told."""
    with mounted(public_dir / "fs", "-t", "tmpfs", "none") as top:
        subprocess.run(["mount", "--make-private", top], check=True)
        file = top / "file"
        file.write_bytes(b"x" * 4096 * 8)
        with contextlib.ExitStack() as stack:
            for _ in range(80):
                subprocess.run(["mount", "--bind", file, file], check=True)
                stack.callback(subprocess.run, ["umount", file], check=True)
            with Held("pvmregion", "hold", top) as held:
                held.line()
                m = next(m for m in maps(held.pid) if m.path == str(file))
                assert regions(tracer, held.pid, m.start) == [{**expected(m, m.start, 0), "file": "[...]/file"}]


@pytest.mark.needs("mounts")
def test_a_process_that_left_its_mount_namespace(public_dir):
    """What it mapped before has a path of there, which may be any here: no filter by a path hides it."""
    with Held("pvmregion", "leave", public_dir) as held:
        held.line()
        m = next(m for m in maps(held.pid) if m.path == f"{public_dir}/file")
        for pattern in (f"file:{m.path}", f"!file:{m.path}", "file:/somewhere/else"):
            with Tracer("--region", pattern, "--target-pid", held.pid) as t:
                run = trigger_one("pvmregion", "read", held.pid, 1, f"{m.start:x}")
                event, = t.wait(lambda t, pid=run["pid"]: t.events(pid), what=pattern)
                assert event["remote"]["regions"] == [{**expected(m, m.start, 0), "file": f"(unreachable){m.path}"}]


@pytest.mark.needs("overlay", "mounts")
def test_overlay(tracer, public_dir):
    """A file of the lower layer, and one of the upper."""
    with mounted(public_dir / "fs", "-t", "tmpfs", "none") as top:
        (top / "lower").mkdir()
        (top / "lower" / "file").write_bytes(b"x" * 4096 * 8)
        with overlay(top, top / "lower") as where, Held("pvmregion", "hold", where) as held:
            held.line()
            files = [m for m in maps(held.pid) if m.path.startswith(str(where))]
            assert len(files) >= 4
            for m in files:
                assert regions(tracer, held.pid, m.start) == [expected(m, m.start, 0)], m


# Huge pages of each kind: of no file, private and shared, of a memfd, and of files on hugetlbfs, one of which is gone.
HUGE = """
import json, mmap, os, sys
size, where = int(sys.argv[1]), sys.argv[2]
def of(fd):
    os.ftruncate(fd, size)
    return fd
def file(name):
    return of(os.open(os.path.join(where, name), os.O_RDWR | os.O_CREAT, 0o600))
kept = [mmap.mmap(-1, size, flags=how | mmap.MAP_ANONYMOUS | 0x40000) for how in (mmap.MAP_PRIVATE, mmap.MAP_SHARED)]
kept += [mmap.mmap(of(os.memfd_create("huge", os.MFD_CLOEXEC | os.MFD_HUGETLB)), size)]
kept += [mmap.mmap(file("kept"), size), mmap.mmap(file("gone"), size, flags=mmap.MAP_PRIVATE)]
os.unlink(os.path.join(where, "gone"))
for m in kept:
    m[0] = 1
print(json.dumps({"pid": os.getpid()}), flush=True)
sys.stdin.read()
"""


KEPT = "/proc/sys/vm/nr_hugepages"


@pytest.mark.needs("mounts")
def test_huge_pages_of_their_own(tracer, public_dir):
    """At the beginning, amid the first page, and at the end of each."""
    size = re.search(r"Hugepagesize: +(\d+) kB", Path("/proc/meminfo").read_text())
    if not size:
        pytest.skip("this kernel has no huge pages of their own (CONFIG_HUGETLBFS)")
    size, where = int(size[1]) << 10, public_dir / "huge"
    with at_least(KEPT, 8), mounted(where, "-t", "hugetlbfs", "none"):
        if int(Path(KEPT).read_text()) < 8:
            pytest.skip("this machine cannot set 8 huge pages aside")
        with Held("/usr/bin/python3", "-B", "-c", HUGE, size, where) as held:
            held.line()
            huge = [m for m in maps(held.pid) if "huge" in m.path]
            assert sorted(m.path for m in huge) == sorted(["/anon_hugepage (deleted)"] * 2 + ["/memfd:huge (deleted)", f"{where}/kept",
                                                                                           f"{where}/gone (deleted)"])
            for m in huge:
                for addr in (m.start, m.start + 4096 + 5, m.end - 1):
                    assert regions(tracer, held.pid, addr) == [expected(m, addr, 0)], m
