# SPDX-License-Identifier: Apache-2.0
"""Reads what is written about the options and the records, each place in its own notation."""

import json
import re
from collections import namedtuple

import golden

ROOT = golden.ROOT
PVMTRACE = golden.PVMTRACE
MAN_8 = ROOT / "docs" / "pvmtrace.8"
MAN_5 = ROOT / "docs" / "pvmtrace-events.5"
EVENTS = ROOT / "docs" / "events.md"
BASH = ROOT / "packaging" / "completions" / "pvmtrace"
ZSH = ROOT / "packaging" / "completions" / "_pvmtrace"

Option = namedtuple("Option", "letter arg")

# Records share these; the document explains each once.
GROUPS = {"caller": "caller and target", "target": "caller and target", "array": "local and remote"}
COMMON = ("time", "schema", "type", "seq", "told", "run", "id", "truncated", "host")


def help_options(text):
    """{name: Option} of the help text, which the program makes of its table."""
    found = re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(?: (\S+))?(?=\s)", text, re.M)
    return {name: Option(letter, arg) for letter, name, arg in found}


def mdoc_words(line):
    """A line of an mdoc list without its macros."""
    return re.sub(r"\b(?:Ar|Cm|Ns|Fl)\b ?", "", line).replace(" | ", "|")


def man_options():
    found = {}
    for line in MAN_8.read_text().splitlines():
        m = re.match(r"\.It (?:Fl (\w) , )?Fl -([a-z-]+)(?: (.+))?$", line)
        if m:
            assert m[2] not in found, f"--{m[2]} stands twice"
            found[m[2]] = Option(m[1] or "", mdoc_words(m[3] or "").replace(" ", ""))
    return found


def man_statuses():
    text = MAN_8.read_text()
    text = text[text.index(".Sh EXIT STATUS"):text.index(".Sh EXAMPLES")]
    return set(map(int, re.findall(r"^\.It (\d+)$", text, re.M)))


def zsh_options():
    """{name: Option}; of an argument zsh says only that there is one."""
    found = {}
    for line in ZSH.read_text().splitlines():
        m = re.search(r"(?:\{-(\w)\+?,)?--([a-z-]+)(=?)[\[}]", line)
        if m:
            found[m[2]] = Option(m[1] or "", bool(m[3]))
    return found


def zsh_values():
    return {name: set(values.split())
            for name, values in re.findall(r"--([a-z-]+)=.*:\(([a-z ]+)\)'", ZSH.read_text())}


# ---- records ----------------------------------------------------------------------------------


def schema():
    return json.loads((ROOT / "docs" / "pvmtrace-event.schema.json").read_text())


def leaves(node, prefix=""):
    """(path, node) of all keys below; a list of objects counts like an object."""
    for key, value in node.get("properties", {}).items():
        yield prefix + key, value
        yield from leaves(value, f"{prefix}{key}.")
        items = value.get("items")
        if isinstance(items, dict):
            yield from leaves(items, f"{prefix}{key}.")


def schema_keys():
    """{section of the document: {path: node}}"""
    defs = schema()["$defs"]
    sections = {"Every record": {}}
    for name, node in defs.items():
        if not node.get("properties") or name == "element":
            continue
        if name == "host":
            sections["Every record"] |= {f"host.{k}": v for k, v in leaves(node)}
            continue
        keys = dict(leaves(node))
        if {"schema", "seq"} <= set(keys):
            sections["Every record"] |= {k: node["properties"][k] for k in COMMON}
            for key in COMMON:
                del keys[key]
        keys = {k: v for k, v in keys.items() if not k.endswith("_hex")}
        sections.setdefault(GROUPS.get(name, name), {}).update(keys)
    return sections


def resolved(node):
    """A node of the schema, with what it refers to."""
    while "$ref" in node:
        node = {k: v for k, v in node.items() if k != "$ref"} | schema()["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def type_of(node):
    """As the document says it: 'string or null'."""
    node = resolved(node)
    if "const" in node:
        return "string" if isinstance(node["const"], str) else "boolean"
    names = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return " or ".join(sorted(names, key="null".__eq__))


def document_keys():
    """{section: {path: (type, meaning)}} of docs/events.md."""
    text = re.search(r"^## Records\n(.*?)^## ", EVENTS.read_text(), re.M | re.S)[1]
    sections, section = {}, None
    for line in text.splitlines():
        if line.startswith("### "):
            section = line[4:]
        elif line.startswith("| `"):
            key, kind, meaning = [cell.strip() for cell in line.strip("|").split(" | ")]
            key = key.strip("`")
            assert key not in sections.setdefault(section, {}), f"{section}: {key} stands twice"
            sections[section][key] = kind, meaning.strip()
    return sections
