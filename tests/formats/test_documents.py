# SPDX-License-Identifier: Apache-2.0
"""The documents as a whole: README is short, links lead somewhere, and nothing is said twice."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
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
