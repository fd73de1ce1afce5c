# SPDX-License-Identifier: Apache-2.0
"""The format for people: what a real call looks like, and what a terminal gets."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest

from pvm import AS_ME, MY_NAME, ONLY_ME, PVMTRACE, STOP_TIMEOUT, Tracer, pvmtrace, trigger_one
from pvm_arch import NATIVE

HOSTILE = b"\x1b[31m\xe2\x80\xae\xff"
ESC = "\x1b"
CUT = "\u2026"
COLOR = re.compile(r"\x1b\[[0-9;]*m")
LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (?P<caller>.+)\((?P<pid>\d+)\) +\u2192 (?P<target>.+)\((?P<tpid>[^)]+)\) +"
                  r"(?P<op>read|write) +(?P<bytes>\S+) (?P<result>\S+) +uid=(?P<uid>\d+) +(?P<range>\S+( \(\+\d+\))?)"
                  r"( (?P<place>(\[\w+\]|\S+ [r-][w-][x-]|nothing mapped)( \(deleted\))?( \(\+\d+\))?))?( +(?P<flags>.+))?")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """(file, facts of the triggers) of a run with a few calls, one of them by a process with a nasty name."""
    path = tmp_path_factory.mktemp("text") / "calls"
    comms = ("--caller-comm", MY_NAME, "--caller-comm", os.fsdecode(HOSTILE))
    with Tracer("--record", path, *comms) as t:
        facts = {"pair": trigger_one("pvmcall", *AS_ME, "pair"),
                 "nobody": trigger_one("pvmcall", "--comm", HOSTILE.hex(), "pid", 1999999999)}
        # What it counts is in the file, not in what the tracer wrote.
        t.kick(signal.SIGTERM)
        assert t.proc.wait(STOP_TIMEOUT) == 0
    return path, facts


def lines(recorded, *args, **kw):
    run = pvmtrace("--replay", recorded[0], "-f", "text", *args, **kw)
    assert run.status == 0, run.err
    return run.out.decode("utf-8", errors="strict").splitlines()


def of(found, pid):
    matches = [LINE.fullmatch(line) for line in found if f"({pid})" in line]
    assert matches and all(matches), found
    return matches


def test_lines(recorded):
    found = lines(recorded)
    assert " -- start: pvmtrace " in found[0] and " -- stop: " in found[-1] and "complete: seen" in found[-1]
    pair = recorded[1]["pair"]
    read, write = of(found, pair["pid"])
    assert (read["op"], write["op"]) == ("read", "write")
    for m in (read, write):
        assert m["caller"] == MY_NAME and int(m["tpid"]) == pair["target"] and int(m["uid"]) == os.getuid()
        assert (m["bytes"], m["result"]) == ("64", "ok") and m["flags"] in ("child", "child, confirmed")
        assert re.fullmatch(r"0x[0-9a-f]+\+64", m["range"])
    # Aligned.
    assert len({m.start("result") for m in (read, write)}) == 1
    assert not any(CUT in line for line in found)


def test_arguments(recorded):
    """With -v, and not without."""
    pid = recorded[1]["nobody"]["pid"]
    line, = [line for line in lines(recorded, "-v") if f"({pid})" in line]
    assert re.search(rf"  args: \S*/pvmcall --comm {HOSTILE.hex()} pid 1999999999$", line)
    assert not any("args:" in line for line in lines(recorded))


def test_hostile_name(recorded):
    line, = of(lines(recorded), recorded[1]["nobody"]["pid"])
    assert line["caller"] == r"\x1b[31m\u{202e}\xff"
    assert (line["target"], line["tpid"]) == ("?", "1999999999")
    assert (line["bytes"], line["result"]) == ("0/64", "ESRCH")


def replay(recorded):
    return "--replay", recorded[0], "-f", "text"


def on_terminal(args, width, **env):
    """What a terminal of so many columns is sent by a run that comes to its end."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    with subprocess.Popen([PVMTRACE, *map(str, args)], stdin=subprocess.DEVNULL, stdout=slave,
                          env={**clean, "TERM": "xterm", **env}) as p:
        os.close(slave)
        out = b""
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:  # the other side was closed
                break
            if not data:
                break
            out += data
    os.close(master)
    assert p.returncode == 0
    return out.decode("utf-8", errors="strict").splitlines()


@pytest.mark.parametrize("width", [200, 80, 20])
def test_terminal(recorded, width):
    found = on_terminal(replay(recorded), width)
    plain = [COLOR.sub("", line) for line in found]
    assert all(ESC in line for line in found) and not any(ESC in line for line in plain)
    assert all(len(line) <= width for line in plain)
    assert all((len(line) == width) or CUT not in line for line in plain)
    assert len(found) == len(lines(recorded))
    assert any(CUT in line for line in plain)
    if width == 20:
        assert all(line.endswith(CUT) for line in plain)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_color(recorded, env):
    assert not any(ESC in line for line in on_terminal(replay(recorded), 100, **env))


@pytest.mark.parametrize("form", ["text", "json"])
def test_live_on_a_terminal(form):
    """Of which it is asked, while the run goes on, how wide it is."""
    found = on_terminal(("-f", form, "--duration", 1, *ONLY_ME), 100)
    assert "start" in found[0] and "stop" in found[-1] and "duration" in found[-1]


@pytest.mark.slow
def test_live():
    with Tracer("-f", "text", *ONLY_ME, read=False) as t:
        t.wait_written()
        done = trigger_one("pvmcall", *AS_ME, "self", "write")
        t.stop()
        out = t.proc.stdout.read().decode("utf-8", errors="strict").splitlines()
    line, = of(out, done["pid"])
    assert line["op"] == "write" and line["flags"] == "self"
    assert " -- start: " in out[0] and NATIVE in out[0] and f"--caller-comm {MY_NAME}" in out[0]
    assert " -- stop: SIGTERM, " in out[-1]
