# SPDX-License-Identifier: Apache-2.0
"""A Debian 12 of its own, and the service in it as its unit describes it."""

import ctypes
import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import reruns
from pvm import own_call, poll

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build"
BASE = BUILD / "package" / "base.tar"
VERSION = re.search(r'PVMTRACE_VERSION "(.+)"', (ROOT / "user/version.h").read_text())[1]
ARCH = subprocess.run(["dpkg", "--print-architecture"], stdout=subprocess.PIPE, text=True,
                      check=True).stdout.strip()
DEB = BUILD / "deb" / f"pvmtrace_{VERSION}_{ARCH}.deb"

UNIT = "/lib/systemd/system/pvmtrace.service"
CONF = "/etc/pvmtrace/pvmtrace.conf"
LOG = "/var/log/pvmtrace/pvmtrace.ndjson"
AS_UNIT = "/usr/local/lib/as_unit.py"
ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
       "DEBIAN_FRONTEND": "noninteractive"}
MACHINE_SECONDS = 300
OLD_LISTS = ("E: Failed to fetch", "E: Unable to locate package", "has no installation candidate")
READY_SECONDS = 30
PR_SET_NAME = 15
BOTH_CAPS = "000000c000000000"  # CAP_PERFMON (38) and CAP_BPF (39)


class Machine:
    """Lives as long as the script's stdin is open. Paths in it are below .root."""

    def __init__(self):
        self.proc = subprocess.Popen([HERE / "machine", BASE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True)
        line = self.proc.stdout.readline()
        assert line.startswith("ready "), f"there is no machine: {line!r}"
        self.pid = int(line.split()[1])
        self.root = Path(f"/proc/{self.pid}/root")
        shutil.copy(HERE / "as_unit.py", self.path(AS_UNIT))

    def close(self):
        self.proc.stdin.close()
        self.proc.wait(180)  # removing many files takes its time
        self.proc.stdout.close()

    def path(self, path):
        return self.root / str(path).lstrip("/")

    def command(self, *words):
        return ["nsenter", f"--target={self.pid}", "--mount", f"--root={self.root}", f"--wd={self.root}",
                *map(str, words)]

    def run(self, *words, status=0, timeout=120, **env):
        p = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False, env={**ENV, **env})
        assert p.returncode == status, f"{words}: {p.returncode}\n{p.stdout[-4000:]}"
        return p.stdout

    def apt(self, *words):
        return self.run("apt-get", "-q", "-y", *words, timeout=MACHINE_SECONDS)

    def put(self, deb):
        """Where apt finds a package; its path there."""
        shutil.copy(deb, self.path("/tmp"))
        return f"/tmp/{Path(deb).name}"

    def install(self, deb, *options):
        try:
            return self.apt("install", *options, self.put(deb))
        except AssertionError as e:
            # The lists are as old as the base: what they name may have been replaced in the archive.
            if not any(words in str(e) for words in OLD_LISTS):
                raise
            reruns.note(f"apt-get install {Path(deb).name}", "the lists of packages are older than the archive")
            self.apt("update")
            return self.apt("install", *options, self.put(deb))

    def fresh(self):
        """With the package as it comes."""
        if self.state():
            self.apt("purge", "pvmtrace")
        self.install(DEB)

    def state(self):
        """What dpkg says of the package: installed, config-files, or nothing."""
        p = subprocess.run(self.command("dpkg-query", "-W", "-f", "${db:Status-Status}", "pvmtrace"),
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False, env=ENV)
        return p.stdout

    def owner(self, path):
        return self.run("stat", "-c", "%U:%G %a", path).strip()


class Caller:
    """Calls of this very process, under a name that no other program of this machine has."""

    def __init__(self):
        self.name = f"pkg-{os.getpid()}"
        ctypes.CDLL(None).prctl(PR_SET_NAME, self.name.encode(), 0, 0, 0)
        self.calls = 0

    def call(self):
        """On ourselves, and refused for its flags: each has flags of its own."""
        self.calls += 1
        own_call(pid=os.getpid(), flags=self.calls)

    def is_mine(self, record):
        return record["type"] == "process_vm_access" and record["caller"]["pid"] == os.getpid()


class Service:
    """The unit's ExecStart=, as its user, with its rights and in its sandbox."""

    def __init__(self, machine, *command, deny="errno"):
        self.machine = machine
        self.said = []
        path = machine.path("/run/notify")
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o777)
        self.errors = machine.path("/tmp/stderr").open("w+")
        self.proc = subprocess.Popen(
            machine.command("python3", AS_UNIT, f"--deny={deny}", UNIT, *command), stdin=subprocess.DEVNULL,
            stdout=self.errors, stderr=self.errors, env={**ENV, "NOTIFY_SOCKET": "/run/notify"})
        self.pid = self.proc.pid

    def talk(self):
        self.errors.seek(0)
        return self.errors.read()[-3000:]

    def wait_said(self, word, seconds=READY_SECONDS):
        """Until it has told the service manager this, as one of the lines of a datagram."""
        end = time.monotonic() + seconds
        self.socket.settimeout(0.2)
        while word not in self.said:
            assert time.monotonic() < end, f"no {word}, but {self.said}: {self.talk()}"
            assert self.proc.poll() is None, f"it ended with {self.proc.returncode}: {self.talk()}"
            try:
                self.said += self.socket.recv(4096).decode().split("\n")
            except TimeoutError:
                pass

    def stop(self, status=0, sig=15):
        if self.proc.poll() is None:
            os.kill(self.pid, sig)
        self.proc.wait(20)
        assert self.proc.returncode == status, f"it ended with {self.proc.returncode}: {self.talk()}"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        self.socket.close()
        self.errors.close()


NEWER = f"{VERSION}+1"


def make_newer(top):
    """The same package with a higher version and another configuration file, as the next release may have; its path."""
    tree = top / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", DEB, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {VERSION}\n", f"Version: {NEWER}\n"))
    conf = tree / CONF.lstrip("/")
    conf.write_text(conf.read_text() + "# a word of the next release\n")
    deb = top / f"pvmtrace_{NEWER}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, deb], check=True, stdout=subprocess.DEVNULL)
    return deb


def records(data):
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def whole_lines(path):
    """What stands in a file that is being written to, up to its last line feed."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return records(data[:data.rfind(b"\n") + 1]) if b"\n" in data else []


def wait_event(path, caller, timeout=20):
    """Calls until a call of ours stands in the file; that record."""
    found = []

    def seen():
        caller.call()
        found[:] = [r for r in whole_lines(path) if caller.is_mine(r)]
        return found
    poll(seen, timeout, step=0.2)
    return found[0]
