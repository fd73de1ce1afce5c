# SPDX-License-Identifier: Apache-2.0
"""--data: the first bytes that a call moved, and only those; without it none, nowhere."""

import ctypes
import mmap
import os
import signal
import struct

import pytest

from pvm import Tracer, own_call, trigger_one

WRITEV = {"x86_64": 311, "aarch64": 271}[os.uname().machine]
READV = WRITEV - 1
SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----" * 30


class Buffers:
    """Memory of this process, which is caller and target, and lists of it."""

    def __init__(self):
        self.source = ctypes.create_string_buffer(SECRET)
        self.sink = ctypes.create_string_buffer(4096)
        self.kept = []

    def list_of(self, *ranges):
        """(address, count) of a list of these (address, length)."""
        text = ctypes.create_string_buffer(b"".join(struct.pack("=QQ", *r) for r in ranges))
        self.kept.append(text)
        return ctypes.addressof(text), len(ranges)

    def read(self, *local, remote=None):
        """Into these ranges."""
        source = remote or ctypes.addressof(self.source)
        return own_call(os.getpid(), 0, self.list_of(*local), self.list_of((source, len(SECRET))), READV)

    def write(self, *local, remote=None):
        sink = remote or ctypes.addressof(self.sink)
        return own_call(os.getpid(), 0, self.list_of(*local), self.list_of((sink, 4096)), WRITEV)


@pytest.fixture(name="b")
def buffers():
    return Buffers()


@pytest.fixture(name="t")
def tracer_of_data():
    with Tracer("--data", 64) as t:
        yield t


def last(t):
    """The event of the call that was just made."""
    return [e for e in t.of(os.getpid()) if e["flags"] == "0x0"][-1]


def expect(event, text):
    if text is None:
        assert event["data"] is None
    else:
        assert event["data"] == {"hex": text.hex(), "len": len(text), "cut": event["ret"] > len(text), "origin": "user", "toctou": True}


def test_what_was_read(t, b):
    to = ctypes.addressof(b.sink)
    assert t.start["limits"]["data_bytes"] == 64 and any("--data" in note for note in t.start["notes"])
    assert b.read((to, 700)) == 700
    expect(last(t), SECRET[:64])
    assert b.read((to, 3), (to + 100, 0), (to + 200, 7), (to + 300, 1000)) == 1010
    expect(last(t), SECRET[:64])
    assert b.read((to, 3), (to + 100, 7)) == 10
    expect(last(t), SECRET[:10])


def test_what_was_written(t, b):
    of = ctypes.addressof(b.source)
    assert b.write((of + 5, 700)) == 700
    expect(last(t), SECRET[5:69])
    assert b.write((of + 5, 6), (of, 5)) == 11
    expect(last(t), SECRET[5:11] + SECRET[:5])


def test_across_pages(t, b):
    """Of a page that is not there, what stands before it."""
    pages = mmap.mmap(-1, 2 * mmap.PAGESIZE)
    at = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    pages[mmap.PAGESIZE - 10:mmap.PAGESIZE + 10] = bytes(range(20))
    assert b.write((at + mmap.PAGESIZE - 10, 20)) == 20
    expect(last(t), bytes(range(20)))
    assert ctypes.CDLL(None).munmap(ctypes.c_void_p(at + mmap.PAGESIZE), mmap.PAGESIZE) == 0
    ret = b.write((at + mmap.PAGESIZE - 10, 20))
    expect(last(t), bytes(range(10)) if ret == 10 else None)


def test_only_what_moved(t, b):
    """Not what else stands in the ranges."""
    of, to = ctypes.addressof(b.source), ctypes.addressof(b.sink)
    source = b.list_of((of, 9))
    assert own_call(os.getpid(), 0, b.list_of((to, 100)), source, READV) == 9
    expect(last(t), SECRET[:9])
    assert own_call(os.getpid(), 0, b.list_of((of, 100)), b.list_of((to, 7)), WRITEV) == 7
    expect(last(t), SECRET[:7])
    assert b.read((to, 100), remote=1) < 0
    expect(last(t), None)
    assert b.write((of, 100), remote=1) < 0
    expect(last(t), None)
    assert b.write((of, 0)) == 0
    expect(last(t), None)


def test_local_memory_that_is_not_there(t, b):
    """Of the ranges before it, what moved is known."""
    of = ctypes.addressof(b.source)
    for call in (b.read, b.write):
        assert call((8, 100)) < 0
        expect(last(t), None)
    assert b.write((of, 9), (8, 100)) == 9
    expect(last(t), SECRET[:9])
    assert own_call(os.getpid(), 0, (8, 1), b.list_of((of, 9)), WRITEV) < 0
    expect(last(t), None)


