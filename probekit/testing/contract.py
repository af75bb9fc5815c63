"""What all three contracts share: where the subject comes from, and how promises are held.

A promise is a `test_` method, its docstring's first line says it in plain words, and a promise
that is not kept raises with a sentence. `unittest.SkipTest` says that there is nothing to check.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from os import environ, pathsep
from typing import Any, ClassVar, TypeVar, cast
from unittest import SkipTest

from probekit.errors import ProbekitError
from probekit.params import Params
from probekit.specs import Noun, resolve
from probekit.testing.loading import parameters, reference

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """A promise, and in what way it is not kept (None where it is)."""

    promise: str
    problem: str | None


class Contract:
    """Promises about one subject: what the registry calls `name`, or what `build` gives.

    `spec` is for a subject that is not registered but described: `package.module:attribute`, as
    an entry point would have it. `params` are keys and values as on the command line.
    """

    noun: ClassVar[Noun]
    name: str = ""
    spec: str = ""
    params: ClassVar[Mapping[str, Any]] = {}

    _loaded: ClassVar[tuple[type | None, dict[str, Any]]] = (None, {})

    def build(self) -> Any:
        """The subject, loaded anew."""
        raise NotImplementedError

    def described(self) -> Any:
        """The spec of the subject."""
        return resolve(self._reference())

    def test_it_loads(self) -> None:
        """It loads with its parameters, and so does what it reads."""
        self._load()

    def test_no_torch(self) -> None:
        """The modules of its spec and of its parameters import no torch."""
        self._need_spec()
        references = (self._reference(), self.described().params)
        modules = sorted({reference.partition(":")[0] for reference in references})
        offender = first_to_import_torch(*modules)
        assert not offender, f"importing {offender} imports torch, so `probekit list` would be slow"

    def test_json(self) -> None:
        """Its parameters survive JSON."""
        self._need_spec()
        params = self._parameters()
        text = params.model_dump_json()
        again = _attempt(lambda: type(params).model_validate_json(text))
        assert again == params, f"{params!r} becomes {again!r} by way of {text}"

    def outcomes(self) -> Iterator[Outcome]:
        """Each promise as it is tried, and no more where the subject does not load."""
        for name in promises(type(self)):
            method = getattr(self, name)
            try:
                problem = _problem(method)
            except SkipTest:
                continue
            yield Outcome(_first_line(method), problem)
            if name == Contract.test_it_loads.__name__ and problem:
                return

    def _load(self) -> None:
        """Load everything that the promises are tried on."""
        self._once("subject", self.build)

    def _once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once for the class and kept until the turn of another class."""
        if Contract._loaded[0] is not type(self):
            Contract._loaded = (type(self), {})
        kept = Contract._loaded[1]
        if key not in kept:
            kept[key] = make()
        return cast("T", kept[key])

    def _reference(self) -> str:
        """Where the spec is, `package.module:attribute`."""
        if self.spec:
            return self.spec
        if not self.name:
            raise ProbekitError(f"{type(self).__name__} names no {self.noun}; set its name.")
        return reference(self.name, self.noun)

    def _need_spec(self) -> None:
        """Skip a promise about the spec where there is none."""
        if not (self.name or self.spec):
            raise SkipTest("it is given by `build` alone, without a spec")

    def _parameters(self) -> Params:
        """The parameters that `params` make of the schema."""
        return parameters(self.described().params, self.params)


def promises(contract: type[Contract]) -> list[str]:
    """The names of the `test_` methods: those of the base first, in the order of their writing."""
    classes = reversed(contract.__mro__)
    names = dict.fromkeys(name for one in classes for name in vars(one) if name.startswith("test_"))
    return [name for name in names if callable(getattr(contract, name))]


@cache
def first_to_import_torch(*modules: str) -> str:
    """The first module that brings torch into a fresh interpreter, or an empty string."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules:\n"
        "        sys.exit('imports torch: ' + name)\n"
    )
    done = subprocess.run(  # noqa: S603 (this interpreter, and modules that are imported anyway)
        [sys.executable, "-c", code, *modules],
        env={**environ, "PYTHONPATH": pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    last = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode and not last.startswith("imports torch: "):
        raise ProbekitError(f"{' and '.join(modules)} cannot be imported afresh: {last}")
    return last.removeprefix("imports torch: ") if done.returncode else ""


def _attempt(make: Callable[[], T]) -> T | str:
    """What `make` gives, or the error's text."""
    try:
        return make()
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


def _problem(promise: Callable[[], None]) -> str | None:
    """The promise, tried: whatever it raises becomes a sentence."""
    try:
        promise()
    except (KeyboardInterrupt, SkipTest):
        raise
    except (AssertionError, ProbekitError) as error:
        text = str(error) or "it is not kept"
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"
    else:
        return None
    return " ".join(text.split())


def _first_line(method: Callable[[], None]) -> str:
    """The first line of a docstring, without the full stop."""
    lines = (method.__doc__ or method.__name__).strip().splitlines()
    return lines[0].removesuffix(".")
