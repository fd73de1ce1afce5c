# SPDX-License-Identifier: Apache-2.0
"""The documents as a whole: README is short, links lead somewhere, what is named exists, and nothing is said twice."""

import re
from collections import Counter
from pathlib import Path

import pytest

import manual

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
README = ROOT / "README.md"
# A sentence that is longer stands in one place.
SAID = 80
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


def anchors(path):
    """Of each heading the name that GitHub gives it."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path):
    """(file, anchor or nothing) of each link to a place in this repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", path.read_text())):
        if not re.match(r"[a-z]+:", target):
            name, _, anchor = target.partition("#")
            yield (path.parent / name).resolve() if name else path, anchor


def said(text):
    """Its sentences, in paragraphs, items and cells of tables, each as one line; lists of names are none."""
    for part in re.split(r"\n(?:\s*\n|(?=[-|\d]))", FENCE.sub("\n", text)):
        for piece in part.strip().split(" | ") if part.startswith("|") else [part]:
            for sentence in re.split(r"(?<=[.:;]) ", " ".join(piece.strip("|- ").split())):
                if len(re.findall(r"\b[a-z]{2,}\b", re.sub(r"`[^`]*`", "", sentence))) >= 8:
                    yield sentence


def test_readme_is_short():
    assert len(README.read_text().splitlines()) <= 250


def test_readme_leads_to_each_document():
    assert {path for path in DOCUMENTS if path != README} <= {path for path, _ in links(README)}


def test_readme_has_the_command_that_runs_all_tests():
    """The one that continuous integration runs."""
    assert re.search(r"^make (check)\b", (ROOT / ".ci" / "run").read_text(), re.M)
    assert re.search(r"^sudo make check\b", README.read_text(), re.M)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for path, anchor in links(document):
        assert path.exists(), path
        assert not anchor or anchor in anchors(path), f"{path.name}#{anchor}"


def test_nothing_is_said_twice():
    pieces = Counter(piece for path in DOCUMENTS for piece in said(path.read_text()) if len(piece) > SAID)
    assert len(pieces) > 300 and [piece for piece, cnt in pieces.items() if cnt > 1] == []


def test_what_is_said_twice_is_found():
    text = "one " * 30
    table = f"| a | {text} |\n| b | {text}|\n"
    assert Counter(said(f"{text}\n\n- {text}\n\n{table}"))[text.strip()] == 4


DESIGN = (ROOT / "docs" / "design.md").read_text()
PLACES = re.compile(r"`((?:bpf|docs|packaging|tests|user|vmlinux)/[\w./-]*)(?:::\w+)?`")


def chapter(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", DESIGN, re.M | re.S)[1]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_file_that_is_named_exists(document):
    assert [name for name in PLACES.findall(document.read_text()) if not (ROOT / name).exists()] == []


def test_each_step_of_an_event_is_where_it_is_said_to_be():
    steps = re.findall(r"^\| (\d+) \| (`.+?`) \| `(\w+)` \|", chapter("One event, file by file"), re.M)
    assert [int(number) for number, _, _ in steps] == list(range(1, len(steps) + 1)) and len(steps) > 10
    for number, files, function in steps:
        text = "".join((ROOT / file).read_text() for file in PLACES.findall(files))
        # Where it is defined, not where it is called: a definition is not indented.
        assert re.search(rf"^\w.*\b{function}\(|^int BPF_PROG\({function},", text, re.M), f"{number}: {function}"


def test_each_key_of_the_glossary_exists():
    sections = manual.schema_keys()
    below = {"caller and target": ("caller", "target"), "local and remote": ("local", "remote"), "counters": ("counters",)}
    keys = {key for keys in sections.values() for key in keys}
    keys |= {f"{name}.{key}" for section, names in below.items() for name in names for key in sections[section]}
    named = re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\|.*\|.*\|(.*)\|$", chapter("Glossary"), re.M)))
    assert len(named) > 30 and set(named) - keys == set()


def figures(text):
    """Numbers of at least four digits, without what separates thousands; those of code are none."""
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    return {n.replace(",", "") for n in re.findall(r"(?<![\w.,:-])\d{1,3}(?:,\d{3})+(?![\w.,]\d)|(?<![\w.,:-])\d{4,}(?![\w.,-]\d|\w)", prose)}


# What is not this program's: the kernel's own limit of elements, and a page.
KERNELS = {"1024", "4096"}


def test_a_limit_stands_in_one_place():
    """Others link to it."""
    table = re.search(r"^## Limits\n(.*?)^## ", (ROOT / "docs" / "operations.md").read_text(), re.M | re.S)[1]
    limits = figures(table) - KERNELS
    assert {"8192", "32768", "8000"} <= limits
    rest = {path.name: limits & figures(path.read_text().replace(table, "")) for path in DOCUMENTS if path.name != "CHANGELOG.md"}
    assert {name: found for name, found in rest.items() if found} == {}
