# SPDX-License-Identifier: Apache-2.0
"""A tracer that writes a file, and what is in it."""

import subprocess

from pvm import Tracer, poll
from pvm_stream import Stream


def to_file(path, *args, **kw):
    """A tracer that writes a file; its first record is there."""
    t = Tracer("-o", path, *args, stdout=subprocess.DEVNULL, **kw)
    try:
        poll(lambda: t.proc.poll() is not None or lines_of(path), 15)
        assert t.proc.poll() is None, t.stderr()
    except BaseException:
        t.kill()
        raise
    return t


def lines_of(path):
    try:
        with open(path, "rb") as f:
            return f.read().count(b"\n")
    except FileNotFoundError:
        return 0


def read(path, **kw):
    s = Stream(**kw)
    with open(path, "rb") as f:
        s.feed(f.read())
    return s


def whole(path, **kw):
    s = read(path, **kw)
    s.finish()
    return s
