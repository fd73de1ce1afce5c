# SPDX-License-Identifier: Apache-2.0
"""Where outputs go: what others put there, and what others do to the files while they are written."""

import json
import os
import pwd
import signal
import stat
import struct
import subprocess
import time
from pathlib import Path

import pytest

from pvm import AS_ME, EX_IOERR, ONLY_ME, SLOWNESS, Tracer, poll, pvmtrace, trigger_one
from pvm_host import status
from pvm_files import to_file, whole

FLOODS = True
MALLORY = 4321
EX_CANTCREAT = 73
DAEMON = pwd.getpwnam("daemon")


@pytest.fixture
def open_dir(public_dir):
    """A directory like /tmp."""
    public_dir.chmod(0o1777)
    return public_dir


def plant(path, how):
    {"file": path.touch, "pipe": lambda: os.mkfifo(path)}[how]()
    os.chown(path, MALLORY, MALLORY)
    path.chmod(0o666)


def as_it_was(path):
    st = path.lstat()
    return (st.st_uid, stat.S_IMODE(st.st_mode), st.st_size) == (MALLORY, 0o666, 0)


@pytest.mark.parametrize("how", ["file", "pipe"])
@pytest.mark.parametrize("option, expected", [("-o", EX_IOERR), ("--record", EX_CANTCREAT)])
def test_planted(open_dir, how, option, expected):
    path = open_dir / "out"
    plant(path, how)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        run = pvmtrace(option, path, "--duration", 1)
        assert run.status == expected and str(path) in run.err and str(MALLORY) in run.err and as_it_was(path)
    finally:
        os.close(reader)


def test_planted_metrics(open_dir):
    path, temp = open_dir / "out", open_dir / ".out.tmp"
    plant(path, "file")
    plant(temp, "file")
    with Tracer("--metrics", path, *ONLY_ME) as t:
        t.stop()
        assert "another user's" in t.stderr() and str(path) in t.stderr()
    assert as_it_was(path) and as_it_was(temp)
    path.unlink()
    with Tracer("--metrics", path, *ONLY_ME) as t:
        uid = int(status(t.pid)["Uid"].split("\t")[0])
        t.stop()
        assert "--metrics" not in t.stderr()
    st = path.stat()
    assert (st.st_uid, stat.S_IMODE(st.st_mode)) == (uid, 0o644) and as_it_was(temp)
    assert sorted(os.listdir(open_dir)) == [".out.tmp", "out"]


@pytest.mark.parametrize("where", ["last", "on the way"])
def test_links_of_others(open_dir, where):
    aim = open_dir / "aim"
    aim.mkdir()
    link = open_dir / "link"
    link.symlink_to("aim" if where == "on the way" else "aim/out")
    (aim / "out").touch(0o600)
    os.chown(link, MALLORY, MALLORY, follow_symlinks=False)
    path = link / "out" if where == "on the way" else link
    run = pvmtrace("-o", path)
    assert run.status == EX_IOERR and str(path) in run.err and "link" in run.err
    assert (aim / "out").stat().st_size == 0 and (aim / "out").stat().st_uid == 0


def test_pipe_of_others_that_was_asked_for(open_dir):
    path = open_dir / "out"
    plant(path, "pipe")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        run = pvmtrace("-o", path, "--allow-fifo", "--duration", 1, *ONLY_ME)
        assert run.status == 0 and os.read(reader, 1 << 16).startswith(b'{"time"')
    finally:
        os.close(reader)


def test_private_file_of_roots(public_dir):
    """It is used as it is, not given to a uid that was made up; with an account, that is said."""
    path = public_dir / "out"
    path.touch(0o600)
    with to_file(path) as t:
        uid = int(status(t.pid)["Uid"].split("\t")[0])
        t.stop()
        if uid >= 61184:
            assert "stays root's" in t.stderr() and path.stat().st_uid == 0
    other = public_dir / "other"
    other.touch(0o600)
    with to_file(other, "--user", "daemon") as t:
        t.stop()
        assert "mode 0600" in t.stderr() and str(other) in t.stderr()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode) == 0o600


def test_names_of_what_is_open_stay_usable(public_dir):
    with open(public_dir / "out", "wb") as f:
        os.chown(f.fileno(), MALLORY, MALLORY)
        os.fchmod(f.fileno(), 0o666)
        for name in ("/dev/stdout", f"/proc/self/fd/{f.fileno()}", f"/dev/fd/{f.fileno()}"):
            f.truncate(0)
            f.seek(0)
            t = Tracer("-o", name, "--duration", 1, *ONLY_ME, stdout=f, pass_fds=[f.fileno()])
            assert t.proc.wait(15) == 0, t.stderr()
            whole(public_dir / "out")
    assert stat.S_IMODE((public_dir / "out").stat().st_mode) == 0o666


