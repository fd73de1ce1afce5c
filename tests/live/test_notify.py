# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears, on a socket of the same kind as its own."""

import fcntl
import os
import signal
import socket
import time

import pytest

from pvm import ONLY_ME, Tracer, poll


class Manager:
    """Keeps the datagrams, each as a dict, with the time it came."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.settimeout(10)
        self.env = {**os.environ, "NOTIFY_SOCKET": name}
        self.pids = set()

    def next(self, key=None, timeout=10):
        """The next datagram, or the next that has this key."""
        end = time.monotonic() + timeout
        while True:
            self.socket.settimeout(max(end - time.monotonic(), 0.01))
            data, control, _, _ = self.socket.recvmsg(4096, 128)
            self.pids.add(int.from_bytes(control[0][2][:4], "little"))
            said = dict(line.split("=", 1) for line in data.decode().split("\n"))
            if key is None or key in said:
                return said

    def silent(self, seconds, key):
        """Nothing with this key comes for so long."""
        with pytest.raises(TimeoutError):
            self.next(key, seconds)

    def close(self):
        self.socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request, public_dir):
    m = Manager(str(public_dir / "notify") if request.param == "path" else f"@pvmtrace-test-{os.getpid()}")
    yield m
    m.close()


def test_ready_reload_stop(manager, tmp_path):
    out = tmp_path / "out"
    with Tracer("-o", out, *ONLY_ME, env=manager.env, read=False) as t:
        ready = manager.next()
        assert ready["READY"] == "1" and "tracing" in ready["STATUS"]
        assert out.read_bytes().startswith(b'{"time":') and b'"type":"start"' in out.read_bytes()
        before = time.monotonic_ns() // 1000
        t.kick(signal.SIGHUP)
        reload = manager.next()
        assert reload["RELOADING"] == "1"
        assert before <= int(reload["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert manager.next() == {"READY": "1"}
        t.kick(signal.SIGTERM)
        assert manager.next()["STOPPING"] == "1"
        t.finish()
        # Whoever else it starts says nothing: a manager believes the main process only.
        assert manager.pids == {t.pid}


def test_not_ready_before_start_is_written(manager):
    """A pipe that is full takes no `start`."""
    r, w = os.pipe()
    try:
        fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 1 << 20)  # as large as the tracer would make it
        os.set_blocking(w, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(w, b"x" * 4096 + b"\n")
        os.set_blocking(w, True)
        with Tracer(*ONLY_ME, env=manager.env, stdout=w, read=False) as t:
            poll(lambda: "tracing as" in t.stderr(), 20)
            manager.silent(1.5, "READY")
            os.set_blocking(r, False)

            def drained():
                try:
                    while os.read(r, 1 << 16):
                        pass
                except BlockingIOError:
                    pass
                return True
            drained()
            assert manager.next("READY")["READY"] == "1"
            t.kick(signal.SIGTERM)
            poll(lambda: drained() and t.proc.poll() is not None, 10)
    finally:
        os.close(r)
        os.close(w)


def test_nothing_is_said_when_the_start_fails(manager):
    with Tracer("--user", "nobody", env=manager.env, read=False) as t:
        t.finish(64, timeout=20)
    manager.silent(0.2, None)


def test_beats_stop_with_the_loop(manager):
    manager.env["WATCHDOG_USEC"] = "400000"
    with Tracer(*ONLY_ME, env=manager.env) as t:
        manager.next("READY")
        begin = time.monotonic()
        for _ in range(5):
            manager.next("WATCHDOG", 5)
        assert 0.3 < time.monotonic() - begin < 5, "five beats, 0.2 s apart"
        t.kick(signal.SIGSTOP)
        try:
            # What was under way when it stopped.
            poll(lambda: open(f"/proc/{t.pid}/stat").read().rsplit(") ", 1)[1][0] == "T")
            manager.socket.setblocking(False)
            try:
                while True:
                    manager.socket.recv(4096)
            except BlockingIOError:
                pass
            manager.silent(1.5, "WATCHDOG")
        finally:
            t.kick(signal.SIGCONT)
        manager.next("WATCHDOG", 5)


def test_beats_for_another_process(manager):
    manager.env.update(WATCHDOG_USEC="100000", WATCHDOG_PID=str(os.getpid()))
    with Tracer(*ONLY_ME, env=manager.env):
        manager.next("READY")
        manager.silent(1, "WATCHDOG")


def test_status_with_each_stats(manager):
    with Tracer("--stats-interval", 1, *ONLY_ME, env=manager.env):
        manager.next("READY")
        assert "calls seen" in manager.next("STATUS")["STATUS"]


def test_a_socket_that_is_not_there(tmp_path):
    with Tracer(*ONLY_ME, env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "none")}) as t:
        assert "NOTIFY_SOCKET" in t.stderr() and "No such file" in t.stderr()
