# SPDX-License-Identifier: Apache-2.0
"""Prefixes for a tracer of another user, or one that sees less of the machine."""

import shutil

from needs import require
from pvm import PVMTRACE
from pvm_host import kernel

OTHER = 61001  # a user that has no account
IN_PID_NS = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def public_copy(public_dir):
    """The program where another user can start it."""
    path = public_dir / "pvmtrace"
    shutil.copy(PVMTRACE, path)
    path.chmod(0o755)
    return path


def as_user(caps, uid=OTHER, room=False):
    """room: before 5.11 what is kept in the kernel counts as the user's locked memory; as much of it as is wanted."""
    sets = [f"--inh-caps=-all{caps}", f"--ambient-caps=-all{caps}", f"--bounding-set=-all{caps}"]
    limit = ["/usr/bin/prlimit", "--memlock=unlimited"] if room and kernel() < (5, 11) else []
    return [*limit, "/usr/bin/setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *sets]


def hidden(path, content=None):
    """Runs a program in a mount namespace where a directory is covered."""
    require("mounts")
    fill = f"&& echo '{content[1]}' > {path}/{content[0]}" if content else ""
    return ["/usr/bin/unshare", "-m", "sh", "-c",
            f"mount -t tmpfs none {path} {fill} && exec \"$@\"", "sh"]
