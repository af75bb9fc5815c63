"""Partials on disk: written whole, and read array by array where they are large together."""

import numpy as np
import pytest

from probekit.analysis import Shard
from probekit.partials import SMALL, PartialStore, StoredPartial, placing

ARRAYS = {
    "layers.0/bits": np.arange(SMALL * 2, dtype=np.uint8).reshape(2, -1),
    "columns first": np.asfortranarray(np.arange(SMALL, dtype=np.int32).reshape(64, -1)),
    "small": np.array([1.5, 2.5]),
    "one number": np.array(3),
    "nothing": np.zeros((0, 7)),
    "words": np.array(["né", "b"]),
}


def test_a_stored_partial_holds_what_was_written(tmp_path):
    store, shard = PartialStore(tmp_path), Shard("one")
    store.write(shard, ARRAYS)
    stored = store.stored(shard)
    assert list(stored) == list(ARRAYS)
    assert len(stored) == len(ARRAYS)
    for name, array in ARRAYS.items():
        found = stored[name]
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found, array)
        np.testing.assert_array_equal(store.read(shard)[name], array)
        assert isinstance(found, np.memmap) == (array.nbytes > SMALL)
    with pytest.raises(KeyError):
        stored["absent"]


def test_what_is_asked_for_cannot_be_changed(tmp_path):
    store, shard = PartialStore(tmp_path), Shard("one")
    store.write(shard, ARRAYS)
    with pytest.raises(ValueError, match="read-only"):
        store.stored(shard)["layers.0/bits"][0, 0] = 1


def test_partials_stay_on_disk_where_they_are_large_together(tmp_path):
    store, shards = PartialStore(tmp_path), [Shard("one"), Shard("two")]
    for shard in shards:
        store.write(shard, ARRAYS)
    assert [type(part.partial) for part in store.all(shards)] == [dict, dict]
    large = store.all(shards, at_once=3 * SMALL)
    assert [part.shard for part in large] == shards
    assert [type(part.partial) for part in large] == [StoredPartial, StoredPartial]


def test_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "one.npz"
    np.savez(path, hostile=np.array([{}] * SMALL, dtype=object))
    with pytest.raises(ValueError, match="pickle"):
        StoredPartial(path)["hostile"]


def killed(path):
    with placing(path) as file:
        file.write(b"new")
        raise KeyboardInterrupt


def test_a_file_that_was_not_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        killed(path)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"
