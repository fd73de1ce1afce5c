# SPDX-License-Identifier: Apache-2.0
"""Kernels of Debian's packages, by an apt of our own: its sources, lists and cache lie below build/vm, and the
machine's own apt is only asked where its Debian comes from."""

import contextlib
import fcntl
import functools
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import btf

ROOT = Path(__file__).resolve().parent.parent.parent
HOME = ROOT / "build" / "vm"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# Debian's name of the architecture, and the suites that have it; of several, the one with the highest version.
NEWEST = ["trixie-backports", "sid"]
KERNELS = {
    "5.10": ("amd64", ["bullseye"]),
    "6.1": ("amd64", ["bookworm"]),
    "6.12": ("amd64", ["trixie"]),
    "newest": ("amd64", NEWEST),
    "arm64-6.1": ("arm64", ["bookworm"]),
    "arm64-6.12": ("arm64", ["trixie"]),
    "arm64-newest": ("arm64", NEWEST),
}

# A private configuration comes after the machine's, whose proxies and the like stay in force.
APT_CONF = """\
Dir::Etc::SourceList "{home}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{home}/state";
Dir::State::status "{home}/status";
Dir::Cache "{home}/cache";
APT::Architecture "{arch}";
#clear APT::Architectures;
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


class Missing(Exception):
    """A kernel that cannot be had, and why."""


class Kernel:
    """What is kept of one in the cache."""

    def __init__(self, name):
        self.name = name
        self.arch = KERNELS[name][0]
        self.dir = HOME / "cache" / self.arch / name.rpartition("-")[2]
        self.image = self.dir / "vmlinuz"

    @property
    def release(self):
        return (self.dir / "release").read_text().strip()

    @property
    def version(self):
        """(major, minor)"""
        return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", self.release).groups())

    @property
    def bpf_arch(self):
        return {"amd64": "x86"}.get(self.arch, self.arch)

    @property
    def foreign(self):
        """Of another architecture than this machine."""
        return self.bpf_arch != btf.own_arch()

    @property
    def build(self):
        """Where the programs for it are built."""
        return ROOT / "build" / self.arch / "build" if self.foreign else ROOT / "build"

    @property
    def busybox(self):
        return ROOT / "build" / "sysroot" / self.arch / "bin" / "busybox" if self.foreign \
            else Path(shutil.which("busybox"))

    @property
    def title(self):
        """What to call it in a table."""
        short = self.release.split("+")[0].replace(f"-{self.arch}", "")
        return short if self.arch == "amd64" else f"{short} {self.arch}"

    def has_preempt_dynamic(self):
        """Whether the command line can say where tasks are preempted (preempt=full)."""
        return self.configured("PREEMPT_DYNAMIC")

    def configured(self, option):
        return f"\nCONFIG_{option}=y\n" in (self.dir / "config").read_text()

    def btf(self):
        """A file with the kernel's own BTF."""
        path = self.dir / "btf"
        if not path.exists():
            path.write_bytes(btf.extract(self.image))
        return path


def run(command, **options):
    """Its output; Missing with the end of what it said."""
    try:
        p = subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=1800, check=False, **options)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Missing(str(e)) from None
    text = p.stdout.decode(errors="replace")
    if p.returncode:
        said = [line for line in text.splitlines() if line.strip()]
        raise Missing(f"{command[0]}: {' / '.join(said[-3:])}")
    return text


@functools.lru_cache(maxsize=None)
def archive():
    """Where this machine gets its own release from."""
    release = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.M)
    targets = run(["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)",
                   "Created-By: Packages"])
    for line in targets.splitlines():
        suite, component, uri = line.split(None, 2)
        if release and suite == release.group(1) and component == "main":
            return uri
    raise Missing("no source of this machine's apt is Debian's own archive")


class Suite:
    """One release of Debian, with lists of its own, so that one that is gone hinders no other."""

    def __init__(self, name, arch):
        self.arch = arch
        self.home = HOME / "apt" / f"{name}-{arch}"
        self.conf = self.home / "apt.conf"
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.home / part).mkdir(parents=True, exist_ok=True)
        (self.home / "status").touch()
        (self.home / "sources.list").write_text(f"deb [signed-by={KEYRING}] {archive()} {name} main\n")
        self.conf.write_text(APT_CONF.format(home=self.home, arch=arch))
        self.apt("apt-get", "-q", "update", "--error-on=any")

    def apt(self, tool, *args, **options):
        return run([tool, "-c", self.conf, *args], **options)

    def show(self, package):
        """(version, names it depends on)"""
        text = self.apt("apt-cache", "show", "--no-all-versions", package)
        version = re.search(r"^Version: (\S+)", text, re.M)
        depends = re.search(r"^Depends: (.*)", text, re.M)
        if not version:
            raise Missing(f"no package {package}")
        return version.group(1), re.findall(r"[a-z0-9][a-z0-9.+-]+", depends.group(1) if depends else "")

    def latest(self):
        """(version, image package) of what the suite installs."""
        version, depends = self.show(f"linux-image-{self.arch}")
        images = [d for d in depends if re.match(r"linux-image-\d", d)]
        if not images:
            raise Missing(f"linux-image-{self.arch} names no kernel")
        return version, images[0]

    def download(self, image, to):
        """The packages that hold the kernel itself: the image, or from Linux 7 on parts of their own."""
        names = [image] + [d for d in self.show(image)[1]
                           if re.match(r"linux-(binary|base)-\d", d) and d.endswith(f"-{self.arch}")]
        self.apt("apt-get", "-q", "download", *names, cwd=to)


def newer(a, b):
    return subprocess.run(["dpkg", "--compare-versions", a, "gt", b], check=False).returncode == 0


def unpack(deb, to):
    """The kernel and its configuration; modules stay in the package, which is kept."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as p:
        with tarfile.open(fileobj=p.stdout, mode="r|") as tar:
            for member in tar:
                found = re.fullmatch(r"\./(?:boot|usr/lib/modules/[^/]+)/(vmlinuz|config)(?:-.*)?",
                                     member.name)
                if found and member.isfile():
                    (to / found.group(1)).write_bytes(tar.extractfile(member).read())
    if p.returncode:
        raise Missing(f"{deb.name} cannot be unpacked")


def fetch(name):
    """Into the cache, whole or not at all."""
    kernel = Kernel(name)
    best, reasons = None, []
    if not KEYRING.exists():
        raise Missing(f"{KEYRING} is missing")
    for suite_name in KERNELS[name][1]:
        try:
            suite = Suite(suite_name, kernel.arch)
            version, image = suite.latest()
        except Missing as e:
            reasons.append(f"{suite_name}: {e}")
            continue
        if not best or newer(version, best[0]):
            best = version, image, suite
    if not best:
        raise Missing("; ".join(reasons))
    _, image, suite = best
    new = kernel.dir.with_name(f".{kernel.dir.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    suite.download(image, new)
    for deb in new.glob("*.deb"):
        unpack(deb, new)
    if not (new / "vmlinuz").exists():
        raise Missing(f"no kernel in {image}")
    (new / "release").write_text(image[len("linux-image-"):] + "\n")
    shutil.rmtree(kernel.dir, ignore_errors=True)
    os.rename(new, kernel.dir)
    return kernel


@contextlib.contextmanager
def fetching():
    """Several programs may want something at once."""
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / "fetching", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def get(name, update=False):
    """From the cache, or fetched."""
    kernel = Kernel(name)
    with fetching():
        if update or not kernel.image.exists():
            try:
                return fetch(name)
            except Missing:
                if not kernel.image.exists():
                    raise
    return kernel
