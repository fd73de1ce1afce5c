# SPDX-License-Identifier: Apache-2.0
"""Where outputs go: what others put there, and what others do to the files while they are written."""

import os
import stat

import pytest

from pvm import EX_IOERR, ONLY_ME, Tracer, pvmtrace
from pvm_host import status
from test_sinks import to_file, whole

MALLORY = 4321
EX_CANTCREAT = 73


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
