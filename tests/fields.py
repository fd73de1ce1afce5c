#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds members of structs, below user/ and tests/unit/, that are written at most, and read nowhere.

It goes by text, not by type: a member is taken to be read if one of its name is, of whichever struct, or if a macro is
given the name (offsetof, a table's MEMBER, a list's link)."""

import os
import re
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PLACES = ["user", "tests/unit"]
# Structs whose members need no reader.
WHOLE = {
    "side_key": "is compared as a whole",
    "verdict_key": "is compared as a whole",
    "region_key": "is compared as a whole",
    "multi_info": "has the kernel's layout",
    "ruleset_attr": "has the kernel's layout",
    "path_beneath_attr": "has the kernel's layout",
}
# Comments, strings and characters are no code.
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
STRUCT = re.compile(r"\b(?:struct|union)(?:\s+(\w+))?\s*\{")
FUNCTION = re.compile(r"\(\s*\*\s*(\w+)\s*\)\s*\(")
DECLARED = re.compile(r"([a-zA-Z_]\w*)\s*(?:\[[^\]]*\]\s*)*(?::\s*\d+\s*)?(?=[,;])")
# x.name and x->name, but for what is only set or counted: "= y" (not "== y"), "|= y", "++;", also of an element, and
# ".name = y" among initialisers.
USED = re.compile(r"(?:\.|->)\s*(\w+)\b(?!\s*(?:\[[^\]=]*\]\s*)*(?:(?:[-+*/|&^]|<<|>>)?=(?!=)|(?:\+\+|--)\s*;))")
# To write to where a pointer points is to read the pointer.
POINTED = re.compile(r"\*\w[\w.>\[\]-]*?(?:\.|->)(\w+)\b(?!\.|->|\[)")
GIVEN = re.compile(r"\b(?:[A-Z][A-Z0-9_]+|offsetof)\(")
WORD = re.compile(r"\b[a-z_]\w*\b")


def code_of(text):
    return NO_CODE.sub(lambda found: " " + "\n" * found[0].count("\n"), text)


def sources():
    """{path: its code}."""
    found = {}
    for place in PLACES:
        for where, _, names in os.walk(place):
            for path in (os.path.join(where, name) for name in names if name.endswith((".c", ".h"))):
                with open(path, encoding="utf-8") as f:
                    found[path] = code_of(f.read())
    return found


def closed(code, at, pair):
    """Where what opens at that place is closed."""
    depth = 0
    for i in range(at, len(code)):
        depth += (code[i] == pair[0]) - (code[i] == pair[1])
        if not depth:
            return i
    return len(code)


def without_inner(body):
    """The same, as long, with blanks for what other structs within it have: they have their own turn."""
    while inner := STRUCT.search(body):
        end = closed(body, inner.end() - 1, "{}") + 1
        body = body[:inner.start()] + re.sub(r"[^\n]", " ", body[inner.start():end]) + body[end:]
    return body


def members(code):
    """(struct, member, line) of all that are defined there."""
    for found in STRUCT.finditer(code):
        at = found.end()
        for part in without_inner(code[at:closed(code, at - 1, "{}")]).split(";"):
            function = FUNCTION.search(part)
            for name in [function] if function else DECLARED.finditer(part + ";"):
                yield found[1], name[1], code.count("\n", 0, at + name.start(1)) + 1
            at += len(part) + 1


def names_read(code):
    read = set(USED.findall(code)) | set(POINTED.findall(code))
    for found in GIVEN.finditer(code):
        read |= set(WORD.findall(code[found.end():closed(code, found.end() - 1, "()")]))
    return read


def check(codes):
    """What is wrong with {path: code}, a line each."""
    read = set().union(*map(names_read, codes.values()))
    return [f"{path}:{line}: {name} is read nowhere" for path in sorted(codes)
            for struct, name, line in members(codes[path]) if name not in read and struct not in WHOLE]


def main():
    os.chdir(TOP)
    wrong = check(sources())
    print("".join(line + "\n" for line in wrong), end="", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
