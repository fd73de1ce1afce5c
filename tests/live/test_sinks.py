# SPDX-License-Identifier: Apache-2.0
"""Where the lines go: pipes that are slow or gone, files that are full, renamed or not ours."""

import errno
import os
import pwd
import re
import signal
import stat
import subprocess
import time

import pytest

from needs import require
from pvm import AS_ME, EX_IOERR, ONLY_ME, TRIGGERS, Tracer, poll, pvmtrace, trigger_one
from pvm_files import lines_of, read, to_file, whole
from pvm_host import status
from pvm_stream import Stream

FLOODS = True
DAEMON = pwd.getpwnam("daemon")


@pytest.fixture
def own_dir(public_dir):
    """A directory of the user that the collector becomes."""
    os.chown(public_dir, DAEMON.pw_uid, DAEMON.pw_gid)
    return public_dir


def comes(path, pid):
    poll(lambda: b'"caller":{"pid":%d,' % pid in open(path, "rb").read(), 5)


def test_file(public_dir):
    path = public_dir / "out.json"
    with to_file(path) as t:
        uid, gid = (int(status(t.pid)[k].split("\t")[0]) for k in ("Uid", "Gid"))
        st = os.stat(path)
        assert stat.S_IMODE(st.st_mode) == 0o640 and (st.st_uid, st.st_gid) == (uid, gid)
        run = trigger_one("pvmcall", "pair")
        comes(path, run["pid"])
        flags = [int(line.split()[1], 8) for fd in os.listdir(f"/proc/{t.pid}/fd")
                 if os.readlink(f"/proc/{t.pid}/fd/{fd}") == str(path)
                 for line in open(f"/proc/{t.pid}/fdinfo/{fd}", encoding="ascii") if line.startswith("flags")]
        assert flags and all(f & os.O_APPEND for f in flags)
        t.stop()
    s = whole(path)
    assert [r["op"] for r in s.of("process_vm_access") if r["caller"]["pid"] == run["pid"]] == ["read", "write"]


def test_mode_does_not_depend_on_umask(public_dir):
    path = public_dir / "out.json"
    with to_file(path, umask=0o777) as t:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
        t.stop()


def test_appends_and_repairs_what_a_killed_writer_left(public_dir):
    path = public_dir / "out.json"
    path.write_bytes(b'{"half":"a li')
    with to_file(path) as t:
        poll(lambda: lines_of(path) >= 2)
        t.stop()
    data = path.read_bytes()
    first, _, rest = data.partition(b"\n")
    assert first == b'{"half":"a li'
    s = Stream()
    s.feed(rest)
    s.finish()


def test_two_runs_in_one_file(public_dir):
    path = public_dir / "out.json"
    for _ in range(2):
        have = lines_of(path)
        with to_file(path) as t:
            poll(lambda have=have: lines_of(path) > have)
            t.stop()
    text = path.read_bytes()
    cut = text.index(b'"type":"stop"')
    cut = text.index(b"\n", cut) + 1
    for part in (text[:cut], text[cut:]):
        s = Stream()
        s.feed(part)
        s.finish()


def test_reopen(own_dir):
    """Rename, SIGHUP: no line is missing, none is in both files."""
    path, old = own_dir / "out.json", own_dir / "out.json.1"
    with to_file(path, "--user", "daemon") as t:
        before = trigger_one("pvmcall", "self")["pid"]
        comes(path, before)
        path.rename(old)
        between = trigger_one("pvmcall", "self")["pid"]
        comes(old, between)
        t.kick(signal.SIGHUP)
        poll(lambda: lines_of(path))
        after = trigger_one("pvmcall", "self")["pid"]
        comes(path, after)
        st = os.stat(path)
        assert stat.S_IMODE(st.st_mode) == 0o640 and st.st_uid == DAEMON.pw_uid
        t.stop()
    first = read(old)
    second = read(path, first_seq=first.next_seq, first_type="reopen")
    assert first.rest == b"" and second.rest == b""
    assert second.look(0)["type"] == "reopen" and second.last_type == "stop"
    assert first.of("reopen") == []
    pids = [[r["caller"]["pid"] for r in s.of("process_vm_access")] for s in (first, second)]
    assert before in pids[0] and between in pids[0] and after in pids[1] and after not in pids[0]


@pytest.mark.slow
def test_reopen_under_calls(own_dir):
    path = own_dir / "out.json"
    parts = []
    with to_file(path, "--user", "daemon", *ONLY_ME) as t:
        p = subprocess.Popen([TRIGGERS / "pvmcall", *AS_ME, "repeat", "6000"],
                             stdout=subprocess.DEVNULL)
        for i in range(4):
            time.sleep(0.05)
            part = own_dir / f"out.json.{i}"
            path.rename(part)
            parts.append(part)
            t.kick(signal.SIGHUP)
            poll(lambda: lines_of(path))
        assert p.wait(20) == 0
        t.stop()
    seq, calls, kind = 1, 0, "start"
    for part in [*parts, path]:
        s = read(part, first_seq=seq, first_type=kind)
        assert s.rest == b""
        seq, kind = s.next_seq, "reopen"
        calls += len(s.of("process_vm_access"))
    assert calls == 6000 == s.lines[-1]["counters"]["emitted"]


