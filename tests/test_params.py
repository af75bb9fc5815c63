"""`key=value` -> parameters: the schema decides, and every mistake is told at once."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from probekit.errors import ProbekitError
from probekit.params import Params, parse, read_config, validate


class Schema(Params):
    left: float = Field(0.1, ge=0, le=1)
    name: str = "x"
    units: tuple[int, ...] = ()
    words: list[str] = Field([])
    guidance: bool = False
    limit: int | None = None
    table: dict[str, int] = Field({})
    rank: Literal["mean", "first"] = "mean"


class Needy(Params):
    path: str


KEYS = st.text(st.characters(blacklist_characters="=", blacklist_categories=("Cs",)), min_size=1)
VALUES = st.text(st.characters(blacklist_categories=("Cs",)))


@given(st.dictionaries(KEYS, VALUES))
def test_parse_splits_at_the_first_equals_sign_only(given):
    assert parse([f"{key}={value}" for key, value in given.items()]) == given


@given(VALUES)
def test_text_stays_text_whatever_it_looks_like(text):
    params, problems = validate(Schema, {"name": text})
    assert problems == []
    assert params.name == text


@given(st.lists(st.integers(-9, 999)), st.booleans())
def test_lists_may_be_written_with_commas_or_as_json(units, as_json):
    text = str(units) if as_json else ",".join(map(str, units))
    params, problems = validate(Schema, {"units": text})
    assert problems == []
    assert params.units == tuple(units)


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"left": "0.25"}, "left", 0.25),
        ({"guidance": "on"}, "guidance", True),
        ({"limit": "none"}, "limit", None),
        ({"limit": "7"}, "limit", 7),
        ({"table": '{"a": 1}'}, "table", {"a": 1}),
        ({"words": '["a,b", "c"]'}, "words", ["a,b", "c"]),
        ({"name": "1e5"}, "name", "1e5"),
    ],
)
def test_the_schema_decides_the_type(given, field, value):
    params, problems = validate(Schema, given)
    assert problems == []
    assert getattr(params, field) == value


def test_every_mistake_is_told_at_once_with_the_nearest_name():
    given = {"lft": "0.1", "left": "2", "rank": "men", "limit": "many", "table": "{"}
    params, problems = validate(Schema, given, "model.")
    assert params is None
    assert len(problems) == 5
    text = "\n".join(problems)
    assert "model.lft is not a parameter here (did you mean model.left?)." in text
    assert "model.left=2: input should be less than or equal to 1." in text
    assert "model.rank=men" in text
    assert "(did you mean mean?)" in text
    assert "model.limit=many" in text
    assert "model.table={ is not valid JSON" in text


def test_a_needed_key_is_asked_for():
    assert validate(Needy, {}) == (None, ["path is needed: give path=VALUE."])


@pytest.mark.parametrize("word", ["left", "=0.1", ""])
def test_a_word_that_is_not_key_value_is_refused(word):
    with pytest.raises(ProbekitError, match="is not key=value"):
        parse([word])


def test_a_key_given_twice_is_refused():
    with pytest.raises(ProbekitError, match="left is given twice"):
        parse(["left=0.1", "left=0.2"])


def test_a_config_that_is_absent_or_no_toml_is_one_sentence(tmp_path):
    with pytest.raises(ProbekitError, match="cannot be read: No such file"):
        read_config(str(tmp_path / "none.toml"))
    bad = tmp_path / "bad.toml"
    bad.write_text("left = = 3")
    with pytest.raises(ProbekitError, match="is not a TOML file"):
        read_config(str(bad))


def test_tables_of_a_config_are_dotted_keys(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(
        'plugin = "a"\n"data.split" = "b"\n[model]\ncheckpoint = ["c"]\n[table]\nx = 1\n'
    )
    assert read_config(str(file)) == {
        "plugin": "a",
        "data.split": "b",
        "model.checkpoint": ["c"],
        "table": {"x": 1},
    }
