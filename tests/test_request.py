"""From keys to a request: what fits together, what is filled in, and every mistake at once."""

import pytest

from probekit.errors import ProbekitError, Problems
from probekit.params import validate
from probekit.registry import registry
from probekit.request import as_list, build, divide, slug, unique


def request(command="run", **given):
    return build(
        {key.replace("__", "."): value for key, value in given.items()}, registry(), command
    )


def test_a_recipe_fills_in_everything():
    made = request(plugin="gru-saturation")
    assert list(made.models) == ["baseline", "guided"]
    assert made.models["guided"].entry.id == "probekit-seq2seq/gru-seq2seq"
    assert made.models["guided"].params.checkpoint == "guided"
    assert made.data.entry.spec.name == "lookup-tables"
    assert made.analysis.params.left == 0.1
    assert made.recipe.spec.shows == "figure 4"


def test_keys_given_replace_those_of_the_recipe():
    made = request(
        plugin="gru-saturation", left="0.2", model__checkpoint="guided", data__split="train"
    )
    assert made.analysis.params.left == 0.2
    assert list(made.models) == ["guided"]
    assert made.data.params.split == ("train",)


def test_another_model_drops_the_keys_that_the_recipe_had_for_its_own():
    made = request(plugin="gru-saturation", model="lstm-seq2seq")
    assert list(made.models) == ["lstm-seq2seq"]
    assert made.models["lstm-seq2seq"].params.checkpoint == "untrained"


def test_models_and_checkpoints_pair_up_and_have_distinct_labels():
    names = {"plugin": "gate-saturation", "model": "gru-seq2seq,lstm-seq2seq"}
    assert list(request(**names, model__checkpoint="untrained").models) == [
        "gru-seq2seq",
        "lstm-seq2seq",
    ]
    same = request(plugin="gate-saturation", model="gru-seq2seq", model__checkpoint="a/x.pt,b/x.pt")
    assert list(same.models) == ["x", "x-2"]
    with pytest.raises(Problems, match="2 models and 3 checkpoints do not pair up"):
        request(**names, model__checkpoint="a,b,c")


def test_the_usual_dataset_of_the_model_is_taken():
    assert (
        request(plugin="gate-saturation", model="gru-seq2seq").data.entry.spec.name
        == "lookup-tables"
    )


def test_all_mistakes_are_told_together():
    with pytest.raises(Problems) as caught:
        request(
            plugin="gru-saturation", lft="0.1", right="x", seed="-1", data__splt="train",
            model__chekpoint="a", engine="parallel",
        )  # fmt: skip
    text = str(caught.value)
    assert len(caught.value.messages) == 6
    assert "lft is not a parameter here (did you mean left?)" in text
    assert "right=x: input should be a valid number" in text
    assert "seed=-1: input should be greater than or equal to 0" in text
    assert "data.splt is not a parameter here (did you mean data.split?)" in text
    assert "model.chekpoint is not a parameter here (did you mean model.checkpoint?)" in text
    assert "no engine is called parallel; installed: serial" in text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "plugin=NAME is needed"),
        ({"plugin": "gru-saturatoin"}, "did you mean gru-saturation"),
        (
            {"plugin": "gate-saturation"},
            "model=NAME is needed; gate-saturation can read:",
        ),
        ({"plugin": "gate-saturation", "model": "gru"}, "no model is called gru"),
        ({"plugin": "seq2seq-training"}, "makes a model; use `probekit train model=NAME`"),
        ({"plugin": "gru-saturation", "device": "tpu"}, "device=tpu"),
        ({"plugin": "gru-saturation", "left": "0.95"}, "left=0.95 lies above right=0.9"),
    ],
)
def test_each_mistake_is_one_sentence(given, message):
    with pytest.raises(ProbekitError) as caught:
        build(given, registry())
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_training_takes_what_the_model_fixes():
    made = request("train", model="lstm-seq2seq", guidance="off", epochs="3", seeds="1,2")
    assert made.analysis.params.cell == "lstm"
    assert made.analysis.params.guidance is False
    assert made.analysis.params.seeds == (1, 2)
    assert made.models == {}
    assert made.name == "lstm-seq2seq-training"
    with pytest.raises(Problems, match=r"model=NAME is needed; one of: .*gru-seq2seq, lstm"):
        request("train", epochs="3")
    with pytest.raises(Problems, match=r"model.hidden does not hold in training"):
        request("train", model="gru-seq2seq", model__hidden="3")


def test_the_folder_depends_on_all_that_changes_the_result_and_on_nothing_else():
    base = {"plugin": "gru-saturation"}
    same = [{}, {"left": "0.10"}, {"device": "cpu"}, {"engine": "serial"}]
    other = [
        {"left": "0.2"},
        {"seed": "1"},
        {"model.checkpoint": "guided"},
        {"data.task_seed": "3"},
    ]
    folders = [build(base | more, registry()).folder for more in same + other]
    assert len(set(folders[: len(same)])) == 1
    assert len(set(folders)) == 1 + len(other)
    assert build(base | {"out": "here"}, registry()).folder.name == "here"


def test_what_was_chosen_makes_the_same_request_again():
    given = {"plugin": "gru-saturation", "left": "0.2", "model.checkpoint": "guided,baseline"}
    made = build(given, registry())
    again = build(made.chosen, registry())
    assert again.identity() == made.identity()
    assert again.folder == made.folder


def test_sections_lists_labels():
    assert divide({"model": "a", "model.b.c": "1", "data.x": "2", "left": "3", "seed": "4"}) == {
        "run": {"model": "a", "seed": "4"},
        "model": {"b.c": "1"},
        "data": {"x": "2"},
        "engine": {},
        "params": {"left": "3"},
    }
    assert as_list("a,b") == ["a", "b"]
    assert as_list('["a,b", "c"]') == ["a,b", "c"]
    assert slug("some/where/my model.v2.pt") == "my-model.v2"
    assert slug("../..") == "model"
    assert unique("a", {"a": 1, "a-2": 2}) == "a-3"


def test_a_file_whose_name_has_a_comma_is_one_file(tmp_path):
    file = tmp_path / "a,b.pt"
    file.touch()
    assert as_list(str(file)) == [str(file)]


def test_beside_schemas_are_suggested_too():
    run = type(request(plugin="gru-saturation").run)
    params = type(request(plugin="gru-saturation").analysis.params)
    assert validate(params, {"modle": "x"}, "", run)[1][0].endswith("(did you mean model?).")


def test_a_plugin_has_no_place_in_training_and_nothing_is_empty():
    with pytest.raises(Problems, match="plugin= does not hold in training"):
        request("train", model="gru-seq2seq", plugin="gate-saturation")
    with pytest.raises(Problems, match="data= is empty; give data=VALUE or leave it out"):
        request(plugin="gru-saturation", data="")
