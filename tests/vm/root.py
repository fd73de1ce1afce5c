# SPDX-License-Identifier: Apache-2.0
"""A small Debian 12 as an initrd, for guests that run the live tests. Its packages are only unpacked: no maintainer's
script runs, so it is made for any architecture alike, and without a chroot."""

import compileall
import hashlib
import os
import py_compile
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import guest
import kernels

SUITE = "bookworm"
# What the live tests run, and what the libraries of the tracer are in.
PACKAGES = """base-files base-passwd bash dash coreutils diffutils findutils grep gzip hostname jq libcap2-bin mount procps
    python3 python3-pytest python3-jsonschema python3-fastjsonschema sed stress-ng strace tar util-linux bpftool libbpf1 libelf1 zlib1g
    libcap2 libseccomp2""".split()
# In today's Debian these are links to their namesakes below usr/.
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
UNWANTED = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/", "usr/share/lintian/",
            "usr/share/bash-completion/", "usr/share/zoneinfo/", "usr/share/perl", "usr/lib/python3.11/test/",
            "usr/share/gcc/", "usr/share/gdb/", "usr/share/common-licenses/")
FILES = {
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/hostname": "guest\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
}


def debs(arch, packages, suite_name=SUITE):
    """The packages and all that they depend on, downloaded."""
    suite = kernels.Suite(suite_name, arch)
    shutil.rmtree(suite.home / "cache" / "archives")
    (suite.home / "cache" / "archives" / "partial").mkdir(parents=True)
    suite.apt("apt-get", "-q", "-y", "-d", "--no-install-recommends", "install", *packages)
    found = sorted((suite.home / "cache" / "archives").glob("*.deb"))
    if not found:
        raise kernels.Missing("no packages came")
    return found


def merged(top):
    """An empty tree with today's links."""
    shutil.rmtree(top, ignore_errors=True)
    for name in MERGED:
        (top / "usr" / name).mkdir(parents=True)
        (top / name).symlink_to(f"usr/{name}")


def place(name):
    """Where a package's file goes; None for what is not wanted."""
    name = name[2:] if name.startswith("./") else name
    if name.split("/")[0] in MERGED:
        name = f"usr/{name}"
    return None if not name or name.startswith(UNWANTED) else name


def unpack(deb, top):
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as p:
        with tarfile.open(fileobj=p.stdout, mode="r|") as tar:
            for member in tar:
                name = place(member.name)
                if not name or member.isdir():
                    continue
                to = top / name
                to.parent.mkdir(parents=True, exist_ok=True)
                to.unlink(missing_ok=True)
                if member.issym():
                    to.symlink_to(member.linkname)
                elif member.islnk():
                    os.link(top / place(member.linkname), to)
                elif member.isfile():
                    to.write_bytes(tar.extractfile(member).read())
                    to.chmod(member.mode & 0o777 | 0o600)
    if p.returncode:
        raise kernels.Missing(f"{deb.name} cannot be unpacked")


def compile_python(top):
    """Once here instead of at every start there; the byte code is the same for every architecture."""
    lib = top / "usr/lib"
    if not (lib / f"python{sys.version_info[0]}.{sys.version_info[1]}").exists():
        return
    compileall.compile_dir(lib, quiet=2, stripdir=str(top), maxlevels=20,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def entries(top):
    """What stands in a tree, but not in what is mounted there, as guest.write_cpio takes it."""
    for folder, names, files in os.walk(top):
        for name in names + files:
            path = Path(folder) / name
            st = path.lstat()
            data = os.fsencode(os.readlink(path)) if path.is_symlink() else b""
            if stat.S_ISREG(st.st_mode):
                data = path.read_bytes()
            yield str(path.relative_to(top)), st.st_mode, data
        names[:] = [name for name in names if not os.path.ismount(f"{folder}/{name}")]


def key():
    """Changes with everything that the image is made of, but for the versions of packages."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


def get(arch, update=False):
    """The initrd of an architecture, from the cache or made now."""
    path = kernels.HOME / "cache" / arch / f"root-{key()}.cpio"
    with kernels.fetching():
        return path if path.exists() and not update else make(arch, path)


def make(arch, path):
    print(f"making a Debian of {SUITE} for {arch} guests", flush=True)
    found = debs(arch, PACKAGES)
    top = kernels.HOME / f"root-{arch}"
    merged(top)
    for name in ("proc", "sys", "dev", "tmp", "run", "root", "etc", "var", "boot"):
        (top / name).mkdir()
    for deb in found:
        unpack(deb, top)
    (top / "usr/bin/sh").unlink(missing_ok=True)
    (top / "usr/bin/sh").symlink_to("dash")
    for name, text in FILES.items():
        (top / name).unlink(missing_ok=True)
        (top / name).write_text(text)
    for name in ("passwd", "group"):
        shutil.copy(top / f"usr/share/base-passwd/{name}.master", top / "etc" / name)
    compile_python(top)
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob("root-*.cpio"):
        old.unlink()
    new = path.with_suffix(".new")
    guest.write_cpio(new, entries(top))
    new.rename(path)
    shutil.rmtree(top)
    return path


if __name__ == "__main__":
    print(get(sys.argv[1], update=True))
