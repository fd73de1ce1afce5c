# SPDX-License-Identifier: Apache-2.0
"""Files that a target has mapped, as its regions name them: names that could deceive, and what is a file to the kernel alone."""

import contextlib
import os
import re

import pytest

from pvm import Held, Tracer, trigger_one
from pvm_fuse import Fuse
from pvm_maps import expected, maps, nothing, regions

# Maps what its arguments name, in this order, and says where: of each a byte is there. What cannot be had is null.
MAPPER = """
import ctypes, errno, json, mmap, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = libc.shmat.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]

def checked(ret):
    if ret in (None, -1, 2**64 - 1):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return ret

def of(fd, size=4096, how=mmap.MAP_SHARED, prot=mmap.PROT_READ, offset=0):
    return checked(libc.mmap(None, size, prot, how, fd, offset))

def file(path):
    return of(os.open(path, os.O_RDONLY))

def tmpfile(path):
    fd = os.open(path, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.ftruncate(fd, 4096)
    return of(fd)

def linked(path):
    fd = os.open(os.path.dirname(path), os.O_TMPFILE | os.O_RDWR, 0o600)
    os.ftruncate(fd, 4096)
    checked(libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, os.fsencode(path), 0x400))
    return of(fd)

def memfd(name):
    fd = os.memfd_create(name)
    os.ftruncate(fd, 4096)
    return of(fd)

def sysv(how):
    prot = {"rw": 0, "ro": 0o10000}[how]
    key = os.getpid()
    shm = checked(libc.shmget(key if how == "rw" else 0, 4096, 0o1600))
    try:
        return checked(libc.shmat(shm, None, prot))
    finally:
        libc.shmctl(shm, 0, None)

def io_uring(offset):
    fd = checked(libc.syscall(425, 8, ctypes.create_string_buffer(120)))
    return of(fd, prot=mmap.PROT_READ | mmap.PROT_WRITE, offset=int(offset, 16))

def packet(_):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(263, 5, struct.pack("IIII", 4096, 1, 2048, 2))
    return of(s.detach(), prot=mmap.PROT_READ | mmap.PROT_WRITE)

def secret(_):
    fd = checked(libc.syscall(447, 0))
    os.ftruncate(fd, 4096)
    return of(fd)

def perf(_):
    attr = struct.pack("IIQQQQQ", 1, 112, 0, 0, 0, 0, 1) + bytes(72)
    fd = checked(libc.syscall({"x86_64": 298, "aarch64": 241}[os.uname().machine], attr, 0, -1, -1, 0))
    return of(fd)

places = []
for what in sys.argv[1:]:
    kind, _, name = what.partition(":")
    try:
        places.append(globals()[kind](name))
    except OSError as e:
        places.append(e.strerror)
print(json.dumps({"places": places}), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def mapping(*what):
    """A process that has mapped all of this, and each mapping of it; or why there is none."""
    with Held("/usr/bin/python3", "-B", "-c", MAPPER, *what) as held:
        places = held.line()["places"]
        known = maps(held.pid)
        yield held.pid, [at if isinstance(at, str) else next(m for m in known if m.start <= at < m.end) for at in places]


def shown(raw):
    """As a line has it: each byte that is no UTF-8 is replaced."""
    return "".join("\ufffd" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in os.fsdecode(raw))


NAMES = [b"line\nfeed", b"\n", b"octal\\012", b'quote"', b"back\\slash", b"\\", b'","deleted":true,"x":"', b" blanks  in it ",
         b"\t\x01\x1b[31m\x7f", b"in\xffvalid", b"\xc0\x80", b"\xed\xa0\x80", b"cut short \xf0\x9f\x98", b"\xc2\x9b31m", b"caf\xc3\xa9", b"\xe2\x80\xaeexe",
         b"x (deleted)", b" (deleted)", b"(unreachable)", b"[heap]", b"[...]", b"memfd:x", b"n" * 255]
# With those of them the bytes themselves are told, too.
REPLACED = (b"in\xffvalid", b"\xc0\x80", b"\xed\xa0\x80", b"cut short \xf0\x9f\x98", b"\xc2\x9b31m")


def test_odd_names_of_files(tracer, public_dir):
    """Of the file and of its directory: as /proc says it, but for what that leaves open: whether a line feed is one, and whether
    a file is gone or is called so."""
    paths = []
    for raw in NAMES:
        where = os.fsencode(public_dir) + b"/" + raw
        os.mkdir(where)
        paths.append(where + b"/" + raw)
        with open(paths[-1], "wb") as f:
            f.write(bytes(4096))
    with mapping(*(f"file:{os.fsdecode(path)}" for path in paths)) as (pid, found):
        for gone in (False, True):
            for raw, path, m in zip(NAMES, paths, found, strict=True):
                assert os.fsencode(m.path) == path.replace(b"\\012", b"\n")
                want = {**expected(m, m.start, 0), "kind": "file", "file": shown(path), "deleted": gone}
                if raw in REPLACED:
                    want["file_hex"] = path.hex()
                assert regions(tracer, pid, m.start) == [want]
            if not gone:
                for path in paths:
                    os.unlink(path)
        # And /proc says so.
        assert all(m.path.endswith(" (deleted)") for now in [maps(pid)] for m in now if m.start in {old.start for old in found})


def pattern(path):
    """That holds for this path alone."""
    return "file:" + re.sub(r"([\\*?[])", r"\\\1", os.fsdecode(path))


def test_filters_by_odd_names(public_dir):
    """Byte for byte: of what is asked for no name is missed, and what is excluded hides none but itself."""
    paths = []
    for raw in [name for name in NAMES if len(name) < 200] + [b"other"]:
        paths.append(os.fsencode(public_dir) + b"/" + raw)
        with open(paths[-1], "wb") as f:
            f.write(bytes(4096))
    *named, other = paths
    with mapping(*(f"file:{os.fsdecode(path)}" for path in paths)) as (pid, found):
        asked = [word for path in named for word in ("--region", pattern(path))]
        excluded = [word.replace("file:", "!file:") for word in asked]
        for words, want in ((asked, named), (excluded, [other])):
            with Tracer("--target-pid", pid, *words) as t:
                pids = [trigger_one("pvmregion", "read", pid, 1, f"{m.start:x}")["pid"] for m in found]
                t.stop()
                assert [path for path, caller in zip(paths, pids, strict=True) if t.events(caller)] == want


def test_odd_names_of_memory(tracer):
    """Of memfd_create(2), which may have slashes."""
    names = [*(raw for raw in NAMES if len(raw) < 200), b"/", b"a/b/../c", b"", b"/usr/lib/libc.so.6"]
    with mapping(*(f"memfd:{os.fsdecode(raw)}" for raw in names)) as (pid, found):
        for raw, m in zip(names, found, strict=True):
            path = b"/memfd:" + raw
            assert os.fsencode(m.path) == path.replace(b"\\012", b"\n") + b" (deleted)"
            want = {**expected(m, m.start, 0), "file": shown(path), "deleted": True}
            if raw in REPLACED:
                want["file_hex"] = path.hex()
            assert regions(tracer, pid, m.start) == [want]


def test_a_file_that_never_had_a_name(tracer, public_dir):
    """As O_TMPFILE makes it; that it gets one later does not show, in /proc neither."""
    linked = public_dir / "linked"
    with mapping(f"tmpfile:{public_dir}", f"linked:{linked}") as (pid, found):
        assert linked.stat().st_ino == found[1].ino
        for m in found:
            assert m.path == f"{public_dir}/#{m.ino} (deleted)"
            want = expected(m, m.start, 0)
            assert want["file"] == f"{public_dir}/#{m.ino}" and want["deleted"] is True
            assert regions(tracer, pid, m.start) == [want]


def test_shared_memory_of_system_v(tracer):
    """With its key in its name, and its id for an inode number."""
    with mapping("sysv:rw", "sysv:ro") as (pid, found):
        assert [m.path for m in found] == [f"/SYSV{pid:08x} (deleted)", "/SYSV00000000 (deleted)"]
        assert [m.perms for m in found] == ["rw-s", "r--s"]
        for m in found:
            region, = regions(tracer, pid, m.start)
            assert region == expected(m, m.start, 0)
            assert (region["kind"], region["name"], region["file"]) == ("shared", m.path[1:13], None)


# What, how /proc names it, how it is told, and whether that is said to be gone.
OF_THE_KERNEL = [("io_uring:0", "anon_inode:[io_uring]", "anon_inode:[io_uring]", False),
                 ("io_uring:10000000", "anon_inode:[io_uring]", "anon_inode:[io_uring]", False),
                 ("perf:", "anon_inode:[perf_event]", "anon_inode:[perf_event]", False),
                 ("packet:", "socket:[{ino}]", "PACKET", False), ("secret:", "/secretmem (deleted)", "secretmem", False)]


@pytest.mark.parametrize("what, path, name, gone", OF_THE_KERNEL, ids=[row[0].rstrip(":") for row in OF_THE_KERNEL])
def test_memory_that_the_kernel_shares(tracer, what, path, name, gone):
    """Rings, and what is not even the kernel's to read: these are files of no file system that has names."""
    with mapping(what) as (pid, (m,)):
        if isinstance(m, str):
            pytest.skip(f"this kernel has none: {m}")
        assert m.path == path.format(ino=m.ino)
        want = {**expected(m, m.start, 0), "kind": "file", "file": name, "deleted": gone, "name": None}
        assert regions(tracer, pid, m.start) == [want]
        assert regions(tracer, pid, m.end - 1) == [{**want, "offset": hex(m.offset + m.end - 1 - m.start)}]


@pytest.mark.needs("fuse", "mounts")
def test_fuse(tracer, public_dir):
    """A file whose content a process makes up; and its place when it is mounted no longer."""
    with contextlib.closing(Fuse(public_dir, "made up", b"x" * 8192)), mapping(f"file:{public_dir}/made up") as (pid, (m,)):
        assert m.path == f"{public_dir}/made up"
        assert regions(tracer, pid, m.start) == [expected(m, m.start, 0)]
        assert regions(tracer, pid, m.end) in ([nothing(0)], [expected(b, m.end, 0) for b in maps(pid) if b.start == m.end])
