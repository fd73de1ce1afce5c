# SPDX-License-Identifier: Apache-2.0
"""Manual pages, completions and the configuration file against the program's table of options and the schema."""

import re
import subprocess

import pytest

import manual
from needs import BASH_HELPERS, require, which
from manual import BASH, MAN_5, MAN_8, PVMTRACE, ZSH

# mandoc knows only the pages that are installed here.
NOT_OF_THE_PAGE = re.compile(r"outdated mandoc.db|referenced manual not found")
COMPLETE = f"""
. {BASH_HELPERS}
. "$0"
COMP_WORDS=(pvmtrace "$@") COMP_CWORD=$# COMP_LINE="pvmtrace $*" COMP_POINT=${{#COMP_LINE}}
_pvmtrace
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def run(*command, status=0):
    p = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, check=False)
    assert p.returncode == status, f"{command}: {p.returncode} {p.stderr}"
    return p.stdout


@pytest.fixture(scope="module")
def help_text():
    return run(PVMTRACE, "--help")


@pytest.fixture(scope="module")
def options(help_text):
    found = manual.help_options(help_text)
    assert len(found) >= 35 and found["output"] == ("o", "FILE")
    return found


def complete(*words):
    """What bash offers behind these words."""
    require("bash_completion")
    return run("bash", "-c", COMPLETE, BASH, *words).split()


def choices(help_text, name):
    """The values that the help text lists for an option: 'a|b' behind it, or '(a, b; default a)'."""
    text = help_text[help_text.index(f"--{name} "):]
    m = re.match(r"--\S+ ([a-z]+(?:\|[a-z]+)+)", text)
    if m:
        return set(m[1].split("|"))
    return set(re.search(r"\(((?:[a-z]+, )+[a-z]+);", text)[1].split(", "))


def test_man_page_has_every_option(options):
    assert manual.man_options() == options


def test_man_page_has_every_default(help_text):
    page = re.sub(r"\s+", " ", re.sub(r"^\.\w+ ", "", MAN_8.read_text(), flags=re.M))
    for name, rest in re.findall(r"--([a-z-]+) \S+ ([^\n]*(?:\n {20,}[^\n]*)*)", help_text):
        m = re.search(r"default\s+(\w+)\)", rest)
        if m:
            item = page[page.index(f"Fl -{name} "):]
            item = item[:re.search(r" Fl (?:\w , Fl )?-[a-z-]+ (?:Ar|Cm)|$", item[1:]).start() + 1]
            assert re.search(rf"(by default|default is) {m[1]}\b|{m[1]} \(the default\)", item), name


def test_man_page_has_every_exit_status(help_text):
    text = help_text[help_text.index("Exit status:"):help_text.index("Examples:")]
    assert manual.man_statuses() == set(map(int, re.findall(r"^ +(\d+)  ", text, re.M)))


def test_bash_completes_every_option(options):
    letters = {f"-{o.letter}" for o in options.values() if o.letter}
    assert set(complete("-")) == {f"--{name}" for name in options} | letters


def test_bash_completes_values(options, help_text):
    for name in ("format", "op", "outcome", "resolve"):
        assert set(complete(f"--{name}", "")) == choices(help_text, name)
    for name, o in options.items():
        # Where a value is expected, no option may be offered.
        if o.arg and name not in ("output", "record", "replay", "config", "metrics", "machine-id"):
            for word in (f"--{name}", f"-{o.letter}") if o.letter else (f"--{name}",):
                assert not [w for w in complete(word, "") if w.startswith("--")], word


def test_zsh_completes_every_option(options, help_text):
    have = manual.zsh_options()
    assert {name: (o.letter, o.arg) for name, o in have.items()} == \
        {name: (o.letter, bool(o.arg)) for name, o in options.items()}
    values = manual.zsh_values()
    for name in ("format", "op", "outcome", "resolve"):
        assert values[name] == choices(help_text, name)


def test_zsh_reads_it():
    run(which("zsh"), "-n", ZSH)


def test_config_file_has_every_option(options, tmp_path):
    """It is made by --print-config; what is not in it, a file may not have."""
    printed = set(re.findall(r"^#?([a-z-]+)(?: \S.*)?$", run(PVMTRACE, "--print-config"), re.M))
    assert printed <= set(options) | {"rule"}
    conf = tmp_path / "conf"
    for name in set(options) - printed:
        conf.write_text(f"{name} 1\n" if options[name].arg else f"{name}\n")
        run(PVMTRACE, "--config", conf, "--check-config", status=78)


@pytest.mark.parametrize("page", [MAN_8, MAN_5], ids=lambda p: p.name)
def test_pages_are_well_formed(page):
    p = subprocess.run([which("mandoc"), "-Tlint", page], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, check=False)
    assert [line for line in p.stdout.splitlines() if not NOT_OF_THE_PAGE.search(line)] == []
    p = subprocess.run([which("man"), "--warnings", "-E", "UTF-8", "-l", "-Tutf8", page], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, check=False)
    assert p.returncode == 0 and p.stderr == ""


def test_the_events_page_is_made_of_the_document():
    """What it says of keys, test_events.py holds against the schema."""
    assert MAN_5.read_text() == run(MAN_5.parent / "make-events-page"), "make manual"


def test_the_events_page_has_every_row():
    made = re.findall(r"^\.It Cm (\S+)$", MAN_5.read_text(), re.M)
    assert made == [key for keys in manual.document_keys().values() for key in keys] and len(made) > 200
