#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The newest clang that Debian has: its packages, only unpacked, below build/vm/newest-clang, and a script `clang` there
that runs it with its own libraries. It builds the kernel half, nothing else. Its argument is a version, if another one
than the newest is wanted."""

import re
import shutil
import sys

sys.dont_write_bytecode = True

import kernels  # noqa: E402
import root  # noqa: E402

SUITE = "sid"
ARCH = "amd64"
TOP = kernels.HOME / "newest-clang"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
# It finds its headers by its own name, which is the loader's here.
SCRIPT = """\
#!/bin/sh
exec {top}/usr/lib64/ld-linux-x86-64.so.2 --library-path {top}/{libraries} {clang} -resource-dir {resources} "$@"
"""


def newest(suite):
    """The package with the highest number."""
    names = suite.apt("apt-cache", "pkgnames", "clang-").split()
    numbers = [int(n[len("clang-"):]) for n in names if re.fullmatch(r"clang-\d+", n)]
    if not numbers:
        raise kernels.Missing(f"{SUITE} has no clang")
    return f"clang-{max(numbers)}"


def get(package=None):
    done = TOP / ".complete"
    if done.exists() and package in (None, done.read_text()):
        return
    package = package or newest(kernels.Suite(SUITE, ARCH))
    print(f"fetching {package} of {SUITE}", flush=True)
    new = TOP.with_name(f".{TOP.name}.new")
    root.merged(new)
    for deb in root.debs(ARCH, [package], SUITE):
        root.unpack(deb, new)
    clang, = new.glob("usr/lib/llvm-*/bin/clang")
    resources, = new.glob("usr/lib/llvm-*/lib/clang/*/include")
    moved = [TOP / path.relative_to(new) for path in (clang, resources.parent)]
    (new / "clang").write_text(SCRIPT.format(top=TOP, libraries=LIBRARIES, clang=moved[0], resources=moved[1]))
    (new / "clang").chmod(0o755)
    (new / ".complete").write_text(package)
    shutil.rmtree(TOP, ignore_errors=True)
    new.rename(TOP)


def main():
    try:
        get(f"clang-{int(sys.argv[1])}" if len(sys.argv) > 1 else None)
    except (kernels.Missing, ValueError) as e:
        print(f"no newest clang to be had: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