def test_reopen_that_fails_keeps_the_old_file(public_dir):
    """The directory is root's: at start a warning, at SIGHUP words, and nothing is lost."""
    path, old = public_dir / "out.json", public_dir / "out.json.1"
    with to_file(path, "--user", "daemon") as t:
        assert str(public_dir) in t.stderr(), "no warning at the start"
        said = len(t.stderr())
        path.rename(old)
        t.kick(signal.SIGHUP)
        poll(lambda: len(t.stderr()) > said)
        assert str(path) in t.stderr()[said:]
        run = trigger_one("pvmcall", "self")
        comes(old, run["pid"])
        assert not path.exists()
        t.stop()
    whole(old)


def test_no_warning_where_reopen_works(own_dir):
    with to_file(own_dir / "out.json", "--user", "daemon") as t:
        assert str(own_dir) not in t.stderr()
        t.stop()


def test_sighup_without_a_file_changes_nothing():
    with Tracer() as t:
        t.kick(signal.SIGHUP)
        run = trigger_one("pvmcall", "self")
        assert t.one(run["pid"])["ret"] == 64


@pytest.mark.parametrize("path", ["/nonexistent-directory/out.json", "/"])
def test_file_that_cannot_be_opened(path):
    run = pvmtrace("-o", path)
    assert run.status == EX_IOERR and path in run.err


@pytest.mark.parametrize("how", ["stdout", "option"])
def test_dev_full(how):
    if how == "option":
        run = pvmtrace("-o", "/dev/full")
        assert run.status == EX_IOERR and os.strerror(errno.ENOSPC) in run.err
        return
    with open("/dev/full", "wb") as full:
        t = Tracer(stdout=full)
        try:
            t.proc.wait(15)
            assert t.proc.returncode == EX_IOERR and os.strerror(errno.ENOSPC) in t.stderr()
        finally:
            t.kill()


def test_reader_goes_away():
    t = Tracer()
    try:
        fd = t.proc.stdout.fileno()
        t.paused.set()
        trigger_one("pvmcall", "self")  # the thread wakes up once more, then rests
        trigger_one("pvmcall", "repeat", 3000)  # more than the pipe takes
        time.sleep(0.3)
        os.dup2(os.open("/dev/null", os.O_RDONLY), fd)
        for _ in range(20):
            trigger_one("pvmcall", "self")
            if t.proc.poll() is not None:
                break
            time.sleep(0.1)
        t.proc.wait(5)
        assert t.proc.returncode == EX_IOERR and "the reader of the output has gone" in t.stderr()
        # No `lost` record was written: none is spoken of.
        told = re.search(r"calls were lost \(\d+ seen\): (.*)", t.stderr())
        assert told and re.fullmatch(r"\w*output \d+", told.group(1)), t.stderr()
    finally:
        t.kill()


def test_reader_is_gone_before_the_start():
    r, w = os.pipe()
    os.close(r)
    t = Tracer(stdout=w)
    os.close(w)
    try:
        t.proc.wait(15)
        assert t.proc.returncode == EX_IOERR
    finally:
        t.kill()


def test_reader_of_small_slices():
    """7 bytes at a time, then 100 kB at once: whole lines in order, nothing twice."""
    with Tracer(*ONLY_ME, read=False) as t:
        chunks = iter([7] * 2000)
        t._chunk = lambda: os.read(t.proc.stdout.fileno(), next(chunks, 100_000))
        t.read()
        t.wait_start()
        trigger_one("pvmcall", *AS_ME, "repeat", 3000)
        t.stop()
        assert len(t.records("process_vm_access")) == 3000


def test_reader_that_pauses():
    """Longer than a pipe holds; the ring is the queue."""
    with Tracer(*ONLY_ME) as t:
        t.paused.set()
        trigger_one("pvmcall", *AS_ME, "repeat", 2000)
        time.sleep(0.5)
        t.paused.clear()
        t.wait(lambda t: len(t.events()) == 2000, 10)
        t.stop()


@pytest.mark.slow
def test_reader_that_stands_still():
    """SIGTERM ends the run in time all the same; what did come out is whole lines; the status says it."""
    t = Tracer(*ONLY_ME, read=False)
    try:
        t.wait_written()
        trigger_one("pvmcall", *AS_ME, "repeat", 3000)
        t.kick(signal.SIGTERM)
        t.proc.wait(6)
        assert t.proc.returncode == EX_IOERR and "the output did not take the last records\n" in t.stderr()
        data = b""
        while chunk := os.read(t.proc.stdout.fileno(), 1 << 20):
            data += chunk
        assert data.endswith(b"\n")
        Stream().feed(data)
    finally:
        t.kill()


