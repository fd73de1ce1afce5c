# SPDX-License-Identifier: Apache-2.0
"""Names and arguments that a process chose to hurt a reader of the stream."""

import os
import shutil
import signal
import subprocess

import pytest

from pvm import Held, TRIGGERS, Tracer, trigger_one

PVMCALL = TRIGGERS / "pvmcall"

# raw bytes, as they have to come out, whether bytes were replaced
NAMES = [
    (b'a"b\\c', 'a"b\\c', False),
    (b"\n\r\t\x01\x1f\x7f", "\n\r\t\x01\x1f\x7f", False),
    (b"caf\xc3\xa9", "caf\u00e9", False),
    (b"\xf0\x9f\x98\x80", "\U0001f600", False),
    (b"x\xffy", "x\ufffdy", True),
    (b"\xc0\x80", "\ufffd\ufffd", True),
    (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd", True),
    (b"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd", True),
    (b"cut short \xf0\x9f\x98\x80\xf0\x9f\x98\x80"[:15], "cut short \U0001f600\ufffd", True),
    (b'","pid":1,"x":"', '","pid":1,"x":"', False),
    (b"\\u0000", "\\u0000", False),
    (b"\xc2\x9b31m", "\x9b31m", True),
    (b"\xc2\x80\xc2\x85\xc2\x9f", "\x80\x85\x9f", True),
    (b"\xc2\xa0", "\u00a0", False),
    (b"\xe2\x80\xaeexe\xe2\x80\x8b", "\u202eexe\u200b", False),
    (b"\xef\xbb\xbf\xe2\x81\xa6", "\ufeff\u2066", False),
]


@pytest.mark.parametrize("raw, text, replaced", NAMES)
def test_comm(tracer, raw, text, replaced):
    t = trigger_one("pvmcall", "--comm", raw.hex(), "pair")
    events = tracer.of(t["pid"])
    assert len(events) == 2
    for event in events:
        caller = event["caller"]
        assert caller["comm"] == text
        if replaced:
            assert caller["comm_hex"] == raw.hex()
        else:
            assert "comm_hex" not in caller
        assert event["target"]["comm"] == text and event["target"]["pcomm"] == text


def test_empty_comm(tracer):
    """Known, and empty: not the same as not known."""
    t = trigger_one("pvmcall", "--comm", "", "self")
    assert tracer.one(t["pid"])["caller"]["comm"] == ""


@pytest.mark.parametrize("raw, text, replaced", NAMES)
def test_executable(tracer, public_dir, raw, text, replaced):
    where = os.fsencode(public_dir)
    path = where + b"/" + raw.replace(b"/", b"_")
    shutil.copy(os.fsencode(PVMCALL), path)
    p = subprocess.Popen([path, "self"], stdout=subprocess.DEVNULL)
    assert p.wait(10) == 0
    caller = tracer.one(p.pid)["caller"]
    assert caller["exe"] == f"{public_dir}/{text}"
    assert caller.get("exe_hex") == (path.hex() if replaced else None)
    # the name of a task is the first 15 bytes of its file's
    assert caller["comm"] == text


@pytest.mark.parametrize("raw, text, replaced", NAMES)
def test_arguments(tracer, raw, text, replaced):
    p = subprocess.Popen([b"", b"self", raw, b"\xff" if replaced else b"z"], executable=PVMCALL,
                         stdout=subprocess.DEVNULL)
    assert p.wait(10) == 0
    caller = tracer.one(p.pid)["caller"]
    assert caller["args"] == ["", "self", text, "\ufffd" if replaced else "z"]
    if replaced:
        assert caller["args_hex"] == ["", b"self".hex(), raw.hex(), "ff"]
    else:
        assert "args_hex" not in caller


def test_no_arguments_but_the_name(tracer):
    p = subprocess.Popen([TRIGGERS / "pvmone"])
    assert p.wait(10) == 0
    assert tracer.one(p.pid)["caller"]["args"] == [str(TRIGGERS / "pvmone")]


@pytest.mark.parametrize("options,room", [((), 1024), (("--args", 4096, "--ancestors", 0), 4096), (("--args", 1025), 1025), (("--args", 3), 3)])
def test_very_long_arguments(options, room):
    """More than is read: cut, and said."""
    command = [str(PVMCALL), "self", "a" * 100_000]
    with Tracer(*options) as t:
        p = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        assert p.wait(10) == 0
        caller = t.one(p.pid)["caller"]
    assert t.start["limits"]["args_bytes"] == room
    assert caller["args_cut"] is True and "\0".join(caller["args"]) == "\0".join(command)[:room]


def test_no_arguments_are_read(tmp_path):
    """Which can hold secrets: neither told nor recorded, nor told of a recording that has them."""
    command = [str(PVMCALL), "self", "hunter2"]
    files = [tmp_path / "with", tmp_path / "without"]
    with Tracer("--args", "none") as t, Tracer("--record", files[0]) as u, Tracer("--record", files[1], "--args", "none") as v:
        p = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        assert p.wait(10) == 0
        assert t.one(p.pid)["caller"]["args"] is None and t.start["limits"]["args_bytes"] == 0
        for recorder in (u, v):
            recorder.kick(signal.SIGTERM)
            assert recorder.proc.wait(10) == 0
    assert [b"hunter2" in f.read_bytes() for f in files] == [True, False]
    for file, options, args in [(files[0], (), command), (files[0], ("--args", "none"), None), (files[1], (), None)]:
        with Tracer("--replay", file, *options) as r:
            r.finish()
            assert [e["caller"]["args"] for e in r.events(p.pid)] == [args]


def test_arguments_crowd_out_nothing():
    """1,000 arguments of bytes that take six each, and a list whose last element could be the one that counts."""
    with Tracer("--args", 4096) as t, Held("pvmcall", "counts", "20", "20", *["\x01\x02\x03"] * 1000) as p:
        facts = p.line()
        event = t.of(facts["pid"])[0]
    assert len(event["remote"]["iov"]) == len(event["local"]["iov"]) == 20
    assert event["truncated"] == ["caller.args"]
    assert event["caller"]["args"][:4] == [str(PVMCALL), "counts", "20", "20"]


@pytest.mark.parametrize("max_line", [1024, 5000, 8000])
def test_long_path_of_control_bytes(public_dir, max_line):
    """3,800 bytes that take six each: the end, by which a rule looks, is there."""
    where = public_dir
    for _ in range(15):
        where = where / ("\x01\x1f" * 120)
    where.mkdir(parents=True)
    path = where / "tool"
    shutil.copy(PVMCALL, path)
    with Tracer("--max-line", max_line, "--regions", 0, max_line=max_line) as t:
        p = subprocess.Popen(["tool", "counts", "3", "12"], executable=path, cwd=public_dir, stdout=subprocess.DEVNULL)
        assert p.wait(10) == 0
        event = t.of(p.pid)[0]
    if max_line == 1024:
        assert {"caller.exe", "caller.*"} & set(event["truncated"])
        return
    assert event["caller"]["exe"].startswith("[...]") and event["caller"]["exe"].endswith("\x01\x1f/tool")
    assert "caller.exe" in event["truncated"] and len(event["remote"]["iov"]) == 12


def test_smaller_line():
    """Cut in the agreed order, numbers stay exact; the stream checks every length."""
    with Tracer("--max-line", 4200, "--args", 4096, "--iov-limit", "all", "--ancestors", 0, "--regions", 0, max_line=4200) as t:
        run = trigger_one("pvmcall", "counts", 900, 1000)
        p = subprocess.Popen([PVMCALL, "self", "\u00e9" * 1800, b"\xff" * 500], stdout=subprocess.DEVNULL)
        assert p.wait(10) == 0
        t.fence()
        event = t.events(run["pid"])[0]
        assert event["local"]["count"] == event["local"]["captured"] == event["local"]["total_len"] == 900
        assert event["remote"]["count"] == event["remote"]["captured"] == event["remote"]["total_len"] == 1000
        assert event["truncated"][:2] == ["local.iov", "remote.iov"]
        assert event["caller"]["args"] == [str(PVMCALL), "counts", "900", "1000"], "cut although there was room"
        event = t.events(p.pid)[0]
        assert "caller.args" in event["truncated"] and event["ret"] == 64
        assert event["caller"]["exe"] == str(PVMCALL)


def test_smallest_line():
    """1,024 bytes hold not even all keys: who, whom, what and the result are there, the rest is named."""
    with Tracer("--max-line", 1024, max_line=1024) as t:
        run = trigger_one("pvmcall", "counts", 900, 1000)
        event = t.of(run["pid"])[0]
        assert event["ret"] == 900 and event["op"] == "read"
        assert event["caller"]["pid"] == event["target"]["pid"] == run["pid"]
        assert event["bytes_requested"] == 900 and event["truncated"] != []


def test_hostile_name_under_the_smallest_line():
    with Tracer("--max-line", 1024, max_line=1024) as t:
        run = trigger_one("pvmcall", "--comm", "01" * 15, "pair")
        assert [e["caller"]["comm"] for e in t.of(run["pid"])] == ["\x01" * 15] * 2
