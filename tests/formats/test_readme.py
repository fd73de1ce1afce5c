# SPDX-License-Identifier: Apache-2.0
"""What README and docs/ show is what the program writes, and what was measured."""

import itertools
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
README, EVENTS, OPERATIONS, PERFORMANCE = ((ROOT / name).read_text() for name in (
    "README.md", "docs/events.md", "docs/operations.md", "docs/performance.md"))


def test_each_metric_is_in_the_table():
    """But for the counters, which have a name in common there."""
    source = (ROOT / "user" / "output" / "metrics_text.c").read_text()
    names = set(re.findall(r"\bput_(?:head|gauge|time)\(f, \"(\w+)\"", source))
    table = OPERATIONS.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    assert len(names) >= 8 and {n for n in names if f"`pvmtrace_{n}" not in table} == set()


# Of each sample: where it is, the format, and a key that such records alone have, with its value.
SAMPLES = {"short event": (README, "json", "type", "process_vm_access"), "event": (EVENTS, "json", "type", "process_vm_access"),
           "sum": (OPERATIONS, "json", "type", "process_vm_summary"),
           "ecs": (EVENTS, "ecs", "ecs", {"version": "9.4.0"}), "ocsf": (EVENTS, "ocsf", "class_uid", 1004)}
LEFT_OUT = ("pvmtrace", "unmapped")  # as is said there
NOT_ALWAYS = ("session", "container")


def samples(text):
    """The records that are shown. Where "…" stands for keys that are left out, there is one of that name and a number."""
    for block in re.findall(r"^```(?:json)?\n(\{.*?\})\n```$", text, re.M | re.S):
        number = itertools.count()
        yield json.loads(re.sub(r"…(\s+(?=\"))?", lambda m: f'"…{next(number)}":0{"," if m[1] else ""}', block))


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
    text, form, key, value = SAMPLES[name]
    golden = map(json.loads, (ROOT / "tests" / "golden" / f"{form}.ndjson").read_text().splitlines())
    # The first call, not what the tracer says of itself.
    record = next(r for r in golden if r.get(key) == value and r.get("event", {}).get("dataset") != "pvmtrace.tracer")
    shown, = [sample for sample in samples(text) if sample.get(key) == value]
    like(shown, {k: v for k, v in record.items() if k not in LEFT_OUT}, name)


def rows(text):
    """{first cell: the others} of the first table."""
    table = re.search(r"(?:^\|.*\n)+", text, re.M)[0]
    return {first.strip(): [cell.strip() for cell in others]
            for first, *others in (line.strip("|").split("|") for line in table.splitlines())}


def test_figures_of_cost_are_those_of_the_measurement():
    """They change with each run of make bench, and stand in its document."""
    added = rows(PERFORMANCE.partition("\n## Added to a call\n")[2].partition("\n## ")[0])
    told = rows(PERFORMANCE.partition("\n## At full rate\n")[2].partition("\n## ")[0])
    cost = rows(README.partition("\n## Cost\n")[2].partition("\n## ")[0])
    cost = {name: cells for name, cells in cost.items() if name in added}
    assert len(cost) == 5
    for name, (call, other, rate) in cost.items():
        assert [call, other] == [added[name][column].split(" ")[0] for column in (0, 5)], name
        assert not rate or rate == told.get(name, told.get(f"{name}, file on tmpfs"))[1], name
    assert f"took {added['untraced, whole call'][0].split(' ')[0]} ns" in README
