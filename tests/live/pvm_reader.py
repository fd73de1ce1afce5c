# SPDX-License-Identifier: Apache-2.0
"""Reads a tracer's output by a thread, where it is too long to be kept."""

import os
import threading

from pvm_stream import SLOWNESS, parse_line


class Reader:
    """Takes what a tracer writes as fast as it comes; a subclass makes of a line what it wants."""

    def __init__(self, tracer):
        self.tracer = tracer
        self.lines = self.bytes = 0
        self.last = b""
        self.trouble = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def take(self, line):
        """One line without its end, the self.lines-th. What it raises is told by end(); no further line is taken."""
        raise NotImplementedError

    def _run(self):
        rest = b""
        fd = self.tracer.proc.stdout.fileno()
        while data := os.read(fd, 1 << 20):
            self.bytes += len(data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.lines += 1
                self.last = line
                try:
                    self.trouble or self._next(line)
                except Exception as e:  # told by end()
                    self.trouble = f"line {self.lines}: {e!r}: {line[:3000]!r}"
        if rest:
            self.trouble = f"cut: {rest[-200:]!r}"

    def _next(self, line):
        assert b'"seq":%d,' % self.lines in line[:120], "the order"
        self.take(line)

    def end(self):
        """Waits for the end of the output; the stop record."""
        self.thread.join(30 * SLOWNESS)
        assert not self.thread.is_alive() and self.trouble is None, self.trouble
        stop = parse_line(self.last + b"\n")
        assert stop["type"] == "stop" and stop["seq"] == self.lines, (stop["type"], stop["seq"], self.lines)
        return stop
