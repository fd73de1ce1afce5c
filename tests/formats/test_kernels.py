# SPDX-License-Identifier: Apache-2.0
"""README's table of kernels is the one of docs/kernels.md, which says what it is of."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
README, KERNELS = ((ROOT / name).read_text() for name in ("README.md", "docs/kernels.md"))


def first_table(text):
    return re.search(r"(?:^\|.*\n)+", text, re.M)[0].splitlines()


def test_the_same_numbers():
    told = first_table(README[README.index("[docs/kernels.md](docs/kernels.md)"):])
    assert told == first_table(KERNELS) and len(told) > 4


def test_of_which_tree_and_compilers():
    """What compilers the row of the checks names, those have rows of their own, and no other is claimed."""
    head = KERNELS[:KERNELS.index("\n| | ")]
    commit = re.search(r"commit (\w{7,})", head)
    assert commit and f"commit {commit[1]}" in README
    claimed = re.search(r"^\| checks, built by (.*?) \|", KERNELS, re.M)[1].split(", ")
    assert claimed == re.findall(r"^\| all checks, (\S+) \|", KERNELS, re.M)
