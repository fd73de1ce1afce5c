#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What tests need of a machine, and not every machine has. Each need is probed by trying, once, and never by the tracer
where there is another way. A test says @pytest.mark.needs("int80"), or runs a trigger that needs it (pvm.py), and is
skipped with the reason where it is missing; a fixture that many tests share leaves out the one call (has()).

As a program: lists all needs; the words of --lacking are the names of those that are missing.

PVM_LACKS=NAME,...: taken for missing, as a test of this. tests/lacking makes them truly so.
PVM_HAS, PVM_HAS_NOT: what is known of a guest; test_needs.py holds the probes against it.
"""

import argparse
import collections
import ctypes
import errno
import functools
import importlib.util
import mmap
import os
import pwd
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from exit32 import CARRIED_OUT, CODE_ARM, CODE_X86, EM_386, EM_ARM, EM_X86_64, elf

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("PVMTRACE_BUILD", ROOT / "build"))
MACHINE = os.uname().machine
LIBC = ctypes.CDLL(None, use_errno=True)
SECONDS = 60 * float(os.environ.get("PVM_SLOWNESS", "1"))

# Linux's numbers of system calls, x86-64 and arm64.
NR = {"x86_64": {"userfaultfd": 323, "seccomp": 317}, "aarch64": {"userfaultfd": 282, "seccomp": 277}}[MACHINE]
NR_CLONE3, NR_LANDLOCK, LANDLOCK_CREATE_RULESET_VERSION = 435, 444, 1
UFFD_API, UFFDIO_API = 0xAA, 0xC018AA3F
PR_SET_VMA = 0x53564D41
SECCOMP_GET_ACTION_AVAIL, SECCOMP_RET_ERRNO, SECCOMP_RET_USER_NOTIF = 2, 0x00050000, 0x7FC00000

# Tests that need these also run in guests where the machine itself does not have them (tests/vm/live.py). So that they
# can be found, they are marked, and not only skipped by the trigger that they run.
IN_GUESTS = ("int80", "program32", "fentry", "mm_access_hook", "perf_kprobes", "witnesses", "yama")

PACKAGES = {"mpicc": "libopenmpi-dev", "mpirun": "openmpi-bin", "bpftool": "bpftool", "setpriv": "util-linux",
            "unshare": "util-linux", "rsyslogd": "rsyslog", "busybox": "busybox-static"}
# Where programs are: those that only root runs too, whoever asks.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

Need = collections.namedtuple("Need", "what probe")
NEEDS = {}


def need(what):
    """Decorates a probe, which returns why the machine does not have it, or None. What a probe does not expect it
    raises: then tests fail, and are not skipped."""
    def add(probe):
        NEEDS[probe.__name__] = Need(what, probe)
        return probe
    return add


def run(*command, **options):
    """Why a command failed, in its words; None: it did not."""
    try:
        p = subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=SECONDS, check=False, **options)
    except OSError as e:
        return str(e)
    return None if p.returncode == 0 else p.stdout.decode(errors="replace").strip()[-200:] or f"exit status {p.returncode}"


def syscall(nr, *args):
    """The result, or the negative errno."""
    ret = LIBC.syscall(*(ctypes.c_ulong(a) for a in (nr, *args)))
    return ret if ret >= 0 else -ctypes.get_errno()


# ---- 32-bit calls -----------------------------------------------------------------------------------------------

def carried_out(program):
    """Why a program's one call, its exit by way of 32-bit calls, was not carried out; None: it was."""
    with tempfile.TemporaryDirectory(dir=BUILD if BUILD.is_dir() else None) as where:
        path = Path(where) / "exit7"
        path.write_bytes(program)
        path.chmod(0o755)
        try:
            status = subprocess.run([path], stdin=subprocess.DEVNULL, timeout=SECONDS, check=False).returncode
        except OSError as e:
            if e.errno == errno.ENOEXEC:
                return "the kernel does not run it (ENOEXEC)"
            raise
    if status in (-signal.SIGSEGV, -signal.SIGSYS, -signal.SIGILL):
        return f"it ends with {signal.Signals(-status).name}"
    if status != CARRIED_OUT:
        raise RuntimeError(f"a program that exits with {CARRIED_OUT} by a 32-bit call ended with {status}")
    return None


