"""Weights from files and from the package: the right ones load, all others get one sentence."""

import io
import sys
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import probekit_g2p.checkpoints as checkpoints
import pytest
import torch
from probekit_g2p.checkpoints import load
from probekit_g2p.model import Config, G2p
from probekit_g2p.params import G2pParams

from probekit.errors import ProbekitError

from .published import needs_weights
from .reference import arrays_of


@pytest.fixture
def arrays():
    return arrays_of(G2p(Config(embedding=5, hidden=7)).initialise(3))


def saved(folder, arrays, write=np.savez):
    path = folder / "weights.npz"
    write(path, **arrays)
    return path


def loaded(path):
    return load(G2pParams(checkpoint=str(path)), "cpu")


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_an_npz_gives_the_model_that_it_was_made_of(tmp_path, arrays, write):
    model = loaded(saved(tmp_path, arrays, write))
    assert (model.cfg.embedding, model.cfg.hidden, model.training) == (5, 7, False)
    assert model.fingerprint == G2p(Config(embedding=5, hidden=7)).initialise(3).fingerprint
    assert torch.equal(model.decoder.out.bias, torch.from_numpy(arrays["fc_b"]).float())


def test_big_endian_and_other_floats_are_read(tmp_path, arrays):
    strange = {name: value.astype(">f4") for name, value in arrays.items()}
    strange["fc_b"] = arrays["fc_b"].astype(np.longdouble)
    assert (
        loaded(saved(tmp_path, strange)).fingerprint == loaded(saved(tmp_path, arrays)).fingerprint
    )


def refused(path, *words):
    with pytest.raises(ProbekitError) as caught:
        loaded(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_wrong_arrays_are_named(tmp_path, arrays):
    refused(saved(tmp_path, {k: v for k, v in arrays.items() if k != "fc_b"}), "no array fc_b")
    for name, wrong in (
        ("dec_w_hh", arrays["dec_w_hh"].T),
        ("dec_emb", arrays["dec_emb"][:-1]),
        ("fc_w", arrays["fc_w"].astype(int)),
        ("enc_w_ih", np.array(1.0)),
    ):
        refused(saved(tmp_path, arrays | {name: wrong}), name, "it should be float")
    for wrong in (np.array(1.0), np.zeros((29, 0))):
        refused(saved(tmp_path, arrays | {"enc_emb": wrong}), "should be a matrix")


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("bomb"),))


def test_pickles_are_refused_and_never_run(tmp_path, arrays, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = np.empty(1, dtype=object)
    objects[0] = Bomb()
    refused(saved(tmp_path, arrays | {"fc_b": objects}), "no .npz of plain arrays")
    assert not (tmp_path / "bomb").exists()


def test_other_and_damaged_files_are_refused(tmp_path, arrays):
    whole = saved(tmp_path, arrays).read_bytes()
    single = io.BytesIO()
    np.save(single, np.zeros(3))
    for content in (
        b"",
        b"words",
        whole[:-40],
        single.getvalue(),
        whole.replace(b"NUMPY", b"NUMPI"),
    ):
        path = tmp_path / "other.npz"
        path.write_bytes(content)
        refused(path, "no .npz of plain arrays")
    refused(tmp_path / "none.npz", "there is no file")
    refused(tmp_path, "there is no file")


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "LARGEST", 10_000)
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("enc_emb.npy", bytes(20_000))
    refused(path, "unpacks to 20,000 bytes")


def test_an_absent_package_is_one_sentence_that_says_what_to_install(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(checkpoints, "distribution", absent)
    with pytest.raises(ProbekitError, match=r"pip install --no-deps g2p-en==2\.1\.0") as caught:
        load(G2pParams(), "cpu")
    assert "g2p-en, which is not installed" in str(caught.value)


def test_a_package_without_its_file_is_one_sentence(monkeypatch, tmp_path):
    class Hollow:
        version = "3.0"

        def locate_file(self, name):
            return tmp_path / name

    monkeypatch.setattr(checkpoints, "distribution", lambda name: Hollow())
    with pytest.raises(ProbekitError, match=r"g2p-en 3.0 is installed without .*checkpoint20.npz"):
        load(G2pParams(), "cpu")


@needs_weights
def test_the_package_is_never_imported():
    before = "g2p_en" in sys.modules
    assert load(G2pParams(), "cpu").cfg == Config(256, 256, "greedy")
    assert ("g2p_en" in sys.modules) == before
