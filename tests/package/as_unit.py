#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program as a unit says that systemd would, where no systemd runs: user, capabilities, folders,
what of the file tree is hidden or may be written to, and the filter of system calls.

    as_unit.py [--deny kill] UNIT [PROGRAM ARGUMENT...]     (default: the unit's ExecStart=)

Everything comes from the unit file. What stands there and is not known here is an error, so that no line of
the unit is taken for tested that is not. With --deny kill, a refused system call ends the program.
"""

import argparse
import ctypes
import ctypes.util
import errno
import json
import os
import pwd
import resource
import shlex
import subprocess
import sys

import seccomp

CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS = 0x20000, 0x40000000, 0x08000000, 0x04000000
CLONE_ANY_NS = 0x7E020080
PROT_WRITE, PROT_EXEC = 2, 4
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
ARCHES = {"native": None, "x86": seccomp.Arch.X86, "x32": seccomp.Arch.X32}
# Keys that only a service manager can act upon, or that other tests look at.
OF_THE_MANAGER = {
    "Type", "NotifyAccess", "MemoryMax", "ExecStart", "ExecReload", "TimeoutStartSec", "TimeoutStopSec", "Restart",
    "RestartSec", "RestartPreventExitStatus", "IPAddressDeny", "RemoveIPC", "KeyringMode", "ProtectClock",
    "ProtectKernelModules", "ProtectKernelLogs", "LockPersonality", "RestrictRealtime", "RestrictSUIDSGID",
}
LIBC = ctypes.CDLL(None, use_errno=True)


def read_unit(path):
    """{key: [value, ...]} of the section Service; a list in two lines is one list."""
    section, found = None, {}
    with open(path, encoding="utf-8") as f:
        for line in map(str.strip, f):
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and line[0] not in "#;":
                key, _, value = line.partition("=")
                found.setdefault(key, []).append(value)
    return found


class Unit:
    """Hands out each key once; left() are those that nobody asked for."""

    def __init__(self, path):
        self.all = read_unit(path)
        self.asked = set()

    def words(self, key):
        self.asked.add(key)
        return " ".join(self.all.get(key, [])).split()

    def text(self, key, default=None):
        self.asked.add(key)
        return self.all.get(key, [default])[-1]

    def yes(self, key):
        value = self.text(key, "no")
        assert value in ("yes", "no"), (key, value)
        return value == "yes"

    def left(self):
        return sorted(set(self.all) - self.asked - OF_THE_MANAGER)


def run(*command):
    subprocess.run(command, check=True)


def seconds(text):
    assert text.endswith("s") and text[:-1].isdigit(), text
    return int(text[:-1])


def expand(groups):
    """Names of system calls, of those and of groups that begin with @."""
    names, todo = set(), [*groups, "@default"]  # which systemd adds to every list
    while todo:
        word = todo.pop()
        assert not word.startswith("~"), "an allow-list is expected"
        if not word.startswith("@"):
            names.add(word)
            continue
        out = subprocess.run(["systemd-analyze", "syscall-filter", word], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
        members = [line.strip() for line in out.splitlines()[1:]]
        assert members, word
        todo += [m for m in members if m and not m.startswith("#")]
    return sorted(names)


# ---- the file tree ----------------------------------------------------------------------------


def make_folders(unit, account):
    """Folders for logs and state, made as systemd makes them; their paths."""
    paths = []
    for kind, top in (("Logs", "/var/log"), ("State", "/var/lib")):
        mode = int(unit.text(f"{kind}DirectoryMode", "0755"), 8)
        for name in unit.words(f"{kind}Directory"):
            path = f"{top}/{name}"
            os.makedirs(path, exist_ok=True)
            os.chown(path, account.pw_uid, account.pw_gid)
            os.chmod(path, mode)
            paths.append(path)
    return paths


def read_only(path):
    run("mount", "--bind", path, path)
    run("mount", "-o", "remount,bind,ro", path)


def private_devices():
    os.makedirs("/tmp/dev", exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "mode=0755,nosuid,noexec", "tmpfs", "/tmp/dev")
    for name in DEVICES:
        with open(f"/tmp/dev/{name}", "w", encoding="ascii"):
            pass
        run("mount", "--bind", f"/dev/{name}", f"/tmp/dev/{name}")
    run("mount", "--rbind", "/tmp/dev", "/dev")
    run("umount", "-l", "/tmp/dev")


def enter_tree(unit, writable):
    assert unit.text("ProtectSystem") == "strict" and unit.yes("PrivateMounts")
    flags = CLONE_NEWNS
    flags |= CLONE_NEWNET if unit.yes("PrivateNetwork") else 0
    flags |= CLONE_NEWIPC if unit.yes("PrivateIPC") else 0
    flags |= CLONE_NEWUTS if unit.yes("ProtectHostname") else 0
    assert LIBC.unshare(flags) == 0, os.strerror(ctypes.get_errno())
    run("mount", "--make-rprivate", "/")
    if unit.yes("PrivateDevices"):
        private_devices()
    for path in writable:
        run("mount", "--bind", path, path)
    for path in ("/", "/run"):
        run("mount", "-o", "remount,bind,ro", path)
    if unit.yes("PrivateTmp"):
        for path in ("/tmp", "/var/tmp"):
            run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", path)
    if unit.yes("ProtectHome"):
        for path in ("/home", "/root"):
            run("mount", "-t", "tmpfs", "-o", "ro,mode=0", "tmpfs", path)
    run("mount", "-t", "proc", "-o", f"hidepid={unit.text('ProtectProc', 'default')}", "proc", "/proc")
    if unit.yes("ProtectKernelTunables"):
        read_only("/proc/sys")
        read_only("/sys")
    if unit.yes("ProtectControlGroups") and os.path.isdir("/sys/fs/cgroup"):
        read_only("/sys/fs/cgroup")


# ---- rights -----------------------------------------------------------------------------------


def caps(names):
    return "-all" + "".join(",+" + n.removeprefix("CAP_").lower() for n in names)


def rights(unit, account):
    command = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups"]
    ambient = unit.words("AmbientCapabilities")
    command += [f"--inh-caps={caps(ambient)}", f"--ambient-caps={caps(ambient)}",
                f"--bounding-set={caps(unit.words('CapabilityBoundingSet'))}"]
    if unit.yes("NoNewPrivileges"):
        command.append("--no-new-privs")
    return command


def filter_of(unit, deny):
    return {
        "deny": deny, "errno": getattr(errno, unit.text("SystemCallErrorNumber")),
        "names": expand(unit.words("SystemCallFilter")), "arches": unit.words("SystemCallArchitectures"),
        "families": unit.words("RestrictAddressFamilies"), "wx": unit.yes("MemoryDenyWriteExecute"),
        "namespaces": unit.yes("RestrictNamespaces"),
    }


def load_list(f):
    """The allow-list, for every architecture that may call; any other one ends the program."""
    refuse = seccomp.KILL_PROCESS if f["deny"] == "kill" else seccomp.ERRNO(f["errno"])
    flt = seccomp.SyscallFilter(defaction=refuse)
    flt.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    for arch in f["arches"]:
        if ARCHES[arch] is not None and os.uname().machine == "x86_64":
            flt.add_arch(ARCHES[arch])
    for name in f["names"]:
        try:
            flt.add_rule(seccomp.ALLOW, name)
        except RuntimeError:
            pass  # of another architecture; systemd passes over it likewise
    flt.load()


def load_rest(f):
    """What systemd makes filters of their own for."""
    flt = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    refuse = seccomp.ERRNO(errno.EPERM)
    flt.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.ALLOW)
    if f["families"]:
        assert f["families"] == ["AF_UNIX"]
        flt.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.NE, 1))
    if f["wx"]:
        both = PROT_WRITE | PROT_EXEC
        flt.add_rule(refuse, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, both, both))
        flt.add_rule(refuse, "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, PROT_EXEC))
    if f["namespaces"]:
        flt.add_rule(refuse, "unshare")
        flt.add_rule(refuse, "setns")
        for n in range(32):
            if CLONE_ANY_NS & (1 << n):
                flt.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, 1 << n, 1 << n))
    flt.load()


def second_stage(text, command):
    f = json.loads(text)
    load_rest(f)
    load_list(f)
    os.execv(command[0], command)


def raise_memlock(limit):
    assert limit == "infinity"
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError:
        pass  # root of a container may not; only before Linux 5.11 it makes a difference


def main():
    if sys.argv[1:2] == ["--filter"]:
        second_stage(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deny", choices=["errno", "kill"], default="errno")
    parser.add_argument("unit")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    unit = Unit(args.unit)
    command = args.command or shlex.split(unit.text("ExecStart"))
    account = pwd.getpwnam(unit.text("User"))
    assert unit.text("Group") == unit.text("User")
    writable = make_folders(unit, account)
    # Named before the tree is closed: systemd-analyze looks around in it.
    flt, setpriv = filter_of(unit, args.deny), rights(unit, account)
    env = {"PATH": os.environ["PATH"], "USER": account.pw_name, "LANG": "C.UTF-8",
           "WATCHDOG_USEC": str(seconds(unit.text("WatchdogSec")) * 1000000), "WATCHDOG_PID": str(os.getpid())}
    if "NOTIFY_SOCKET" in os.environ:
        env["NOTIFY_SOCKET"] = os.environ["NOTIFY_SOCKET"]
    raise_memlock(unit.text("LimitMEMLOCK"))
    os.umask(int(unit.text("UMask"), 8))
    me = os.path.abspath(__file__)
    enter_tree(unit, writable)
    assert not unit.left(), f"lines of the unit that nothing is done about: {unit.left()}"
    os.chdir("/")
    os.execvpe("setpriv", [*setpriv, "--", sys.executable, me, "--filter", json.dumps(flt), *command], env)


if __name__ == "__main__":
    main()