def test_a_long_list(t, b):
    """The first 8 elements of it, and that there were more."""
    of, to = ctypes.addressof(b.source), ctypes.addressof(b.sink)
    assert b.write(*[(of + 2 * i, 1) for i in range(40)]) == 40
    expect(last(t), SECRET[:16:2])
    assert last(t)["data"]["cut"] is True
    assert b.read(*[(to + 2 * i, 1) for i in range(1024)]) == 1024
    expect(last(t), SECRET[:8])
    assert b.write(*[(of + 2 * i, 1) for i in range(8)]) == 8
    assert last(t)["data"]["cut"] is False


@pytest.mark.parametrize("size, cut", [(1, False), (63, False), (64, False), (65, True), (700, True)])
def test_more_than_is_asked_for(t, b, size, cut):
    for call, at in ((b.write, b.source), (b.read, b.sink)):
        assert call((ctypes.addressof(at), size)) == size
        assert last(t)["data"]["cut"] is cut


def test_a_page_that_nobody_touched(t, b, tmp_path):
    """What is to be written is there only once the kernel has fetched it."""
    (tmp_path / "payload").write_bytes(SECRET)
    with open(tmp_path / "payload", "r+b") as f:
        page = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    assert b.write((at, 700)) == 700
    expect(last(t), SECRET[:64])


@pytest.mark.parametrize("present", [1, 10, 63])
def test_a_second_page_that_nobody_touched(t, b, tmp_path, present):
    """What stands before it is that of the entry, the rest that of the exit."""
    (tmp_path / "payload").write_bytes(bytes(mmap.PAGESIZE) + SECRET)
    with open(tmp_path / "payload", "r+b") as f:
        pages = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
    first = SECRET[::-1][:present]
    pages[mmap.PAGESIZE - present:mmap.PAGESIZE] = first
    at = ctypes.addressof(ctypes.c_char.from_buffer(pages)) + mmap.PAGESIZE
    assert b.write((at - present, 700)) == 700
    expect(last(t), (first + SECRET)[:64])


def test_the_most_and_the_least(b):
    of = ctypes.addressof(b.source)
    for size in (1, 256):
        with Tracer("--data", size) as t:
            assert b.write((of, 1000)) == 1000
            expect(last(t), SECRET[:size])
    with Tracer() as t:
        assert b.write((of, 1000)) == 1000
        assert "data" not in last(t) and t.start["limits"]["data_bytes"] == 0


def test_filters_and_sums(b):
    """What was looked at of a call that is dropped, or summed up, is not kept."""
    of, to = ctypes.addressof(b.source), ctypes.addressof(b.sink)
    with Tracer("--data", 64, "--min-bytes", 500) as t:
        for _ in range(50):
            b.write((of, 100))
        assert b.write((of, 600)) == 600
        expect(t.wait(lambda t: t.events(os.getpid()), what="the call")[0], SECRET[:64])
    with Tracer("--data", 64, "--aggregate", 1) as t:
        for _ in range(50):
            b.write((of, 100))
            b.read((to, 100))
        sums = t.wait(lambda t: sum(r["calls"] for r in t.records("process_vm_summary")) >= 98 and t.records("process_vm_summary"),
                      what="sums")
        assert all("data" not in s for s in sums)
        for event in t.events(os.getpid()):
            expect(event, SECRET[:64])


def test_of_another_process(t):
    run = trigger_one("pvmcall", "pair")
    for event in t.of(run["pid"]):
        expect(event, b"s" * 64)


@pytest.mark.needs("program32")
@pytest.mark.parametrize("op, count, moved", [("read", 5, 5), ("write", 8, 8), ("write", 40, 8)])
def test_of_a_32_bit_program(t, op, count, moved):
    """Whose elements are as long as half of one of the others', and of one byte each."""
    expect(t.one(trigger_one("pvmcall32", op, count)["pid"]), bytes(moved))


def test_recordings_hold_only_what_was_asked_for(b, tmp_path):
    of = ctypes.addressof(b.source)
    files = {tmp_path / "with": ("--data", 64), tmp_path / "without": ()}
    for file, options in files.items():
        with Tracer("--record", file, *options) as t:
            assert b.write((of, 1000)) == 1000
            t.kick(signal.SIGTERM)
            assert t.proc.wait(10) == 0
        assert (SECRET[:64] in file.read_bytes()) == bool(options)
        for shown in (None, 5, 256):
            with Tracer("--replay", file, *(("--data", shown) if shown else ())) as r:
                r.finish()
                event = [e for e in r.events(os.getpid()) if e["flags"] == "0x0"][-1]
                if not shown:
                    assert "data" not in event
                else:
                    expect(event, SECRET[:min(shown, 64)] if options else None)
