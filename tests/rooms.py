#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks what the files below user/ know of each other, in the sources and in the objects that were made of them; and that
no headers below bpf/ include each other.

The table of rooms in docs/design.md says which room may know which. It is a circle if a room knows one that knows it, by
way of others too; or a file one. A function that no other file calls is static, and one that only tests call is not there."""

import collections
import os
import re
import subprocess
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
STORY = "user/"
OF_ALL = {"version.h"}  # one constant
# No header of its own, but text that one header includes several times: taken by itself it is that header.
TEXTS = {"task_fill.h"}
INCLUDE = re.compile(r'^\s*#\s*include "([^"]+)"', re.M)
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)  # comments and strings
ROW = re.compile(r"^\| `(user/[a-z]*/?)` \|(?:[^|]*)\|([^|]*)\|")


def room_of(stem):
    """"kernel/tracer" is of "user/kernel/"."""
    return "user/" + stem.split("/")[0] + "/" if "/" in stem else STORY


def rooms_allowed():
    """{room: rooms that it may know}, and what is wrong with the table: each row may name those above it only."""
    allowed, wrong = {}, []
    with open("docs/design.md", encoding="utf-8") as f:
        section = f.read().partition("\n### Rooms\n")[2].partition("\n#")[0]
    for line in section.splitlines():
        row = ROW.match(line)
        if not row:
            continue
        knows = set(re.findall(r"`(user/[a-z]+/)`", row[2]))
        if "all" in row[2]:
            knows |= set(allowed)
        wrong += [f"docs/design.md: {row[1]} may know {name}, which stands below it or nowhere" for name in sorted(knows - set(allowed))]
        allowed[row[1]] = knows
    return allowed, wrong


def sources():
    found = []
    for where, _, names in os.walk("user"):
        found += [os.path.join(where, name) for name in names if name.endswith((".c", ".h"))]
    return sorted(found)


def stem_of(path):
    return path[len("user/"):-len(".c")]


def includes(paths):
    """{file: headers of ours that it includes}, all as stems with their ending."""
    known = {path[len("user/"):] for path in paths} - OF_ALL
    found = {}
    for path in paths:
        with open(path, encoding="utf-8") as f:
            found[path[len("user/"):]] = {name for name in INCLUDE.findall(f.read()) if name in known}
    return found


def kernel_includes():
    """{header below bpf/: those there that it includes}"""
    names = {name for name in os.listdir("bpf") if name.endswith(".h")} - TEXTS
    found = {}
    for name in names:
        with open(os.path.join("bpf", name), encoding="utf-8") as f:
            found[name] = set(INCLUDE.findall(f.read())) & names
    return found


def symbols(path):
    """The names that an object defines for others, and those that it wants of them."""
    defined, wanted = set(), set()
    for line in subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind in "TDBR":
            defined.add(name)
        elif kind == "U":
            wanted.add(name)
    return defined, wanted


def calls(paths):
    """{stem: {stem of whom it calls or whose data it uses: names}}, and {name: stem} of what is for others."""
    home, wanted, graph = {}, {}, collections.defaultdict(lambda: collections.defaultdict(set))
    for path in paths:
        if path.endswith(".c"):
            stem = stem_of(path)
            defined, wanted[stem] = symbols(f"build/user/{stem}.o")
            home.update((name, stem) for name in defined)
    for stem, names in wanted.items():
        for name in names:
            if home.get(name, stem) != stem:
                graph[stem][home[name]].add(name)
    return graph, home


def circles(graph):
    """Groups of more than one node, each of which reaches all others (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def check_rooms(edges):
    """edges: (from, to, how it is known) of stems."""
    allowed, wrong = rooms_allowed()
    for a, b, how in sorted(edges):
        one, other = room_of(a), room_of(b)
        if one not in allowed or other not in allowed:
            wrong.append(f"user/{a}: {one} or {other} is not in the table of rooms in docs/design.md")
        elif one != other and other not in allowed[one]:
            wrong.append(f"user/{a}: {one} may not know {other} ({how}); see the table of rooms in docs/design.md")
    return wrong


def check_circles(included, called):
    headers = {name: {other for other in names} for name, names in included.items() if name.endswith(".h")}
    wrong = ["headers include each other: " + ", ".join(group) for group in circles(headers) + circles(kernel_includes())]
    knows = collections.defaultdict(set)
    for name, names in included.items():
        knows[name[:-2]] |= {other[:-2] for other in names}
    for a in sorted(knows):
        for b in sorted(knows[a]):
            if a < b and a in knows[b] and a + ".c" in included and b + ".c" in included:
                wrong.append(f"user/{a} and user/{b} include each other's headers")
    for group in circles(called):
        how = [f"{a} -> {b} ({', '.join(sorted(called[a][b]))})" for a in group for b in called[a] if b in group]
        wrong.append("files call each other: " + "; ".join(how))
    return wrong


def times(name, text):
    return len(re.findall(rf"\b{name}\b", text))


def check_static(home, called):
    """What no other file calls is static, unless a test calls it too; what not even its own does is only a test's."""
    used = {name for by in called.values() for names in by.values() for name in names} | {"main"}
    tests = [os.path.join("build", where, name[:-1] + "o") for where, _, names in os.walk("tests/unit") for name in names
             if name.endswith(".c")]
    built = all(map(os.path.exists, tests))
    if not built:
        print("rooms: not all unit tests are built, so whether functions could be static was not looked at", file=sys.stderr)
    tested = {name for path in filter(os.path.exists, tests) for name in symbols(path)[1]}
    wrong = []
    for name in sorted(set(home) - used):
        path = f"user/{home[name]}.c"
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if re.search(rf"^extern .*\b{name}\b", text, re.M):  # the assembler's
            continue
        if times(name, NO_CODE.sub(" ", text)) < 2:
            wrong.append(f"{path}: {name} is called by nobody but tests, if by those: it is not there")
        elif built and name not in tested:
            wrong.append(f"{path}: {name} is called by no other file: it is static")
    return wrong


def main():
    os.chdir(TOP)
    paths = sources()
    missing = [path for path in paths if path.endswith(".c") and not os.path.exists(f"build/user/{stem_of(path)}.o")]
    if missing:
        sys.exit(f"rooms: {missing[0]} is not compiled: run 'make' first")
    included = includes(paths)
    called, home = calls(paths)
    edges = {(name[:-2], other[:-2], f'it includes "{other}"') for name, names in included.items() for other in names}
    edges |= {(a, b, "it calls " + min(names)) for a, to in called.items() for b, names in to.items()}
    wrong = check_rooms(edges) + check_circles(included, called) + check_static(home, called)
    print("".join(line + "\n" for line in wrong), end="", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
