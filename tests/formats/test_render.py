# SPDX-License-Identifier: Apache-2.0
"""What the compiler made of the renderings: nothing that outlives a renderer."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = sorted((ROOT / "user" / "render").glob("*.c"))
WRITABLE = (".data", ".bss", ".tdata", ".tbss")
CONSTANT = ".data.rel.ro"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_nothing_is_kept_but_by_a_renderer(source):
    """A static variable would be shared by all renderers, and by what runs after them."""
    built = ROOT / "build" / "user" / "render" / f"{source.stem}.o"
    if not built.exists():
        pytest.skip(f"{built} was not built")
    rows = subprocess.run(["size", "-A", built], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    sizes = {row.split()[0]: int(row.split()[1]) for row in rows if row.startswith(".")}
    kept = {name: size for name, size in sizes.items()
            if size and name.startswith(WRITABLE) and not name.startswith(CONSTANT)}
    assert not kept