@need("32-bit calls of 64-bit programs (int $0x80)")
def int80():
    if MACHINE != "x86_64":
        return "only x86-64 has this gate"
    return carried_out(elf(EM_X86_64, CODE_X86))


@need("32-bit programs, and one built")
def program32():
    machine, code = (EM_386, CODE_X86) if MACHINE == "x86_64" else (EM_ARM, CODE_ARM)
    why = carried_out(elf(machine, code))
    if why or (BUILD / "live" / "pvmcall32").exists():
        return why
    return "no pvmcall32: the compiler makes no 32-bit programs (gcc-multilib does)"


@need("an x86-64 machine")
def x86_64():
    return None if MACHINE == "x86_64" else f"this one is {MACHINE}"


@need("an arm64 machine")
def arm64():
    return None if MACHINE == "aarch64" else f"this one is {MACHINE}"


@need("the x32 ABI switched off, as Debian has it")
def x32_refused():
    if MACHINE != "x86_64":
        return "only x86-64 has these numbers"
    ret = syscall(0x40000000 + 39)  # getpid
    return None if ret == -errno.ENOSYS else "this kernel has x32: an attempt is a call"


# ---- other kernel features --------------------------------------------------------------------------------------

@need("userfaultfd, also for faults of the kernel")
def userfaultfd():
    fd = syscall(NR["userfaultfd"], os.O_CLOEXEC)
    if fd < 0:
        return os.strerror(-fd)
    api = ctypes.create_string_buffer(struct.pack("<QQQ", UFFD_API, 0, 0))
    ret = LIBC.ioctl(fd, ctypes.c_ulong(UFFDIO_API), api)
    os.close(fd)
    return None if ret == 0 else "UFFDIO_API is refused"


@need("two CPUs")
def two_cpus():
    return None if len(os.sched_getaffinity(0)) > 1 else "there is one, or one for us"


@need("children with a number of choice (clone3 with set_tid)")
def set_tid():
    # In a process of its own, as what is in effect a fork may not happen behind the back of other threads.
    return run(sys.executable, "-B", __file__, "--try-set-tid")