def grown(path, size=1):
    return lambda: path.exists() and path.stat().st_size >= size


ACL_VERSION = 2
USER_OBJ, USER, GROUP_OBJ, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20


def acl_of(uid, may):
    """As setfacl -m u:UID:MAY makes it (struct posix_acl_xattr_entry)."""
    entries = [(USER_OBJ, 7, -1), (USER, may, uid), (GROUP_OBJ, 5, -1), (MASK, 7, -1), (OTHER, 0, -1)]
    return struct.pack("<I", ACL_VERSION) + b"".join(struct.pack("<HHi", *entry) for entry in entries)


def mode_alone(path):
    assert "system.posix_acl_access" not in os.listxattr(path), path
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.needs("acl")
def test_a_default_list_of_the_directory_is_for_none_of_ours(own_dir):
    """Also of files made later: at SIGHUP, and by the rotation."""
    os.setxattr(own_dir, "system.posix_acl_default", acl_of(MALLORY, 7))
    path, metrics = own_dir / "out.json", own_dir / "pvm.prom"
    with to_file(path, "--user", "daemon", "--metrics", metrics, "--max-size", "64K", *ONLY_ME) as t:
        poll(metrics.exists)
        path.rename(own_dir / "moved")
        t.kick(signal.SIGHUP)
        poll(grown(path))
        trigger_one("pvmcall", *AS_ME, "repeat", 200)
        t.stop()
    modes = {p.name: mode_alone(p) for p in own_dir.iterdir()}
    assert {"out.json", "out.json.1", "moved"} < modes.keys() and modes.pop("pvm.prom") == 0o644
    assert set(modes.values()) == {0o640}
    record = own_dir / "rec"
    with Tracer("--record", record, "--user", "daemon", *ONLY_ME) as t:
        t.stop()
    assert mode_alone(record) == 0o640


@pytest.mark.needs("acl")
@pytest.mark.parametrize("option, expected", [("-o", EX_IOERR), ("--record", EX_CANTCREAT)])
def test_a_list_that_lets_others_read(public_dir, option, expected):
    path = public_dir / "out"
    path.touch(0o600)
    os.setxattr(path, "system.posix_acl_access", acl_of(MALLORY, 4))
    path.chmod(0o640)
    run = pvmtrace(option, path, "--duration", 1)
    assert run.status == expected and f"user {MALLORY} read it" in run.err and str(path) in run.err
    assert not path.stat().st_size


@pytest.mark.parametrize("how", ["file", "pipe", "link"])
def test_planted_before_it_is_opened_again(open_dir, how):
    """At SIGHUP: what lies there stays as it is, and the calls are in the file that was."""
    path, old = open_dir / "out", open_dir / "old"
    with to_file(path, *ONLY_ME) as t:
        poll(grown(path))
        path.rename(old)
        if how == "link":
            plant(open_dir / "aim", "file")
            path.symlink_to("aim")
            os.chown(path, MALLORY, MALLORY, follow_symlinks=False)
        else:
            plant(path, how)
        # The kernel itself may let nobody follow such a link.
        reader = os.open(open_dir / "aim" if how == "link" else path, os.O_RDONLY | os.O_NONBLOCK)
        t.kick(signal.SIGHUP)
        poll(lambda: f"cannot open {path} again" in t.stderr(), 5)
        run = trigger_one("pvmcall", *AS_ME, "self")
        poll(lambda: b'"caller":{"pid":%d,' % run["pid"] in old.read_bytes(), 5)
        assert as_it_was(open_dir / "aim" if how == "link" else path) and not os.read(reader, 1)
        os.close(reader)
        t.proc.send_signal(signal.SIGTERM)
        t.proc.wait(10)


def first_of(path):
    return json.loads(path.read_bytes().split(b"\n", 1)[0])


@pytest.fixture
def own_dir(public_dir):
    os.chown(public_dir, DAEMON.pw_uid, DAEMON.pw_gid)
    return public_dir


def codes_of(lines):
    return [json.loads(line).get("code") for line in lines if line.startswith(b"{")]


def cover(tracer, where, mode):
    """A mount over the directory, where the tracer sees it."""
    inside = ["nsenter", "-m", "-t", str(tracer.pid)]
    subprocess.run([*inside, "mount", "-t", "tmpfs", "-o", f"mode={mode:o}", "none", where], check=True)


