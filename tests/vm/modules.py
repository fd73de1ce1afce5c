# SPDX-License-Identifier: Apache-2.0
"""Modules of a guest's kernel, out of the package that it came in, each behind those that it depends on."""

import functools
import lzma
import re
import subprocess
import tarfile
from pathlib import PurePath

import kernels


@functools.lru_cache(maxsize=None)
def packed(kernel_name):
    """name of a module -> (package, path in it)"""
    found = {}
    for deb in kernels.Kernel(kernel_name).dir.glob("*.deb"):
        listing = subprocess.run(["dpkg-deb", "-c", str(deb)], check=True, capture_output=True, text=True).stdout
        for path in re.findall(r"(\./\S*/kernel/\S+\.ko(?:\.xz)?)$", listing, re.M):
            found[PurePath(path).name.partition(".")[0].replace("-", "_")] = deb, path
    return found


def read(deb, path):
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as p:
        with tarfile.open(fileobj=p.stdout, mode="r|") as tar:
            data = next(tar.extractfile(member).read() for member in tar if member.name == path)
        p.stdout.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


def get(kernel, *names, softly=()):
    """The files, in the order in which they are to be loaded; none if the package does not have them all. softly: those
    that others ask for by what they do, and that may be built in."""
    where, out = packed(kernel.name), {}

    def add(name):
        if name in out:
            return
        path = kernel.dir / "modules" / f"{name}.ko"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(read(*where[name]))
        depends = re.search(rb"\0depends=([^\0]*)\0", b"\0" + path.read_bytes())
        for other in filter(None, depends.group(1).decode().replace("-", "_").split(",") if depends else []):
            add(other)
        out[name] = path

    try:
        for name in [*(name for name in softly if name in where), *names]:
            add(name)
    except KeyError:
        return []
    return list(out.values())