def crowded(*args):
    """A small ring and a reader that rests while many calls are made."""
    t = Tracer("--ring-size", "64K", *ONLY_ME, *args)
    t.paused.set()
    trigger_one("pvmcall", *AS_ME, "repeat", 50_000, timeout=60)
    t.paused.clear()
    return t


@pytest.mark.slow
def test_a_slow_reader_loses_nothing():
    """What finds no room in the ring is told together (what can be lost all the same: test_summary.py)."""
    with crowded("--fail-on-loss") as t:
        t.wait(lambda t: t.stream.of("process_vm_summary"), 5, "a summary")
        t.stop()
        told = sum(r["calls"] for r in t.records("process_vm_summary"))
        assert t.counters["seen"] >= 50_000 and t.counters["lost"] == 0 and t.records("lost") == []
        assert told == t.counters["summarised"] > 0 and t.counters["emitted"] == t.counters["seen"] - told - \
            t.counters["filtered"]


def test_fail_on_loss_without_loss():
    with Tracer("--fail-on-loss", *ONLY_ME) as t:
        trigger_one("pvmcall", *AS_ME, "self")
        t.stop()


def test_full_disk(public_dir):
    """It is said and retried; after there is room again nothing is half-written, and all is counted."""
    where = public_dir / "small"
    where.mkdir()
    require("mounts")
    prefix = ["/usr/bin/unshare", "-m", "sh", "-c",
              f"mount -t tmpfs -o size=512k,mode=777 none {where} && head -c 458752 /dev/zero > {where}/filler && "
              "exec \"$@\"", "sh"]
    t = Tracer("-o", where / "out.json", *ONLY_ME, prefix=prefix, stdout=subprocess.DEVNULL)
    try:
        inside = f"/proc/{t.pid}/root{where}"
        poll(lambda: lines_of(f"{inside}/out.json"), 15)
        said = len(t.stderr())
        trigger_one("pvmcall", *AS_ME, "repeat", 100)
        message = f"cannot write to {where}/out.json: {os.strerror(errno.ENOSPC)}; lines are held back"
        poll(lambda: message in t.stderr()[said:], 10)
        data = open(f"{inside}/out.json", "rb").read()
        assert data.endswith(b"\n"), "a line was left half-written"
        assert t.proc.poll() is None
        os.truncate(f"{inside}/filler", 0)
        os.unlink(f"{inside}/filler")
        more = trigger_one("pvmcall", *AS_ME, "repeat", 20)["pid"]
        root = os.open(inside, os.O_RDONLY)  # the mount lives as long as this
        poll(lambda: open(f"{inside}/out.json", "rb").read().count(b'"caller":{"pid":%d,' % more) == 20, 10)
        t.stop()
        path = f"/proc/self/fd/{root}/out.json"
        s = read(path)
        os.close(root)
        s.finish()
        c = s.lines[-1]["counters"]
        assert c["emitted"] == 120 and c["lost"] == 0, "held back and written later"
    finally:
        t.kill()


@pytest.mark.slow
def test_disk_that_stays_full(public_dir):
    """The run ends in time, with 74, and the file ends with a whole line."""
    where = public_dir / "small"
    where.mkdir()
    require("mounts")
    prefix = ["/usr/bin/unshare", "-m", "sh", "-c",
              f"mount -t tmpfs -o size=64k,mode=777 none {where} && exec \"$@\"", "sh"]
    t = Tracer("-o", where / "out.json", *ONLY_ME, prefix=prefix, stdout=subprocess.DEVNULL)
    try:
        inside = f"/proc/{t.pid}/root{where}"
        poll(lambda: lines_of(f"{inside}/out.json"), 15)
        root = os.open(inside, os.O_RDONLY)
        trigger_one("pvmcall", *AS_ME, "repeat", 400)
        time.sleep(0.5)
        t.kick(signal.SIGTERM)
        t.proc.wait(6)
        assert t.proc.returncode == EX_IOERR and "the output did not take the last records\n" in t.stderr()
        with open(f"/proc/self/fd/{root}/out.json", "rb") as f:
            data = f.read()
        os.close(root)
        assert data.endswith(b"\n")
        Stream().feed(data)
    finally:
        t.kill()


def test_a_file_may_take_the_place_of_stdout(public_dir):
    """Redirected by the shell: same lines, same order."""
    path = public_dir / "out.json"
    with open(path, "ab") as f:
        t = Tracer("--duration", 1, stdout=f)
    try:
        t.proc.wait(15)
        assert t.proc.returncode == 0
        whole(path)
    finally:
        t.kill()
