# SPDX-License-Identifier: Apache-2.0
"""Which file an executable is, where device and inode number do not tell: two files never look alike."""

import os
import re
import shutil
from pathlib import Path

import pytest

from pvm import TRIGGERS, Held, parse_time
from pvm_host import mounted, overlay, run

PVMCALL = TRIGGERS / "pvmcall"
IDENTITY = ("exe_dev", "exe_ino", "exe_subvol", "exe_gen", "exe_size", "exe_ctime")


def program(path, more=b""):
    """The trigger again, as another file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(PVMCALL, path)
    with open(path, "ab") as file:
        file.write(more)
    return path


def maps_of(pid):
    """(device, inode number) of the executable's mappings, as /proc/PID/maps has them."""
    exe = os.readlink(f"/proc/{pid}/exe")
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        found = re.fullmatch(r"\S+ \S+ \S+ (\S+) (\d+) +(.*)", line)
        if found and found.group(3) == exe:
            return found.group(1), int(found.group(2))
    raise AssertionError(f"no mapping of {exe}")


def told(tracer, path):
    """What a call of the program says of it, and what /proc/PID/maps does."""
    with Held(path, "step") as h:
        h.line()
        maps = maps_of(h.pid)
        h.step()
        caller = tracer.one(h.pid)["caller"]
    assert caller["exe"] == str(path)
    return caller, maps


def expect_stat(caller, path):
    st = path.stat()
    assert caller["exe_dev"] == f"{os.major(st.st_dev):02x}:{os.minor(st.st_dev):02x}"
    assert (caller["exe_ino"], caller["exe_size"]) == (st.st_ino, st.st_size)
    assert parse_time(caller["exe_ctime"]) == st.st_ctime_ns


def identity(caller):
    return tuple(caller[name] for name in IDENTITY)


def test_as_stat_has_it(tracer, public_dir):
    """And the same inode number, given anew, is another generation or has changed at another time."""
    path = program(public_dir / "one")
    first, maps = told(tracer, path)
    expect_stat(first, path)
    assert (first["exe_dev"], first["exe_ino"]) == maps and first["exe_subvol"] is None
    path.unlink()
    second, _ = told(tracer, program(path))
    expect_stat(second, path)
    assert identity(first) != identity(second)


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    top = tmp_path_factory.mktemp("btrfs")
    top.chmod(0o755)
    image = top / "image"
    with open(image, "wb") as file:
        file.truncate(160 << 20)
    run("mkfs.btrfs", "-q", image)
    with mounted(top / "all", "-o", "loop", image) as where:
        yield where


def subvolume_id(path):
    return int(run("btrfs", "inspect-internal", "rootid", path))


@pytest.mark.needs("btrfs")
def test_btrfs_subvolumes(tracer, volume):
    """The same inode number, and one device for all of them as far as the superblock knows."""
    for name in ("a", "b"):
        run("btrfs", "subvolume", "create", volume / name)
        program(volume / name / "tool", more=name.encode())
    paths = [volume / name / "tool" for name in ("a", "b")]
    assert paths[0].stat().st_ino == paths[1].stat().st_ino
    callers = [told(tracer, path)[0] for path in paths]
    for caller, path in zip(callers, paths):
        expect_stat(caller, path)
        assert caller["exe_subvol"] == subvolume_id(path)
    assert callers[0]["exe_dev"] != callers[1]["exe_dev"]


@pytest.mark.needs("btrfs")
def test_btrfs_snapshot(tracer, volume):
    """All is equal in it but the subvolume."""
    run("btrfs", "subvolume", "create", volume / "origin")
    program(volume / "origin" / "tool")
    run("btrfs", "subvolume", "snapshot", volume / "origin", volume / "copy")
    callers = [told(tracer, volume / name / "tool")[0] for name in ("origin", "copy")]
    same = [c for c in IDENTITY if callers[0][c] == callers[1][c]]
    assert same == ["exe_ino", "exe_gen", "exe_size", "exe_ctime"], callers
    assert [c["exe_subvol"] for c in callers] == [subvolume_id(volume / name) for name in ("origin", "copy")]


@pytest.mark.needs("overlay", "mounts")
def test_overlay(tracer, public_dir):
    """A file of the lower layer, and one of the upper: as /proc/PID/maps has them."""
    with mounted(public_dir / "fs", "-t", "tmpfs", "none") as top:
        program(top / "lower" / "below")
        with overlay(top, top / "lower") as where:
            program(where / "above", more=b"above")
            callers = []
            for name in ("below", "above"):
                caller, maps = told(tracer, where / name)
                assert (caller["exe_dev"], caller["exe_ino"]) == maps
                assert caller["exe_size"] == (where / name).stat().st_size
                callers.append(caller)
            assert identity(callers[0]) != identity(callers[1])


@pytest.mark.needs("overlay", "btrfs")
def test_overlay_of_two_subvolumes(tracer, volume, public_dir):
    """Two layers of one file system, in which the inode number is the same."""
    for name in ("one", "two"):
        run("btrfs", "subvolume", "create", volume / name)
        program(volume / name / name, more=name.encode())
    with mounted(public_dir / "fs", "-t", "tmpfs", "none") as top:
        with overlay(top, f"{volume / 'one'}:{volume / 'two'}") as where:
            callers = [told(tracer, where / name)[0] for name in ("one", "two")]
    assert [c["exe_subvol"] for c in callers] == [subvolume_id(volume / name) for name in ("one", "two")]
    assert identity(callers[0]) != identity(callers[1])
