# SPDX-License-Identifier: Apache-2.0
"""A process whose memory others work in."""

import contextlib
import ctypes
import os
import signal
from pathlib import Path

import pytest

from pvm import Held, own_call, poll

needs_owner = pytest.mark.needs("memcg")


class Lender:
    """A process, where its secret lies, and who works in its memory."""

    def __init__(self, mode, *args):
        self.children = []
        self.held = Held("pvmlend", mode, *args)
        try:
            line = self.held.line()
            self.addr = line["addr"]
            self.children = [pid for pid in line["children"] if pid] or [self.only_child()]
            if mode == "vfork":
                poll(lambda: "State:\tT" in Path(f"/proc/{self.children[0]}/status").read_text())
        except BaseException:
            self.close()
            raise
        self.pid = self.held.pid

    def only_child(self):
        """That of posix_spawn tells nothing: it waits in the kernel."""
        found = []

        def look():
            for stat in Path("/proc").glob("[0-9]*/stat"):
                try:
                    if int(stat.read_text().rpartition(")")[2].split()[1]) == self.held.pid:
                        found.append(int(stat.parent.name))
                except OSError:
                    continue
            return found
        poll(look)
        return found[0]

    def read(self, pid, size=64):
        """A call of this program's that names pid; its result, and whether that was the secret."""
        to = ctypes.create_string_buffer(64)
        local = (ctypes.c_ulong * 2)(ctypes.addressof(to), size)
        remote = (ctypes.c_ulong * 2)(self.addr, size)
        ret = own_call(pid, local=(ctypes.addressof(local), 1), remote=(ctypes.addressof(remote), 1))
        return ret == size and to.raw.startswith(b"what the lender knows")

    def order(self, number, what):
        return self.held.step(f"{number} {what}")

    def close(self):
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.held.proc.kill()
        self.held.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
