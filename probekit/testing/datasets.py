"""What every dataset promises.

    class TestLookup(DatasetContract):
        name = "lookup-tables"
        params = {"split": ["train"]}                   # `data.` keys

A long one is looked at in 200 places, evenly spread.
"""

from typing import cast

from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError
from probekit.specs import DatasetSpec, resolve
from probekit.testing.contract import Contract
from probekit.testing.inputs import spread

SHOWN = 200
NO_SPLIT = "no-split-is-called-this"


class DatasetContract(Contract):
    """The promises of a dataset."""

    noun = "dataset"

    def build(self) -> Dataset:
        """The dataset, loaded anew."""
        return cast("Dataset", resolve(self.described().implementation)(self._parameters()))

    def described(self) -> DatasetSpec:
        """The spec of the dataset."""
        return cast("DatasetSpec", super().described())

    def test_length(self) -> None:
        """Its length is that of a walk over it, and no example lies beyond."""
        count = len(self._dataset)
        assert count > 0, "it has no examples"
        walked = sum(1 for _ in self._dataset)
        assert walked == count, f"len gives {count}, a walk over it {walked}"
        try:
            self._dataset[count]
        except IndexError:
            return
        raise AssertionError(f"index {count} of {count} examples is no IndexError")

    def test_slices(self) -> None:
        """A slice holds the examples of its indices."""
        count = len(self._dataset)
        for chosen in (slice(0, 3), slice(count // 2, count // 2 + 2), slice(count - 1, count + 5)):
            found = [_content(example) for example in self._dataset[chosen]]
            expected = [_content(self._dataset[at]) for at in range(*chosen.indices(count))]
            assert found == expected, f"[{chosen.start}:{chosen.stop}] differs from its indices"
        last, again = self._dataset[count - 1], self._dataset[-1]
        assert _content(last) == _content(again), "index -1 is not the last example"

    def test_words(self) -> None:
        """Every example has words."""
        for at, example in self._shown():
            assert isinstance(example, Example), f"index {at} is a {type(example).__name__}"
            assert example.words, f"example {at} has no words"
            for field in (example.words, example.target):
                texts = isinstance(field, tuple) and all(isinstance(word, str) for word in field)
                assert texts, f"example {at} holds {field!r}, which is no tuple of texts"

    def test_labels(self) -> None:
        """Every example carries the labels that the spec declares."""
        self._need_spec()
        for at, example in self._shown():
            absent = [label for label in self.described().labels if label not in example.labels]
            assert not absent, f"example {at} has no label {absent[0]}"

    def test_sources(self) -> None:
        """Every example says where it stands."""
        for at, example in self._shown():
            assert isinstance(example.source, str), f"the source of example {at} is no text"
            assert example.source.strip(), f"example {at} names no source"

    def test_fingerprint_repeats(self) -> None:
        """Its fingerprint repeats on a second load."""
        first, second = self._dataset.fingerprint, self.build().fingerprint
        assert first == second, f"it is {first[:12]}..., then {second[:12]}..."

    def test_unknown_split(self) -> None:
        """An unknown split is an error that names it."""
        try:
            self._dataset.split(NO_SPLIT)
        except ProbekitError as error:
            message = str(error)
        else:
            message = "no error"
        assert NO_SPLIT in message, f"asked for the split {NO_SPLIT} it gives {message}"

    @property
    def _dataset(self) -> Dataset:
        return self._once("subject", self.build)

    def _shown(self) -> list[tuple[int, Example]]:
        return [(at, self._dataset[at]) for at in spread(len(self._dataset), SHOWN)]


def _content(example: Example) -> tuple[object, ...]:
    labels = sorted((key, str(value)) for key, value in example.labels.items())
    return example.words, example.target, labels, example.source
