# SPDX-License-Identifier: Apache-2.0
"""Tables: what was measured, and how it stands to the goals."""

import os
import re
import subprocess
import textwrap
import time
from pathlib import Path

from bench_cost import READ_FILE
from bench_tools import BUILD, CPU_CALLER, CPU_TOOL, SCRATCH, caller_args

SIDES = 2
TRIED = Path(__file__).resolve().parent / "tried.md"


def shown(stat, digits=0):
    """Median [quartiles]."""
    if not stat:
        return "–"
    return f"{stat['median']:,.{digits}f} [{stat['low']:,.{digits}f} … {stat['high']:,.{digits}f}]"


def percent(share):
    return "–" if share is None else f"{share * 100:.1f} %"


def table(head, rows):
    """Markdown that is also readable as it is: the first column to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]

    def line(row):
        return "| " + " | ".join(cell.rjust(w) if i else cell.ljust(w)
                                 for i, (cell, w) in enumerate(zip(row, widths))) + " |"
    ruler = "|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths)) + "|"
    return "\n".join([line(cells[0]), ruler, *map(line, cells[1:])])


def cost_section(cost):
    loads = cost.loads
    rows = [["untraced, whole call", *(shown(cost.untraced(load.name)) for load in loads)]]
    for tool, _ in cost.arms:
        if tool.title in cost.unable:
            continue
        rows.append([tool.title, *(shown(cost.of(tool.title, load.name)) for load in loads)])
    text = [f"Nanoseconds that a call takes longer: median of {cost.rounds} pairs [quartiles].", "",
            table(["added by", *(load.title for load in loads)], rows)]
    per = [element_row(cost, tool.title) for tool, _ in cost.arms]
    per = [row for row in per if row]
    if per:
        text += ["", "For each element more, on each of the two sides, by the medians above:", "",
                 table(["ns an element", "8+8", "64+64", "1024+1024"], per)]
    text += [f"\n{title}: not measured: {why}." for title, why in cost.unable.items()]
    return "\n".join(text)


def per_element(cost, title, count):
    one, many = cost.of(title, "1+1"), cost.of(title, f"{count}+{count}")
    if not one or not many:
        return None
    return (many["median"] - one["median"]) / (SIDES * (count - 1))


def element_row(cost, title):
    values = [per_element(cost, title, count) for count in (8, 64, 1024)]
    if any(value is None for value in values):
        return None
    return [title, *(f"{value:.2f}" for value in values)]


def rate_section(rate):
    rows = []
    for tool, _ in rate.tools:
        run = rate.of(tool.title)
        if not run:
            continue
        rows.append([tool.title, f"{run['calls_s']:,.0f}", f"{run['told_s']:,.0f}", percent(run["told"]),
                     percent(run["summarised"]), percent(run["lost"]),
                     percent(run["lost_said"]), f"{run['bytes']:,.0f}", f"{run['cpu_ns']:,.0f}"])
    text = [f"One producer without pause for {rate.ms / 1000:g} s; the median of {rate.repeats} runs.", "",
            table(["into", "calls/s made", "calls/s told", "one by one", "summarised", "lost",
                   "lost, as it says", "bytes a call", "its CPU a call made, ns"], rows)]
    text += [f"\n{title}: not measured: {why}." for title, why in rate.unable.items()]
    return "\n".join(text)


def collector_section(rows):
    return table(["pvmtrace", "CPU", "voluntary switches/s", "resident KiB", "besides the rings KiB"],
                 [[title, f"{seen['cpu'] * 100:.2f} %", f"{seen['wakeups_s']:,.1f}",
                   f"{seen['rss_kib']:,}", f"{seen['own_kib']:,}"] for title, seen in rows])


def single_section(results):
    rows = []
    if "start" in results:
        rows.append(["exec to the `start` record, ms", shown(results["start"], 1)])
    if "latency" in results:
        rows.append(["a single call at rest to its line, ms",
                     shown(results["latency"], 2) + f", at most {results['latency']['max']:.2f}"])
    return table(["", "median [quartiles]"], rows)


def user_section(results):
    rows = [[f"instructions an event, {form}", f"{n:,.1f}"]
            for form, n in results.get("instructions", {}).items()]
    for title, stat in results.get("replay", []):
        rows.append([f"JSON lines a second into {title}", shown(stat)])
    if "copy" in results:
        rows.append(["MiB a second that dd writes into that tmpfs", shown(
            {key: n / (1 << 20) if key != "n" else n for key, n in results["copy"].items()})])
    return ("A recording of one typical call (one element a side), many times over, rendered by `--replay`. "
            "Instructions are callgrind's, the difference of runs of 11,000 and of 1,000 events: the same "
            "at every run of the same program.\n\n" + table(["", ""], rows))


def profile_section(parts):
    return ("Samples of the producer's CPU while it makes calls of one element a side without pause.\n\n"
            + table(["of a traced call's time", "share"], [[what, percent(n)] for what, n in parts.items()]))


def hooks_section(rows):
    body = []
    for load, made, hooks in rows:
        for name, (ns, runs) in sorted(hooks.items()):
            body.append([load.title, name, f"{runs:,}", f"{made:,}", f"{ns / runs if runs else 0:.0f}"])
    return table(["calls", "program", "runs", "calls made", "ns a run"], body)


def goals(results):
    """What was measured in this run, beside what is wanted; no verdict where others traced meanwhile."""
    rows = []

    def goal(what, limit, measured, met, unit="ns"):
        rows.append([what, limit, f"{measured:,.2f} {unit}" if measured < 10 else f"{measured:,.0f} {unit}",
                     "unclear" if results["strangers"] else "met" if met else "missed"])
    cost, rate = results.get("cost"), results.get("rate")
    if cost:
        cost_goals(cost, goal)
    if rate:
        rate_goals(rate, goal)
    for title, stat in results.get("replay", []):
        goal(f"the user half alone, into {title}", "at least 1,000,000 lines a second", stat["median"],
             stat["median"] >= 1e6, "a second")
    for title, seen in results.get("collector", []):
        if title == "at rest":
            goal("wake-ups at rest", "under 2 a second", seen["wakeups_s"], seen["wakeups_s"] < 2, "a second")
            goal("CPU at rest", "not measurable (0.1 %)", seen["cpu"] * 100, seen["cpu"] < 0.001, "%")
        own = seen["own_kib"] / 1024
        goal(f"memory besides the rings, {title}", "at most 24 MiB", own, own <= 24, "MiB")
    for key, what, limit in (("start", "exec to `start`", 400), ("latency", "a single event on stdout", 100)):
        if key in results:
            measured = results[key].get("max", results[key]["median"])
            goal(what, f"within {limit} ms", measured, measured <= limit, "ms")
    return rows


def beside(cost, what, title, load, floor, most, goal):
    """A goal that is so many times what a floor adds in the same run."""
    ours, least = median(cost.of(title, load)), median(cost.of(floor, load))
    if None not in (ours, least) and least > 0:
        goal(what, f"at most {most:.2f} of {floor}", ours / least, ours <= most * least, "of them")


def cost_goals(cost, goal):
    def added(title, load):
        stat = cost.of(title, load)
        return stat["median"] if stat else None
    for load in ("1+1", "flood"):
        ours = added("pvmtrace", load)
        if ours is None:
            continue
        title = "1+1 call" if load == "1+1" else "1+1 call without pause"
        beside(cost, f"added to a {title}", "pvmtrace", load, "minimal pair", 1.35, goal)
        for peer in ("perf record", "perf trace", "bpftrace"):
            theirs = added(peer, load)
            if theirs is not None:
                goal(f"the same, beside {peer}", f"under {theirs:,.0f} ns", ours, ours < theirs)
    for count in (8, 64, 1024):
        each = per_element(cost, "pvmtrace", count)
        if each is not None:
            goal(f"each further element a side, {count}+{count}", "at most 3 ns", each, each <= 3)
    for load, title in (("getppid", "getppid"), ("pread", "pread of 4 KiB")):
        ours, floor = added("pvmtrace", load), added("empty programs", load)
        if ours is not None and floor is not None:
            goal(f"added to {title}, above empty programs", "at most 1 ns", ours - floor, ours - floor <= 1)
    for title, most in (("pvmtrace -p OTHER", 1.6), ("pvmtrace --caller-comm OTHER", 1.4)):
        beside(cost, f"dropped by {title.partition(' ')[2]}", title, "1+1", "empty programs", most, goal)


def rate_goals(rate, goal):
    ours, best = rate.of("pvmtrace, file on tmpfs"), rate.best_peer()
    if not ours:
        return
    goal("full lines into a file on tmpfs", "at least 1,000,000 a second", ours["told_s"],
         ours["told_s"] >= 1e6, "a second")
    if best:
        goal("the same, beside the best peer that renders", f"at least {2 * best:,.0f} a second",
             ours["told_s"], ours["told_s"] >= 2 * best, "a second")


def median(stat):
    return stat["median"] if stat else None


def call_limit(results):
    """What the goals for one call come down to on this machine."""
    cost = results.get("cost")
    ours, empty, least = (median(cost.of(title, "1+1")) if cost else None
                          for title in ("pvmtrace", "empty programs", "minimal pair"))
    if None in (ours, empty, least):
        return []
    untraced = cost.untraced("1+1")["median"]
    text = [f"A call of one element takes {untraced:,.0f} ns here without any tracer. Two empty programs add {empty:,.0f} "
            f"ns; a pair that keeps nothing but registers and sends 208 bytes, without arrays, identities or a target, "
            f"adds {least:,.0f} ns. pvmtrace adds {ours:,.0f} ns, {ours / least:.1f} times that pair. The table above says "
            "what the difference is: two reads of user memory (both lists at entry and again at exit, with the "
            "kernel's checks of a copy from user space), some sixty fields of each of two processes, the state of "
            "the call by two look-ups in a table, and a record of more than twice that size."]
    reject = median(cost.of("pvmtrace -p OTHER", "flood"))
    if reject is not None:
        text.append(f"A call that a target filter drops costs {reject:,.0f} ns: the target has to be found before it can "
                    "be judged, and the call has to be remembered until its exit, which would be taken for one "
                    "without an entry otherwise. That is two look-ups in the table, one in that of the filter, and the clock.")
    if any((per_element(cost, "pvmtrace", count) or 0) > 3 for count in (8, 64, 1024)):
        text.append("A further element is 16 bytes that are read twice a side. Up to 8 of them are compared in the kernel "
                    "and travel in the record, word by word; more go through a ring of their own, whose memory the other CPU has "
                    "just read and whose lines the producer's CPU has to fetch back.")
    return text


def rate_limit(results):
    """The same for lines a second."""
    rate, cost = results.get("rate"), results.get("cost")
    run = rate.of("pvmtrace, file on tmpfs") if rate else None
    if not run:
        return []
    text = ""
    if cost and cost.untraced("1+1"):
        text = f"One producer makes {1e9 / cost.untraced('1+1')['median']:,.0f} calls a second here without any tracer, and "
    text += f"{run['calls_s']:,.0f} with this one, so one producer cannot ask for a million lines."
    for title, stat in results.get("replay", []):
        text += f" The user half alone renders {stat['median']:,.0f} lines a second into {title}."
    if "copy" in results and run["bytes"]:
        text += (f" A line has {run['bytes']:,.0f} bytes; dd writes {results['copy']['median'] / (1 << 20):,.0f} MiB a second "
                 f"into the same tmpfs, which is {results['copy']['median'] / run['bytes']:,.0f} such lines.")
    return [text]


def first_line(args):
    try:
        done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except OSError:
        return None
    return done.stdout.decode(errors="replace").strip().splitlines()[0] if done.stdout else None


def environment(results):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"^model name\s*: (.*)", file.read(), re.M)
    uname = os.uname()
    rows = [["date", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())],
            ["kernel", f"{uname.sysname} {uname.release} {uname.version}"],
            ["CPU", f"{model[1] if model else uname.machine}, {os.cpu_count()} of them"],
            ["memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 30} GiB"],
            ["load average before and after", f"{results['load'][0]:.2f}, {results['load'][1]:.2f}"]]
    for args in (["build/pvmtrace", "--version"], ["bpftrace", "--version"], ["perf", "--version"],
                 ["strace", "--version"]):
        rows.append([args[0].rsplit("/", 1)[-1], first_line(args) or "not there"])
    return table(["", ""], rows)


def commands(results):
    """What was run, but for the pins: every tool and its settings."""
    lines = []
    if "cost" in results:
        lines += [f"# {load.title}\n{' '.join(map(str, caller_args(*load.caller())))}"
                  for load in results["cost"].loads]
    seen = set()
    for key in ("cost", "rate"):
        if key not in results:
            continue
        owner = results[key]
        for tool, _ in (owner.arms if key == "cost" else owner.tools):
            command = " ".join(map(str, tool.command())) + (" -p OTHER" if getattr(tool, "reject", 0) else "")
            env = "".join(f"{k}={v} " for k, v in tool.env().items()) if hasattr(tool, "env") else ""
            if command and command not in seen:
                seen.add(command)
                lines.append(f"# {tool.title}\n{env}{command}")
    return "\n".join(lines)


METHOD = f"""\
Made by `make bench`; every figure is of that one run. The producer (`{BUILD}/caller`) has CPU {CPU_CALLER}, what
traces has CPU {CPU_TOOL}, and so has what counts the lines of a pipe. Every figure of cost is the difference
of two runs one right after the other, without the tool and with it; chunks of calls during which another
process was given the CPU are left out of both. Columns with a pause: bursts that find room in every tool's
buffer, then 10 ms for the tool to empty it; so each call is told, and what is measured is the price of
telling. Without pause: the buffer of a tool that does not keep up is full, and many calls are dropped at less
than that price. The target is a child of the producer; elements are of 8 bytes; {os.path.basename(READ_FILE)} is
a file on tmpfs. Outputs are on a tmpfs ({SCRATCH}). The peers read no arrays and do not resolve the target.
A kernel that preempts hooks needs witnesses: what these add is in design.md, and `make check-cost` holds it.
"""


def document(results, sections):
    text = ["# What tracing costs", "", METHOD, environment(results)]
    if results["strangers"]:
        text.append("\nOther tracing programs were attached meanwhile, so that all of this is too high: "
                    + ", ".join(results["strangers"]) + ".")
    for title, body in sections:
        text += ["", f"## {title}", "", body]
    text += ["", "## What was tried", "", TRIED.read_text(encoding="utf-8").rstrip()]
    text += ["", "## Commands", "", "```sh", commands(results), "```", ""]
    return "\n".join(text)


def sections(results):
    made = []
    if results.get("cost"):
        made.append(("Added to a call", cost_section(results["cost"])))
    if results.get("rate"):
        made.append(("At full rate", rate_section(results["rate"])))
    if results.get("collector"):
        made.append(("The collector", collector_section(results["collector"])))
    if "start" in results or "latency" in results:
        made.append(("Start and latency", single_section(results)))
    if "instructions" in results or "replay" in results:
        made.append(("The user half alone", user_section(results)))
    if results.get("profile"):
        made.append(("Where the time goes", profile_section(results["profile"])))
    if results.get("hooks"):
        made.append(("The hooks, as the kernel times them",
                     "With `kernel.bpf_stats_enabled`, which itself adds to each run; runs of other system "
                     "calls are among them.\n\n" + hooks_section(results["hooks"])))
    if results["unable"]:
        made.append(("Not measured", table(["what", "why"], list(results["unable"].items()))))
    rows = goals(results)
    if rows:
        made.append(("Goals", table(["what", "goal", "measured", ""], rows)))
    if any(row[-1] != "met" for row in rows):
        limits = call_limit(results) + rate_limit(results)
        if limits:
            made.append(("What the misses are made of", "\n\n".join(textwrap.fill(text, 110) for text in limits)))
    return made
