# SPDX-License-Identifier: Apache-2.0
"""What /proc/PID/maps says, and what has to be told of it."""

import collections
import os
import re
from pathlib import Path

from pvm import trigger_one

# What of a mapping's line says more than its name.
OF_ARM = ("[sigpage]", "[vectors]")  # pages that the kernel gives each 32-bit process there
KINDS = {"": "anon", **dict.fromkeys(OF_ARM, "anon"), "[heap]": "heap", "[stack]": "stack", "[vdso]": "vdso", "[vsyscall]": None}
GONE = " (deleted)"
# Files of the kernel's own, by which it keeps memory that no file is behind.
OWN = re.compile(r"/(dev/zero|SYSV[0-9a-f]{8}|anon_hugepage) \(deleted\)")
NAMED = re.compile(r"\[anon(?:_shmem)?:(.*)\]")

Mapping = collections.namedtuple("Mapping", "start end perms offset dev ino path")


def maps(pid):
    """By the number of any thread: of a main one that has ended it is empty. A line feed in a name stands there as \\012, which it
    can also be called; what is no UTF-8 is kept as os.fsdecode() has it."""
    out = []
    for line in os.fsdecode(Path(f"/proc/{pid}/maps").read_bytes()).split("\n")[:-1]:
        place, perms, offset, dev, ino, *path = line.split(maxsplit=5)
        start, end = (int(part, 16) for part in place.split("-"))
        out.append(Mapping(start, end, perms, int(offset, 16), dev, int(ino), path[0].replace("\\012", "\n") if path else ""))
    return out


def readable(m):
    """Of the gate, which no process has in its map, nothing is known."""
    return m.path != "[vsyscall]"


def kind_of(m):
    if m.path.startswith("[vvar"):
        return "vvar"
    if m.path in KINDS:
        return KINDS[m.path]
    if NAMED.fullmatch(m.path):
        return "shared" if m.perms[3] == "s" else "anon"
    if OWN.fullmatch(m.path):
        return "shared" if m.perms[3] == "s" else "anon"
    return "file"


def expected(m, addr, first, count=1):
    """The region of an element that begins at this address of the mapping."""
    kind = kind_of(m)
    backed = (m.dev, m.ino) != ("00:00", 0)
    deleted = m.path.endswith(GONE)
    path = m.path[:-len(GONE)] if deleted else m.path
    named = NAMED.fullmatch(m.path)
    if path == "/[aio]":  # no path at all
        path, deleted = path[1:], False
    return {"elements": [first, count], "kind": kind, "perms": m.perms, "start": hex(m.start), "end": hex(m.end), "runs_on": False,
            "offset": hex(m.offset + addr - m.start) if backed else None, "file": path if kind == "file" else None,
            "dev": m.dev if backed else None, "ino": m.ino if backed else None,
            "deleted": deleted if kind == "file" else None,
            "name": named[1] if named else path[1:] if backed and kind != "file" else path if path in OF_ARM else None}


def nothing(first, count=1, kind="none"):
    empty = dict.fromkeys(("perms", "start", "end", "runs_on", "offset", "file", "dev", "ino", "deleted", "name"))
    return {"elements": [first, count], "kind": kind, **empty}


def call(tracer, pid, *addresses, op="read", size=1, program="pvmregion", **popen):
    run = trigger_one(program, op, pid, size, *(f"{a:x}" for a in addresses), **popen)
    return tracer.one(run["pid"])


def regions(tracer, *args, **kw):
    return call(tracer, *args, **kw)["remote"]["regions"]
