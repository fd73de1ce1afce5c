# SPDX-License-Identifier: Apache-2.0
"""
A third observer: ftrace's own events, through an instance of its own.

As a program (run inside `unshare -m`, so that the mount is nobody else's): mounts tracefs, sets a
filter on raw_syscalls:sys_enter, says so, waits for end of file on stdin, and prints what it saw as one
JSON list of [thread id, system call number, first argument].
"""

import json
import os
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from needs import require  # noqa: E402
from pvm_arch import OPS  # noqa: E402

READY = "ready"
LINE = re.compile(r"-(\d+)\s+(?:\([-\s\d]*\)\s+)?\[\d+\].*: sys_enter: NR (\d+) \(([0-9a-f]+)")


class Observer:
    """Context manager around this program."""

    def __init__(self, expression=" || ".join(f"id == {nr}" for nr in OPS)):
        require("tracefs")
        self.proc = subprocess.Popen(
            ["/usr/bin/unshare", "-m", sys.executable, __file__, expression],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        ready, _, _ = select.select([self.proc.stdout], [], [], 20)
        line = self.proc.stdout.readline().decode().strip() if ready else ""
        if line != READY:
            self.proc.kill()
            raise AssertionError(f"no ftrace: {line} {self.proc.stderr.read().decode()[-300:]}")

    def result(self):
        out, err = self.proc.communicate(timeout=60)
        assert self.proc.returncode == 0, err.decode()
        return json.loads(out)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            self.proc.stdin.close()
            self.proc.wait(20)


def observe(expression):
    where = Path(tempfile.mkdtemp(prefix="pvmtrace-tracefs-"))
    subprocess.run(["mount", "-t", "tracefs", "none", where], check=True)
    instance = where / "instances" / f"pvmtrace-test-{os.getpid()}"
    instance.mkdir()
    event = instance / "events/raw_syscalls/sys_enter"
    try:
        (instance / "buffer_size_kb").write_text("16384")
        (event / "filter").write_text(expression)
        (event / "enable").write_text("1")
        print(READY, flush=True)
        sys.stdin.read()
        (event / "enable").write_text("0")
        seen = [[int(m[1]), int(m[2]), int(m[3], 16)] for m in map(LINE.search, open(instance / "trace", encoding="utf-8",
                                                                         errors="replace")) if m]
        for stats in instance.glob("per_cpu/cpu*/stats"):
            for line in stats.read_text().splitlines():
                name, _, value = line.partition(":")
                if name in ("overrun", "dropped events") and int(value):
                    sys.exit(f"ftrace lost events: {line}")
        print(json.dumps(seen))
    finally:
        (event / "enable").write_text("0")
        instance.rmdir()
        subprocess.run(["umount", where], check=True)
        where.rmdir()


if __name__ == "__main__":
    observe(sys.argv[1])