def try_set_tid():
    """A child, and a second one with the first one's number, if nobody else has it by then."""
    first = os.fork()
    if not first:
        os._exit(0)
    os.waitpid(first, 0)
    number = ctypes.c_int(first)
    args = ctypes.create_string_buffer(struct.pack("<10Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(number), 1))
    second = syscall(NR_CLONE3, ctypes.addressof(args), 80)
    if second == 0:
        os._exit(0)
    if second < 0 and second != -errno.EEXIST:
        sys.exit(os.strerror(-second))
    if second > 0:
        os.waitpid(second, 0)


@need("seccomp filters")
def seccomp():
    action = ctypes.c_uint32(SECCOMP_RET_ERRNO)
    ret = syscall(NR["seccomp"], SECCOMP_GET_ACTION_AVAIL, 0, ctypes.addressof(action))
    return None if ret == 0 else os.strerror(-ret)


@need("Landlock")
def landlock():
    ret = syscall(NR_LANDLOCK, 0, 0, LANDLOCK_CREATE_RULESET_VERSION)
    return None if ret > 0 else os.strerror(-ret)


@need("seccomp supervisors")
def seccomp_notify():
    action = ctypes.c_uint32(SECCOMP_RET_USER_NOTIF)
    ret = syscall(NR["seccomp"], SECCOMP_GET_ACTION_AVAIL, 0, ctypes.addressof(action))
    return None if ret == 0 else os.strerror(-ret)


@need("mount namespaces, and mounts in them")
def mounts():
    return run("unshare", "-m", "mount", "-t", "tmpfs", "none", "/tmp")


@need("pid namespaces")
def pid_ns():
    return run("unshare", "--pid", "--fork", "--mount-proc", "true")


@need("user namespaces")
def user_ns():
    return run("unshare", "--user", "--map-root-user", "true")


@need("time namespaces")
def time_ns():
    return run("unshare", "--time", "--boottime", "1", "--fork", "true")


@need("namespaces for the host's name")
def uts_ns():
    return run("unshare", "--uts", "sh", "-c", "echo probe >/proc/sys/kernel/hostname")


@need("a file system with access control lists, where temporary files are")
def acl():
    with tempfile.TemporaryDirectory() as where:
        try:
            os.getxattr(where, "system.posix_acl_access")
        except OSError as e:
            return None if e.errno == errno.ENODATA else str(e)


@need("FUSE")
def fuse():
    return run("unshare", "-m", "sh", "-c",
               "exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none /tmp")


@need("loop devices")
def loop():
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(1 << 20)
        return run("sh", "-c", "at=$(losetup -f --show \"$0\") && losetup -d \"$at\"", file.name)


@need("btrfs, and its tools")
def btrfs():
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(160 << 20)
        return run("mkfs.btrfs", "-q", file.name) or run("unshare", "-m", "mount", "-o", "loop", file.name, "/tmp")


@need("overlay mounts")
def overlay():
    return run("unshare", "-m", "sh", "-c", "mount -t tmpfs none /tmp && cd /tmp && mkdir lower upper work all && "
               "mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none all")


@need("ftrace instances, by tracefs")
def tracefs():
    return run("unshare", "-m", "sh", "-c", "mount -t tracefs none /tmp && cd /tmp/instances && mkdir \"$0\" && "
               "test -e \"$0/events/raw_syscalls/sys_enter\" && rmdir \"$0\"", f"pvmtrace-probe-{os.getpid()}")


@need("the kernel's own BTF, in sysfs")
def btf():
    path = Path("/sys/kernel/btf/vmlinux")
    return None if path.exists() else f"there is no {path}"


@need("a place for lockdown's state, which tests play")
def securityfs():
    path = Path("/sys/kernel/security")
    return None if path.is_dir() else f"there is no {path}"


@need("a place for debugfs, which tests play")
def debugfs():
    path = Path("/sys/kernel/debug")
    return None if path.is_dir() else f"there is no {path}"


@need("kprobes for perf")
def perf_kprobes():
    path = Path("/sys/bus/event_source/devices/kprobe/type")
    return None if path.exists() else "this kernel has none (CONFIG_KPROBE_EVENTS)"


def has_symbol(name):
    with open("/proc/kallsyms", encoding="ascii", errors="replace") as symbols:
        return any(line.split()[2] == name for line in symbols)


@need("the kernel function that resolves a pid (bpf_task_from_vpid, Linux 6.13)")
def kfunc():
    return None if has_symbol("bpf_task_from_vpid") else "there is none"


@need("programs that look at each element of a map (bpf_for_each_map_elem, Linux 5.13)")
def for_each():
    return None if has_symbol("bpf_for_each_map_elem") else "there is none"


@need("tracepoints that can be preempted (Linux 7)")
def witnesses():
    return None if int(os.uname().release.split(".")[0]) >= 7 else "nothing preempts them here"


@need("the security module Yama")
def yama():
    return None if Path("/proc/sys/kernel/yama/ptrace_scope").exists() else "it is not there"


@need("names of memory (PR_SET_VMA_ANON_NAME, CONFIG_ANON_VMA_NAME)")
def vma_names():
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    refused = LIBC.prctl(PR_SET_VMA, ctypes.c_ulong(0), ctypes.c_ulong(address), ctypes.c_ulong(mmap.PAGESIZE), b"probe")
    return "this kernel keeps none" if refused else None


@need("a kernel that knows whose memory it is (CONFIG_MEMCG)")
def memcg():
    return None if has_symbol("mm_update_next_owner") else "mm->owner is not kept"


def asked(*options):
    """What the tracer says by --probe. Whether it is wrong, only a guest that is known can tell (PVM_HAS)."""
    import json
    p = subprocess.run([BUILD / "pvmtrace", "--probe", "-f", "json", *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       timeout=SECONDS, check=False)
    return json.loads(p.stdout)


@need("hooks on functions (--attach fentry)")
def fentry():
    report = asked("--attach", "fentry")
    return None if report["works"] else report["reason"]


@need("a hook on the function that opens a target's memory (mm_access)")
def mm_access_hook():
    return None if asked()["confirms"]["target"] else "it cannot be hooked"


@need("kprobes to see pages by, and no better hooks")
def kprobe_pages():
    pages = asked()["confirms"]["pages"]
    return None if pages == "kprobe" else f"they are seen by {pages}" if pages else "they are not seen"


@need("a machine id")
def machine_id():
    path = Path("/etc/machine-id")
    return None if path.exists() and len(path.read_text().strip()) == 32 else f"{path} holds none"


@need("login uids that can be set")
def loginuid():
    return run("sh", "-c", "echo 4711 >/proc/self/loginuid")


# ---- cgroups ----------------------------------------------------------------------------------------------------

@functools.lru_cache(maxsize=None)
def cgroup_mounts():
    """{"" for v2, pids, memory: where the hierarchy is mounted}"""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        kind, _, options = right.split(" ", 2)
        names = [""] if kind == "cgroup2" else options.split(",") if kind == "cgroup" else []
        found.update({name: left.split(" ")[4] for name in names if name in ("", "pids", "memory")})
    return found


def cgroup_is_there(hierarchy):
    """Tries to make one, and to enter it."""
    if hierarchy not in cgroup_mounts():
        return "none is mounted here"
    path = Path(cgroup_mounts()[hierarchy]) / f"pvmtrace-probe-{os.getpid()}"
    try:
        path.mkdir()
    except OSError as e:
        return f"no cgroup can be made: {e}"
    why = run("sh", "-c", "echo 0 >\"$0/cgroup.procs\"", path)
    path.rmdir()
    return why


CGROUPS = {"": "cgroup2", "pids": "cgroup_pids", "memory": "cgroup_memory"}


@need("cgroups of v2")
def cgroup2():
    return cgroup_is_there("")


@need("cgroups of v1's controller pids")
def cgroup_pids():
    return cgroup_is_there("pids")


@need("cgroups of v1's controller memory")
def cgroup_memory():
    return cgroup_is_there("memory")


@need("cgroups, of v2, pids or memory")
def cgroup():
    return None if any(has(name) for name in CGROUPS.values()) else lack("cgroup2")


@need("a hybrid host: v2 beside pids and memory of v1")
def cgroup_hybrid():
    return next((why for why in map(lack, CGROUPS.values()) if why), None)


# By hierarchy: the files of a memory cgroup's limit and of the most that it held, which not every kernel has.
LIMITS = {"memory": ("memory.limit_in_bytes", "memory.max_usage_in_bytes"), "": ("memory.max", "memory.peak")}


def make_limited(name):
    """(a new cgroup whose memory can be limited, the file of its limit, that of its peak), or None."""
    for hierarchy, (limit, peak) in LIMITS.items():
        if hierarchy not in cgroup_mounts():
            continue
        path = Path(cgroup_mounts()[hierarchy]) / name
        try:
            path.mkdir()
        except OSError:
            continue
        if (path / limit).exists():
            return path, path / limit, path / peak
        path.rmdir()
    return None


@need("cgroups that limit memory")
def memory_limit():
    made = make_limited(f"pvmtrace-probe-{os.getpid()}")
    if not made:
        return "none can be made"
    made[0].rmdir()
    return None


def any_hierarchy():
    """The first one that there is, as the key of cgroup_mounts()."""
    require("cgroup")
    return next(hierarchy for hierarchy, name in CGROUPS.items() if has(name))


# ---- what is installed ------------------------------------------------------------------------------------------

@need("promtool")
def promtool():
    return None if promtool_path() else "it is neither in PATH nor in build/ (make setup-check gets it)"


def promtool_path():
    own = BUILD / "promtool"
    return shutil.which("promtool") or (str(own) if os.access(own, os.X_OK) else None)


@need("an account pvmtrace; without it each run has a user of its own")
def account():
    return None if any(a.pw_name == "pvmtrace" for a in pwd.getpwall()) else "there is none"


def node_modules():
    return Path(os.environ.get("PVMTRACE_NODE_MODULES", ROOT / "build" / "npm" / "node_modules"))


@need("the JSON Schema validator ajv")
def ajv():
    there = (node_modules() / "ajv" / "dist" / "2020.js").exists() and (node_modules() / "ajv-formats").exists()
    return None if there else f"none in {node_modules()}: npm install --prefix build/npm ajv ajv-formats"


BASH_HELPERS = "/usr/share/bash-completion/bash_completion"


@need("the sources, which guests do not have")
def sources():
    return None if (ROOT / "Makefile").exists() else f"there is no {ROOT / 'Makefile'}"


@need("bash-completion")
def bash_completion():
    return None if os.path.exists(BASH_HELPERS) else "it is not installed: make setup-check"


# ---- who asks ---------------------------------------------------------------------------------------------------

def derived(name):
    """program:NAME, module:NAME, and no:NEED, of what must not be there."""
    kind, _, what = name.partition(":")
    if kind == "no":
        return f"there is {NEEDS[what].what}" if has(what) else None
    if kind == "program":
        package = PACKAGES.get(what)
        if shutil.which(what, path=PATH):
            return None
        return "it is not installed: make setup-check" + (f" ({package})" if package else "")
    if kind == "module":
        return None if importlib.util.find_spec(what) else f"it is not installed: make setup-check (python3-{what})"
    raise KeyError(f"there is no need {name!r}: tests/needs.py lists them")


@functools.lru_cache(maxsize=None)
def lack(name):
    """Why this machine does not have it; None: it has."""
    if name in os.environ.get("PVM_LACKS", "").split(","):
        return f"{name}: PVM_LACKS says so"
    why = NEEDS[name].probe() if name in NEEDS else derived(name)
    return why and f"{NEEDS[name].what if name in NEEDS else name}: {why}"


def has(name):
    return lack(name) is None


_current = None  # the test whose own body runs
_beginning = None  # the one whose fixtures are made


def require(*names):
    """Skips the test that runs where one of them is missing. A fixture that others share may not do that for what guests
    make up for: no guest would run those others, so it asks first (has()), and does without."""
    import pytest
    for name in names:
        if name in IN_GUESTS and _current and name not in marked(_current):
            pytest.fail(f"@pytest.mark.needs({name!r}) is missing: where the machine lacks it, no guest would run this test")
        if name in IN_GUESTS and _beginning and name not in marked(_beginning) and lack(name):
            pytest.fail(f"a fixture needs {lack(name)}: without has({name!r}) before, it leaves out tests that do not")
        if lack(name):
            pytest.skip(f"needs {lack(name)}")


def which(program):
    """The path of a program that is needed."""
    require(f"program:{program}")
    return shutil.which(program, path=PATH)


def marked(item):
    """What a test says that it needs."""
    return {name for mark in item.iter_markers("needs") for name in mark.args}


# ---- as a plugin of pytest --------------------------------------------------------------------------------------

def register(config):
    """For the pytest_configure() of a conftest."""
    config.addinivalue_line("markers", "needs(name, ...): what not every machine has (tests/needs.py)")
    if not config.pluginmanager.is_registered(sys.modules[__name__]):
        config.pluginmanager.register(sys.modules[__name__])


def pytest_itemcollected(item):
    for name in marked(item):
        assert name in NEEDS or ":" in name, f"{item.nodeid}: no need is called {name!r}"


def pytest_runtest_setup(item):
    global _beginning
    require(*sorted(marked(item)))
    _beginning = item


def pytest_runtest_call(item):
    global _current, _beginning
    _current, _beginning = item, None


def pytest_runtest_teardown():
    global _current, _beginning
    _current = _beginning = None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lacking", action="store_true", help="print only the names of what is missing")
    parser.add_argument("--try-set-tid", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("name", nargs="*", help="of these needs only")
    args = parser.parse_args()
    if args.try_set_tid:
        return try_set_tid()
    for name in args.name or NEEDS:
        if not args.lacking:
            print(f"{name:<16} {'no: ' + lack(name) if lack(name) else 'yes'}", flush=True)
        elif lack(name):
            print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
