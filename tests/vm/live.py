# SPDX-License-Identifier: Apache-2.0
"""The live tests in a guest: the same files, the same expectations, on another kernel."""

import collections
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import guest
import kernels
import root

HERE = Path(__file__).resolve().parent
LIVE = kernels.ROOT / "tests" / "live"
# How many times as long as here things may take in a guest.
SLOWNESS = 10
MEMORY = "1536M"

Result = collections.namedtuple("Result", "verdict why")


def files(build, arguments, seconds):
    """What the guest has besides its Debian."""
    found = {"init": HERE / "init-live", "arguments": shlex.join(arguments), "seconds": str(seconds)}
    for path in [*LIVE.glob("*.py"), *(kernels.ROOT / "docs").glob("*.json"), kernels.ROOT / "README.md"]:
        found[f"pvmtrace/{path.relative_to(kernels.ROOT)}"] = path
    for path in (build / "vm" / "live").glob("pvm*"):
        if not path.suffix:
            found[f"pvmtrace/build/live/{path.name}"] = path
    found["pvmtrace/build/pvmtrace"] = build / "pvmtrace"
    return found


def parse(text):
    """(file, test) -> Result, from what the guest told."""
    lines = text.split("@report\n")[1].split("\n@end\n")[0].splitlines()
    out = collections.OrderedDict()
    for case in ET.fromstring("\n".join(line[1:] for line in lines)).iter("testcase"):
        key = case.get("classname").rpartition(".")[2], case.get("name")
        bad = [e for kind in ("failure", "error") for e in case.findall(kind)]
        skipped = case.find("skipped")
        if bad:
            out[key] = Result("FAIL", "\n".join(f"{e.get('message')}\n{e.text}" for e in bad))
        elif skipped is not None:
            out.setdefault(key, Result("skip", skipped.get("message")))
        else:
            out.setdefault(key, Result("ok", ""))
    return out


def run(kernel, build, arguments, seconds, hybrid=False):
    """(file, test) -> Result; guest.Failed if the guest did not come to its end."""
    work = kernels.HOME / "run" / f"{kernel.name}-live{'-hybrid' if hybrid else ''}"
    work.mkdir(parents=True, exist_ok=True)
    initrd = work / "initrd"
    guest.make_initrd(initrd, files(build, arguments, seconds), root.get(kernel.arch))
    try:
        text = guest.boot(kernel, initrd, work, seconds + 180, MEMORY,
                          f"{'hybrid ' if hybrid else ''}PVM_SLOWNESS={SLOWNESS}")
    finally:
        initrd.unlink()
    return parse(text)
