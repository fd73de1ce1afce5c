# SPDX-License-Identifier: Apache-2.0
"""The rules that docs/operations.md shows are ones, and the help, the manual page and the documents name the same actions."""

import importlib
import json
import re
import subprocess

import pytest

import golden
from manual import MAN_8, PVMTRACE, ROOT

ACTIONS = "tell|aggregate|drop"
RULES = """rule reads aggregate
op read
outcome success

rule few tell
op write

rule dumps-1.A drop
caller-comm dumper
outcome failure
"""
RULE_OF = {"json": lambda r: r["rule"], "ecs": lambda r: r.get("rule", {}).get("name"),
           "ocsf": lambda r: r["unmapped"].get("rule")}
REST = {"json": lambda r: r, "ecs": lambda r: r["pvmtrace"], "ocsf": lambda r: r["unmapped"]}


def run(*words):
    return subprocess.run([PVMTRACE, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def example():
    text = (ROOT / "docs" / "operations.md").read_text()
    section = re.search(r"^## Rules\n(.*?)^## ", text, re.M | re.S)[1]
    return re.search(r"^```text\n(.*?)^```", section, re.M | re.S)[1]


def test_the_example_is_taken_and_printed_as_it_is(tmp_path):
    conf = tmp_path / "rules.conf"
    conf.write_text(example())
    checked = run("--config", conf, "--check-config")
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    printed = run("--config", conf, "--print-config")
    lines = [line.split() for line in printed.stdout.splitlines() if line and not line.startswith("#")]
    assert printed.returncode == 0 and lines == [line.split() for line in example().splitlines() if line]


def test_one_more_filter_is_refused(tmp_path):
    conf = tmp_path / "rules.conf"
    conf.write_text("no-self\n" + example())
    assert (run("--config", conf, "--check-config").returncode, "no-self of line 1" in run("--config", conf).stderr) == (78, True)
    conf.write_text(example())
    refused = run("--config", conf, "--no-self", "--check-config")
    assert refused.returncode == 64 and "--no-self: not together with the rules" in refused.stderr


def test_help_and_manual_have_the_actions():
    assert f"\n  rule NAME {ACTIONS}\n" in run("--help").stdout
    assert f"Cm rule Ar NAME Cm {ACTIONS.replace('|', ' | ')}\n" in MAN_8.read_text()


@pytest.fixture(name="conf")
def conf_of_rules(tmp_path):
    path = tmp_path / "rules.conf"
    path.write_text(RULES)
    return path


def calls(records, form):
    """(number in the run, record) of calls and summaries."""
    rest = REST[form]
    return [r for r in records if "phase" in rest(r) or "calls" in rest(r)]


@pytest.mark.parametrize("form", RULE_OF)
def test_each_call_is_told_by_the_first_rule_that_holds(conf, form):
    by_id = {json.dumps(r["id"]): r for r in map(json.loads, golden.replay("json")) if "op" in r}
    told = {json.dumps(REST["json"](r)["id"]): RULE_OF["json"](r)
            for r in calls(map(json.loads, golden.replay("json", "--config", str(conf))), "json")}
    expected = {}
    for call, r in by_id.items():
        # A result that is not known is taken to be wanted by those that tell, and not by those that drop.
        if r["op"] == "read" and r["outcome"] in ("success", "unknown"):
            expected[call] = "reads"
        elif r["op"] == "write":
            expected[call] = "few"
    assert set(told.values()) == {"reads", "few"}
    assert len(told) == len(expected) and sorted(told.values()) == sorted(expected.values())
    names = [RULE_OF[form](r) for r in calls(map(json.loads, golden.replay(form, "--config", str(conf))), form)]
    assert sorted(set(names)) == ["few", "reads"] and len(names) >= len(told)


@pytest.mark.parametrize("form", RULE_OF)
def test_what_is_told_of_the_rules(conf, form):
    lines = [REST[form](json.loads(line)) for line in golden.replay(form, "--config", str(conf))]
    start, stop = lines[0], lines[-1]
    assert [(r["name"], r["action"], r["filters"]) for r in start["rules"]] == [
        ("reads", "aggregate", {"op": ["read"], "outcome": "success"}), ("few", "tell", {"op": ["write"]}),
        ("dumps-1.A", "drop", {"caller": {"comm": ["dumper"]}, "outcome": "failure"})]
    assert start["limits"]["aggregate_s"] == 60
    assert [r["name"] for r in stop["rules"]] == ["reads", "few", "dumps-1.A"]
    told, summed = (sum(r[fate] for r in stop["rules"]) for fate in ("told", "summarised"))
    assert (told, summed) == (stop["counters"]["emitted"], stop["counters"]["summarised"]) and told and summed
    assert 0 < sum(r["dropped"] for r in stop["rules"]) <= stop["counters"]["filtered"]
    assert not any(r["dropped"] for r in stop["rules"] if r["action"] != "drop")


@pytest.mark.needs("module:fastjsonschema")
@pytest.mark.parametrize("max_line", [1024, 2000, 8000])
def test_lines_are_of_the_schema(conf, max_line):
    fastjsonschema = importlib.import_module("fastjsonschema")
    draft = {"$schema": "http://json-schema.org/draft-07/schema#"}
    check = fastjsonschema.compile({**json.loads((ROOT / "docs" / "pvmtrace-event.schema.json").read_text()), **draft})
    for line in golden.replay("json", "--config", str(conf), "--max-line", str(max_line)):
        check(json.loads(line))


def test_people_see_the_name_at_the_end(conf):
    lines = [line.decode(errors="replace") for line in golden.replay("text", "--config", str(conf))]
    told = [line for line in lines if " \u2192 " in line]
    assert told and all(re.search(r" \[(reads|few)\]$", line) for line in told)
    assert "; rule dumps-1.A drop --caller-comm dumper --outcome failure;" in lines[0]
    assert re.search(r", rule reads told [1-9]\d* summarised 3, rule few told 1 ", lines[-1])
