# SPDX-License-Identifier: Apache-2.0
"""What the README shows is what the program writes."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "README.md").read_text()


def test_each_metric_is_in_the_table():
    """But for the counters, which have a name in common there."""
    source = (ROOT / "user" / "render_metrics.c").read_text()
    names = set(re.findall(r"\bput_(?:head|gauge|time)\(f, \"(\w+)\"", source))
    table = TEXT.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    assert len(names) >= 8 and {n for n in names if f"`pvmtrace_{n}" not in table} == set()
