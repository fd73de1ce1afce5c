# SPDX-License-Identifier: Apache-2.0
"""What the README shows is what the program writes."""

import itertools
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "README.md").read_text()


def test_each_metric_is_in_the_table():
    """But for the counters, which have a name in common there."""
    source = (ROOT / "user" / "render" / "metrics.c").read_text()
    names = set(re.findall(r"\bput_(?:head|gauge|time)\(f, \"(\w+)\"", source))
    table = TEXT.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    assert len(names) >= 8 and {n for n in names if f"`pvmtrace_{n}" not in table} == set()


# Of each sample: the format, and a key that such records alone have, with its value.
SAMPLES = {"event": ("json", "type", "process_vm_access"), "sum": ("json", "type", "process_vm_summary"),
           "ecs": ("ecs", "ecs", {"version": "9.4.0"}), "ocsf": ("ocsf", "class_uid", 1004)}
LEFT_OUT = ("pvmtrace", "unmapped")  # as is said there
NOT_ALWAYS = ("session", "container")


def samples():
    """The records that are shown. Where "…" stands for keys that are left out, there is one of that name and a number."""
    for block in re.findall(r"^```(?:json)?\n(\{.*?\})\n```$", TEXT, re.M | re.S):
        number = itertools.count()
        yield json.loads(re.sub(r"…( (?=\"))?", lambda m: f'"…{next(number)}":0{"," if m[1] else ""}', block))


def like(shown, written, where):
    """Each key of what is written is shown, in its order, or left out by a sign."""
    names, at, gap = [n for n in written if n in shown or n not in NOT_ALWAYS], 0, False
    for name, value in shown.items():
        if name.startswith("…"):
            gap = True
            continue
        assert name in names[at:] if gap else names[at:at + 1] == [name], f"{where}: {name} before {names[at:at + 1]}"
        at, gap = names.index(name) + 1, False
        if isinstance(value, dict) and isinstance(written[name], dict):
            like(value, written[name], f"{where}.{name}")
    assert gap or at == len(names), f"{where}: {names[at:]} are missing"


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_have_the_keys_of_records(name):
    """As the golden lines have them, which the program is held against."""
    form, key, value = SAMPLES[name]
    golden = map(json.loads, (ROOT / "tests" / "golden" / f"{form}.ndjson").read_text().splitlines())
    # The first call, not what the tracer says of itself.
    record = next(r for r in golden if r.get(key) == value and r.get("event", {}).get("dataset") != "pvmtrace.tracer")
    shown, = [sample for sample in samples() if sample.get(key) == value]
    like(shown, {k: v for k, v in record.items() if k not in LEFT_OUT}, name)
