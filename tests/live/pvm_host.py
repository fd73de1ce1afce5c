# SPDX-License-Identifier: Apache-2.0
"""What this machine says about a process, by other ways than the tracer's."""

import contextlib
import os
import re
import struct
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from needs import BUILD, CGROUPS, cgroup_mounts, require


def kernel():
    """(major, minor): only where an old kernel truly behaves otherwise."""
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())


# A call that seccomp kills comes to its exit by way of the signal; before 5.15 (5.10 does so, 6.1 does not) the
# task ends in the middle of it, and no hook of ours fires.
KILLED_CALLS_RETURN = kernel() >= (5, 15)
# What the kernel puts behind the path of a file that is gone, in /proc.
DELETED = b" (deleted)"
# Before 5.19 bpf(2) is refused to those without CAP_BPF even on open descriptors, so it is kept.
RIGHTS_LEFT = {} if kernel() >= (5, 19) else {"CapPrm": 1 << 39, "CapEff": 1 << 39}


def status(pid):
    """/proc/PID/status as a dictionary."""
    text = Path(f"/proc/{pid}/status").read_text(errors="replace")
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def stat_fields(pid):
    """/proc/PID/stat from the third field on, as texts; index 0 is the state."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].decode().split()


def start_ns(pid):
    """When the process began, ns since 1970, cut to clock ticks."""
    tick = os.sysconf("SC_CLK_TCK")
    boot = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boot + int(stat_fields(pid)[19]) * 10**9 // tick


def unset_is_none(path):
    value = int(Path(path).read_text())
    return None if value == 2**32 - 1 else value


def cgroup_paths(pid):
    """{controller, or "" for v2: path}"""
    out = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            out[name] = path
    return out


def expected_cgroup(pid):
    """v2 unless it is the root, else pids, else memory."""
    paths = cgroup_paths(pid)
    for name in ("", "pids", "memory"):
        if paths.get(name, "/") != "/":
            return paths[name]
    return "/"


def cgroup_name():
    """Of a new cgroup, which no other run of these tests has."""
    return f"pvmtrace-test-{uuid.uuid4().hex[:8]}"


def ns_inode(pid, name):
    return os.stat(f"/proc/{pid}/ns/{name}").st_ino


def expected_task(pid):
    """The identity keys that /proc can confirm for a process that is alive."""
    s = status(pid)
    exe = os.readlink(os.fsencode(f"/proc/{pid}/exe"))
    st = os.stat(f"/proc/{pid}/exe")
    if not st.st_nlink:
        exe = exe.removesuffix(DELETED)
    uids, gids = s["Uid"].split("\t"), s["Gid"].split("\t")
    ppid = int(s["PPid"])
    return {
        "pid": int(s["Tgid"]), "ppid": ppid, "pid_ns": int(s["NSpid"].split("\t")[-1]),
        "comm": Path(f"/proc/{pid}/comm").read_text()[:-1],
        "pcomm": Path(f"/proc/{ppid}/comm").read_text()[:-1],
        "exe": exe.decode(), "exe_ino": st.st_ino, "exe_deleted": not st.st_nlink,
        "exe_dev": f"{os.major(st.st_dev):02x}:{os.minor(st.st_dev):02x}",
        "uid": int(uids[0]), "euid": int(uids[1]), "suid": int(uids[2]),
        "gid": int(gids[0]), "egid": int(gids[1]), "sgid": int(gids[2]),
        "loginuid": unset_is_none(f"/proc/{pid}/loginuid"),
        "sessionid": unset_is_none(f"/proc/{pid}/sessionid"),
        "caps_effective": hex(int(s["CapEff"], 16)),
        "cgroup": expected_cgroup(pid),
        "ns": {n: ns_inode(pid, n) for n in ("pid", "mnt", "user")},
    }


class Cgroups:
    """Makes cgroups in one hierarchy or another, and takes them away again."""

    def __init__(self):
        self.made = []
        self.nested = []  # (descriptor, name of what is made in it)

    def make(self, hierarchy, path):
        """hierarchy: "" (v2), pids or memory. The directory."""
        require(CGROUPS[hierarchy])
        at = Path(cgroup_mounts()[hierarchy])
        for part in Path(path.lstrip("/")).parts:
            at = at / part
            try:
                at.mkdir()
            except FileExistsError:
                continue
            self.made.append(at)
        return at

    def nest(self, directory, names):
        """One in the other, below a directory; too long a path for the kernel is none for this. A descriptor of the
        last."""
        fd = os.open(directory, os.O_RDONLY)
        for name in names:
            os.mkdir(name, dir_fd=fd)
            self.nested.append((fd, name))
            fd = os.open(name, os.O_RDONLY, dir_fd=fd)
        self.nested.append((fd, None))
        return fd

    def join_at(self, fd):
        """As join, by a descriptor."""
        def enter():
            procs = os.open("cgroup.procs", os.O_WRONLY, dir_fd=fd)
            os.write(procs, b"0")
            os.close(procs)
        return enter

    def join(self, directory):
        """For preexec_fn: the process to be goes there."""
        return lambda: (Path(directory) / "cgroup.procs").write_text("0")

    def move(self, pid, directory):
        (Path(directory) / "cgroup.procs").write_text(str(pid))

    def close(self):
        for fd, name in reversed(self.nested):
            if name:
                self.take_away(lambda fd=fd, name=name: os.rmdir(name, dir_fd=fd))
            os.close(fd)
        for path in reversed(self.made):
            self.take_away(path.rmdir)

    @staticmethod
    def take_away(rmdir):
        for _ in range(50):
            try:
                rmdir()
                break
            except OSError:
                time.sleep(0.05)


def bpf_objects(pid):
    """Ids of the BPF programs (also behind links) and maps that a process holds open."""
    progs, maps = set(), set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = info.read_text()
        except OSError:
            continue
        progs.update(int(n) for n in re.findall(r"^prog_id:\s*(\d+)$", text, re.M))
        maps.update(int(n) for n in re.findall(r"^map_id:\s*(\d+)$", text, re.M))
    return progs, maps


FTRACE = "kernel.ftrace_enabled"  # the sysctl without which no hook on a kernel's function runs


def switched_off(where, switch):
    """The words that a tracer begins with for whom a sysctl is 0, by a file in this folder."""
    zero = where / "zero"
    zero.write_text("0\n")
    return ["unshare", "-m", "sh", "-c", f"mount --bind '{zero}' /proc/sys/{switch.replace('.', '/')} && exec \"$@\"", "sh"]


def run(*command):
    return subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True).stdout


@contextlib.contextmanager
def mounted(where, *options):
    where.mkdir(exist_ok=True)
    run("mount", *options, where)
    try:
        yield where
    finally:
        run("umount", where)


def overlay(top, lower):
    for name in ("upper", "work"):
        (top / name).mkdir()
    return mounted(top / "all", "-t", "overlay", "-o", f"lowerdir={lower},upperdir={top / 'upper'},workdir={top / 'work'}",
                   "none")


@contextlib.contextmanager
def at_least(sysctl, value):
    """A limit of the kernel's, a file, is no lower meanwhile."""
    path = Path(sysctl)
    before = path.read_text()
    if int(before) < value:
        path.write_text(str(value))
    try:
        yield
    finally:
        path.write_text(before)


KPROBES = "/sys/kernel/debug/kprobes/enabled"  # the switch of all kprobes


def with_kprobes_switch(value):
    """The words that a tracer begins with who finds this in that switch. It is played: it stops none."""
    return ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none /sys/kernel/debug && mkdir {Path(KPROBES).parent} && "
            f"echo {value} >{KPROBES} && exec \"$@\"", "sh"]


class ShiftedClock:
    """A clock that programs with this environment read, and that can be moved for them alone (pvmclock.c)."""

    def __init__(self, folder, clock_id):
        preload = BUILD / "live" / "pvmclock.so"
        if not preload.exists():
            pytest.skip(f"{preload} is not built: make build-live")
        self.path = folder / "shift"
        self.path.write_bytes(struct.pack("=q", 0))
        self.env = {**os.environ, "LD_PRELOAD": str(preload), "PVMCLOCK": str(self.path), "PVMCLOCK_ID": str(clock_id)}

    def shift(self, ns):
        with open(self.path, "r+b") as f:
            f.write(struct.pack("=q", ns))