@pytest.mark.parametrize("how", ["removed", "replaced", "moved", "emptied",
                                 pytest.param("covered", marks=pytest.mark.needs("mounts"))])
def test_what_others_do_to_the_log(own_dir, how):
    """In a mount over the directory the collector may write, as everybody may."""
    path = own_dir / "out.json"
    prefix = ["/usr/bin/unshare", "-m"] if how == "covered" else []
    with to_file(path, "--user", "daemon", *ONLY_ME, prefix=prefix) as t:
        first = path.stat().st_ino
        time.sleep(1.2)
        begin = time.monotonic()
        if how == "removed":
            path.unlink()
        elif how == "emptied":
            os.truncate(path, 0)
        elif how == "covered":
            cover(t, own_dir, 0o777)
            path = Path(f"/proc/{t.pid}/root{path}")
        else:
            path.rename(own_dir / "old")
            if how == "replaced":
                path.touch(0o640)
                os.chown(path, DAEMON.pw_uid, DAEMON.pw_gid)
        poll(grown(path), 5)
        assert time.monotonic() - begin < 2.5 * SLOWNESS
        head = first_of(path)
        reason = "replaced" if how == "covered" else how
        assert (head["type"], head["reason"]) == ("reopen", reason) and b"\0" not in path.read_bytes()
        assert (path.stat().st_ino == first) == (how == "emptied")
        run = trigger_one("pvmcall", *AS_ME, "self")
        poll(lambda: b'"caller":{"pid":%d,' % run["pid"] in path.read_bytes(), 5)
        with open(path, "rb") as log:  # the mount lives as long as this
            t.stop()
            codes = codes_of(log.read().splitlines())
    assert ("output_replaced" in codes) == (reason == "replaced" or how == "removed")


@pytest.mark.parametrize("how", ["appended", "written anew", "as long", "opened to all", "given away"])
def test_what_others_do_with_the_log_in_its_place(own_dir, how):
    """They leave its name and make it no shorter."""
    path = own_dir / "out.json"
    with to_file(path, "--user", "daemon", *ONLY_ME) as t:
        poll(grown(path))
        time.sleep(1.2)
        old, begin = path.read_bytes(), time.monotonic()
        if how == "appended":
            with open(path, "ab") as f:
                f.write(b"forged")
        elif how == "written anew":
            path.write_bytes(b"forged\n" + bytes(b"x" * len(old)))
        elif how == "as long":
            path.write_bytes(b"x" * len(old))
        elif how == "opened to all":
            path.chmod(0o666)
        else:
            os.chown(path, DAEMON.pw_uid, MALLORY)
        code = {"opened to all": b"output_access", "given away": b"output_access"}.get(how, b"output_replaced")
        poll(lambda: code in path.read_bytes(), 5)
        assert time.monotonic() - begin < 2.5 * SLOWNESS
        run = trigger_one("pvmcall", *AS_ME, "self")
        poll(lambda: b'"caller":{"pid":%d,' % run["pid"] in path.read_bytes(), 5)
        time.sleep(1.2)
        t.stop()
        said = t.stderr()
    lines = path.read_bytes().splitlines()
    assert codes_of(lines).count(code.decode()) == 1, lines
    stop = json.loads(lines[-1])
    assert stop["incomplete"] == (["output_replaced"] if code == b"output_replaced" else [])
    if how == "opened to all":
        error, = (r for r in map(json.loads, lines) if r["type"] == "error")
        assert "mode 0666" in error["message"] and "mode 0666" in said


@pytest.mark.needs("mounts")
@pytest.mark.parametrize("how", ["removed", "moved", "covered"])
def test_what_others_do_where_we_have_no_rights(tmp_path, how):
    """There can be no new file: it is said, on stderr and in what is left of the log."""
    where = tmp_path / "closed"
    where.mkdir(0o700)
    path = where / "out.json"
    prefix = ["/usr/bin/unshare", "-m"]
    t = Tracer("-o", path, *ONLY_ME, prefix=prefix, stdout=subprocess.DEVNULL)
    try:
        poll(grown(path), 15)
        with open(path, "rb") as old:
            time.sleep(1.2)
            if how == "removed":
                path.unlink()
            elif how == "moved":
                path.rename(where / "old")
            else:
                cover(t, where, 0o755)
            poll(lambda: "the output file" in t.stderr(), 5)
            poll(lambda: b"output_replaced" in old.read(), 3)
        assert t.stderr().count("cannot open") == 1
        t.proc.send_signal(signal.SIGTERM)
        t.proc.wait(10)
    finally:
        t.kill()


