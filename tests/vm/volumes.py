# SPDX-License-Identifier: Apache-2.0
"""File systems in which device and inode number do not tell files apart: btrfs with its subvolumes, and overlays. The
modules come out of the kernel's package, the image is made here."""

import shutil
import subprocess

import kernels
import modules

SIZE = 40 << 20

SCRIPT = r"""
if [ -e /modules ]; then
for module in /modules/*; do insmod $module 2>/dev/null; done
mkdir -p /tmp/volumes /tmp/layers
mount -t btrfs -o loop /btrfs.img /tmp/volumes
/live/pvmvolume /tmp/volumes/one && /live/pvmvolume /tmp/volumes/two
cp /live/pvmcall /tmp/volumes/one/tool
cp /live/pvmcall /tmp/volumes/two/tool
echo more >>/tmp/volumes/two/tool
mount -t tmpfs layers /tmp/layers
(cd /tmp/layers && mkdir lower upper work all && cp /live/pvmcall lower/below &&
	mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none all && cp /live/pvmcall all/above)

# A program's own call, and behind it what /proc/PID/maps has of its file.
mapped() {
	mkfifo /tmp/words
	"$1" step </tmp/words >/tmp/facts.mapped &
	exec 4<>/tmp/words
	tries=0
	until grep -q ready /tmp/facts.mapped || [ $tries = 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	echo call >&4
	sleep 0.3
	echo "{\"pid\":$!,\"stat\":\"$(stat -c '%D %i %s' "$1")\",\"maps\":\"$(grep -m 1 "$1" /proc/$!/maps)\"}"
	exec 4>&-
	wait $!
	rm /tmp/words
}

session volumes
step one mapped /tmp/volumes/one/tool
step two mapped /tmp/volumes/two/tool
step below mapped /tmp/layers/all/below
step above mapped /tmp/layers/all/above
finish
fi
"""


def files(kernel):
    """What the guest has for it; nothing if that cannot be had."""
    image = kernels.HOME / "btrfs.img"
    found = modules.get(kernel, "loop", "btrfs", "overlay", softly=["crc32c_generic"])
    if not found or not shutil.which("mkfs.btrfs"):
        return {}
    if not image.exists():
        with open(image, "wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.btrfs", "-q", "-M", str(image)], check=True, capture_output=True)
    return {"btrfs.img": image, **{f"modules/{i:02}": path for i, path in enumerate(found)}}


IDENTITY = ("exe_dev", "exe_ino", "exe_subvol", "exe_gen", "exe_size", "exe_ctime")


def told(runs, step):
    """(what a program's call says of its file, what stat does, what /proc/PID/maps does)"""
    facts, = runs["volumes"].facts(step)
    event, = runs["volumes"].events(facts["pid"])
    number, ino, size = facts["stat"].split()
    stat = f"{int(number, 16) >> 8 & 0xfff:02x}:{int(number, 16) & 0xff:02x}", int(ino), int(size)
    maps = facts["maps"].split()
    return event["caller"], stat, (maps[3], int(maps[4]))


def check_btrfs_subvolumes(kernel, runs):
    """The same inode number, and one device as far as the superblock knows. Before 5.11 nothing shows a module's types:
    then no device is told."""
    callers = []
    for step in ("one", "two"):
        caller, (dev, ino, size), _ = told(runs, step)
        assert caller["exe_dev"] == (dev if kernel.version >= (5, 11) else None), (caller, dev)
        assert (caller["exe_ino"], caller["exe_size"]) == (ino, size)
        assert bool(caller["exe_subvol"]) == (kernel.version >= (5, 11))
        callers.append(caller)
    assert callers[0]["exe_ino"] == callers[1]["exe_ino"]
    assert tuple(callers[0][k] for k in IDENTITY) != tuple(callers[1][k] for k in IDENTITY)


def check_overlay(kernel, runs):
    """As /proc/PID/maps has it, where a module's types are shown."""
    for step in ("below", "above"):
        caller, (_, _, size), maps = told(runs, step)
        assert caller["exe_size"] == size
        if kernel.version >= (5, 11):
            assert (caller["exe_dev"], caller["exe_ino"]) == maps, (caller, maps)
