#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Headers and libraries of other architectures, to build for them: Debian's packages, unpacked below build/sysroot.
Its arguments are architectures as Debian calls them. (Debian's cross compilers cannot be installed beside
gcc-multilib, which the tests need; clang compiles for all.)"""

import os
import shutil
import sys
from pathlib import Path

import kernels
import root

PACKAGES = {
    "arm64": ["libc6-dev", "libgcc-12-dev", "libbpf-dev", "libelf-dev", "zlib1g-dev", "libcap-dev", "libseccomp-dev", "uthash-dev",
              "busybox-static"],
    "armhf": ["libc6-dev", "libgcc-12-dev"],
}


def relative_links(top):
    """Links that mean the root of the tree and not that of this machine."""
    for folder, names, files in os.walk(top):
        for name in names + files:
            path = Path(folder) / name
            if path.is_symlink() and os.readlink(path).startswith("/"):
                to = top / os.readlink(path)[1:]
                path.unlink()
                path.symlink_to(os.path.relpath(to, folder))


def get(arch):
    top = kernels.ROOT / "build" / "sysroot" / arch
    done = top / ".complete"
    if done.exists() and done.read_text() == str(PACKAGES[arch]):
        return
    print(f"fetching libraries for {arch}", flush=True)
    new = top.with_name(f".{arch}.new")
    root.merged(new)
    for deb in root.debs(arch, PACKAGES[arch]):
        root.unpack(deb, new)
    relative_links(new)
    (new / ".complete").write_text(str(PACKAGES[arch]))
    shutil.rmtree(top, ignore_errors=True)
    new.rename(top)


def main():
    for arch in sys.argv[1:]:
        try:
            get(arch)
        except kernels.Missing as e:
            print(f"no libraries for {arch} to be had: {e}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