@pytest.mark.parametrize("how", ["removed", "replaced", "emptied", "moved", "appended", "written anew", "opened to all",
                                 pytest.param("covered", marks=pytest.mark.needs("mounts"))])
def test_what_others_do_to_a_recording(public_dir, how):
    """Where it has lost its name it is still written."""
    path = public_dir / "rec"
    t = Tracer("--record", path, *ONLY_ME, prefix=["/usr/bin/unshare", "-m"] if how == "covered" else [])
    try:
        trigger_one("pvmcall", *AS_ME, "self")
        poll(grown(path))
        time.sleep(1.2)
        if how == "removed":
            path.unlink()
        elif how == "emptied":
            os.truncate(path, 0)
        elif how == "appended":
            with open(path, "ab") as f:
                f.write(b"forged")
        elif how == "written anew":
            path.write_bytes(b"x" * (path.stat().st_size + 100))
        elif how == "opened to all":
            path.chmod(0o666)
        elif how == "covered":
            cover(t, public_dir, 0o777)
        else:
            path.rename(public_dir / "old")
            if how == "replaced":
                path.touch(0o640)
        code = "output_access" if how == "opened to all" else "output_replaced"
        t.wait(lambda t: [r for r in t.records("error") if r["code"] == code], 5)
        assert "the recording" in t.stderr()
        if how == "emptied":
            poll(grown(path))
        run = trigger_one("pvmcall", *AS_ME, "self")
        t.proc.send_signal(signal.SIGTERM)
        assert t.proc.wait(10) == (EX_IOERR if how == "removed" else 0), t.stderr()
    finally:
        t.kill()
    if how != "removed":
        again = pvmtrace("--replay", public_dir / "old" if how in ("moved", "replaced") else path)
        assert again.status == 0 and b'"caller":{"pid":%d,' % run["pid"] in again.out


def test_own_rotation(own_dir):
    """Never more than --max-size, nothing lost, lines whole and in order; logrotate's way beside it."""
    path = own_dir / "out.json"
    with to_file(path, "--user", "daemon", "--max-size", "256K", "--keep", 40, *ONLY_ME) as t:
        for i in range(4):
            trigger_one("pvmcall", *AS_ME, "repeat", 400)
            if i == 1:
                time.sleep(0.5)
                path.rename(own_dir / "out.json-today")
                t.kick(signal.SIGHUP)
                poll(grown(path))
        t.stop()
    files = sorted(own_dir.glob("out.json.*"), key=lambda p: -int(p.suffix[1:])) + [path, own_dir / "out.json-today"]
    assert len(files) > 8
    lines = []
    for p in files:
        assert p.stat().st_size <= 256 << 10 and stat.S_IMODE(p.stat().st_mode) == 0o640
        part = [json.loads(line) for line in p.read_bytes().splitlines()]
        assert part[0]["type"] in ("start", "reopen") and [r["type"] for r in part[1:]].count("reopen") == 0
        assert [r["seq"] for r in part] == list(range(part[0]["seq"], part[0]["seq"] + len(part)))
        lines += part
    assert sorted(r["seq"] for r in lines) == list(range(1, len(lines) + 1))
    assert {r["reason"] for r in lines if r["type"] == "reopen"} == {"size", "signal"}
    assert len([r for r in lines if r["type"] == "process_vm_access"]) == 1600


def test_own_rotation_bounds_a_flood(own_dir):
    path = own_dir / "out.json"
    with to_file(path, "--user", "daemon", "--max-size", "64K", "--keep", 2, *ONLY_ME) as t:
        trigger_one("pvmcall", *AS_ME, "repeat", 3000)
        t.stop()
    assert sorted(p.name for p in own_dir.iterdir()) == ["out.json", "out.json.1", "out.json.2"]
    assert all(p.stat().st_size <= 64 << 10 and first_of(p)["type"] == "reopen" for p in own_dir.iterdir())


@pytest.mark.parametrize("args, word", [
    (["--max-size", "1M"], "--output"), (["--keep", "3"], "--max-size"),
    (["--max-size", "64K", "-o", "x", "--max-line", "20000"], "--max-line")])
def test_limits_that_make_no_sense(args, word):
    run = pvmtrace(*args)
    assert run.status == 64 and args[0] in run.err and word in run.err


def test_own_rotation_where_there_can_be_no_new_file(public_dir):
    run = pvmtrace("-o", public_dir / "out.json", "--max-size", "1M", "--user", "daemon", "--duration", 1)
    assert run.status == EX_IOERR and "--max-size" in run.err and f"directory {public_dir}" in run.err
