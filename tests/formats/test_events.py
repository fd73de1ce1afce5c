# SPDX-License-Identifier: Apache-2.0
"""docs/events.md against the schema: each key is a row, once, with its type, and each value of it is explained."""

import pytest

import manual

DOCUMENT, SCHEMA = manual.document_keys(), manual.schema_keys()
KEYS = [(section, key) for section, keys in SCHEMA.items() for key in keys]


def test_each_key_is_a_row_and_each_row_a_key():
    have = {section: set(keys) for section, keys in DOCUMENT.items()}
    assert have == {section: set(keys) for section, keys in SCHEMA.items()}


@pytest.mark.parametrize("section", SCHEMA)
def test_each_row_says_the_type(section):
    assert {key: kind for key, (kind, _) in DOCUMENT[section].items()} == \
        {key: manual.type_of(node) for key, node in SCHEMA[section].items()}


@pytest.mark.parametrize("section", SCHEMA)
def test_each_row_explains_the_key_and_its_values(section):
    for key, node in SCHEMA[section].items():
        _, meaning = DOCUMENT[section][key]
        assert len(meaning) > 5 and meaning.endswith("."), f"{section}: {key} is not explained"
        for value in manual.resolved(node).get("enum", []):
            assert value is None or key == "type" or f"`{value}`" in meaning, f"{section}: {key}: {value}"


def test_each_type_of_record_has_its_keys():
    kinds = manual.schema()["properties"]["type"]["enum"]
    assert set(kinds) < set(DOCUMENT)
