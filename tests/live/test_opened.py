# SPDX-License-Identifier: Apache-2.0
"""Who opens the tracer's own maps, programs and links by their numbers is told."""

import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pvm import AS_ME, ONLY_ME, Tracer, poll, trigger, trigger_one

BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
# kind -> the word before its number in /proc/PID/fdinfo, command of bpf(2), that command's number (include/uapi/linux/bpf.h)
KINDS = {"map": ("map_id", "BPF_MAP_GET_FD_BY_ID", 14), "program": ("prog_id", "BPF_PROG_GET_FD_BY_ID", 13),
         "link": ("link_id", "BPF_LINK_GET_FD_BY_ID", 30)}
NOBODY = 65534
# Asks so many times for a number, and says what came of it.
ASK = """
import ctypes, os, sys
command, number, times = map(int, sys.argv[1:4])
libc, attr = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 32)(number)
for _ in range(times):
    ret = libc.syscall(BPF, command, ctypes.byref(attr), ctypes.sizeof(attr))
print(os.getpid(), ret if ret >= 0 else -ctypes.get_errno())
""".replace("BPF", str(BPF))


def numbers(t, kind):
    """Those of the tracer's own objects of this kind."""
    found = set()
    for fd in Path(f"/proc/{t.start['pid']}/fdinfo").iterdir():
        words = dict(line.split(":", 1) for line in fd.read_text().splitlines() if ":" in line)
        if KINDS[kind][0] in words and (kind == "link") == ("link_id" in words):
            found.add(int(words[KINDS[kind][0]]))
    return sorted(found)


def ask(kind, number, times=1, **more):
    """(pid, result)"""
    run = subprocess.run([sys.executable, "-c", ASK, *map(str, (KINDS[kind][2], number, times))], stdout=subprocess.PIPE,
                         check=True, timeout=60, **more)
    pid, ret = map(int, run.stdout.split())
    return pid, ret


def told(t, pid):
    return [r for r in t.records("tamper") if r["caller"]["pid"] == pid]


@pytest.fixture
def t():
    with Tracer(*ONLY_ME) as running:
        assert running.start["tamper"] in ("fexit", "sys_exit")
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_who_opens_one(t, kind):
    mine = numbers(t, kind)
    assert len(mine) >= 3, mine
    for number in mine:
        pid, ret = ask(kind, number)
        assert ret > 0
        poll(lambda: told(t, pid))
        record, = told(t, pid)
        assert record["command"] == KINDS[kind][1] and (record["ret"], record["error"]) == (ret, None)
        assert record["object"]["kind"] == kind and record["object"]["id"] == number
        assert record["object"]["name"].startswith("pvm"), record
        assert record["caller"]["exe"] == str(Path(sys.executable).resolve()) and record["caller"]["uid"] == 0, record
    t.stop()
    assert t.end["complete"] and not t.records("error")


@pytest.mark.parametrize("words", [pytest.param(("pvmabi", "int80-opens"), marks=pytest.mark.needs("int80"), id="int80"),
                                   pytest.param(("pvmcall32", "opens"), marks=pytest.mark.needs("program32"), id="program32")])
def test_who_opens_one_by_a_32_bit_call(t, words):
    for number in numbers(t, "map"):
        run = trigger_one(*words, number)
        assert run["ret"] > 0, run
        poll(lambda: told(t, run["pid"]))
        record, = told(t, run["pid"])
        assert (record["command"], record["ret"]) == ("BPF_MAP_GET_FD_BY_ID", run["ret"])
        assert record["object"]["kind"] == "map" and record["object"]["id"] == number, record
        assert record["caller"]["comm"] == words[0], record
    t.stop()
    assert t.end["complete"] and not t.records("error")


def test_one_that_is_refused(t):
    """Anybody can ask: one such call a second is told, however many there are."""
    number = numbers(t, "map")[0]
    pid, ret = ask("map", number, 1000, user=NOBODY, group=NOBODY, extra_groups=[])
    assert ret == -1
    poll(lambda: told(t, pid))
    t.stop()
    record = told(t, pid)[0]
    assert (record["ret"], record["error"], record["caller"]["uid"]) == (-1, "EPERM", NOBODY), record
    assert len(told(t, pid)) < 30


def test_what_is_not_told(t):
    """Numbers that are not the tracer's, and whatever it does itself."""
    assert ask("map", 0xfffffff0)[1] < 0
    run = trigger_one("pvmcall", *AS_ME, "pair")
    poll(lambda: len(t.events(run["pid"])) == 2)
    time.sleep(2.5)
    t.stop()
    assert not t.records("tamper") and t.end["complete"]


def test_beside_the_filters():
    """It is about the tracer: no filter asks for it, nor drops it."""
    with Tracer("--caller-comm", "no-such-name") as t:
        found = trigger("pvmtamper", t.start["pid"], "detach")
        poll(lambda: len(t.records("tamper")) >= len(found))
        t.stop()
        assert {r["caller"]["comm"] for r in t.records("tamper")} == {"pvmtamper"}
        assert {r["object"]["id"] for r in t.records("tamper")} == {m["link"] for m in found}
