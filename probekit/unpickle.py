"""A pickle read as plain data: nothing that it names is imported, looked up or called.

    tree = read_pickle(stream, names, persistent)

Python's own unpickler can be told which names to admit, but it takes extension codes past that
check and makes room for whatever count a file states; this interpreter of the opcodes does neither.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pickletools import genops
from typing import Any

Names = Callable[[str, str], Any]
Persistent = Callable[[Any], Any]


class Refused(Exception):
    """A pickle asks for something that is not weights; the message is its name, safe to print."""


@dataclass(frozen=True)
class Stub:
    """Stands for a class; calling it in a pickle makes an empty `Instance`."""

    name: str


@dataclass(frozen=True)
class Recipe:
    """Stands for a function that a pickle may call: one of ours, never the one that it names."""

    function: Callable[..., Any]


@dataclass(eq=False)
class Instance:
    """Stands for an object of a stubbed class: what the pickle said its attributes are."""

    name: str
    state: dict[str, Any] = field(default_factory=dict)

    def build(self, state: Any) -> None:
        """Take the attributes of a state: a dictionary, or a pair of it and of slots.

        Any other tuple is that of an old Variable, which may begin with its data. A dictionary is
        not copied, so that no file can have one copied many times.
        """
        if isinstance(state, tuple) and len(state) == 2:
            state = state[0]
        if isinstance(state, dict):
            self.state = state
        elif isinstance(state, tuple) and state and not isinstance(state[0], bool):
            self.state["data"] = state[0]


def read_pickle(stream: Any, names: Names, persistent: Persistent) -> Any:
    """The value of one pickle, made of plain Python values and of what the two functions give.

    `stream` has `read` and `readline`, and is left just after the pickle. `names(module, name)`
    gives a Stub, a Recipe or a value for a global, `persistent(id)` the value of a persistent id.
    Raises Refused where the pickle asks for anything else, and any other exception (KeyError,
    IndexError, ValueError, ...) where it does not hold together.
    """
    machine = Machine(names, persistent)
    for opcode, argument, _ in genops(stream):
        if opcode.name == "STOP":
            return machine.pop()
        if opcode.name in LITERALS:
            machine.push(argument)
        elif opcode.name in STEPS:
            STEPS[opcode.name](machine, argument)
        else:
            raise Refused(f"the pickle operation {opcode.name}")
    raise ValueError("the pickle has no end")


def printable(text: str) -> str:
    """A name out of a file, cut short and escaped for a message."""
    return ascii(text[:80])[1:-1]


def texts(items: Iterable[Any]) -> list[str]:
    """The items that are text: no other key names a weight, and hashing one may take forever."""
    return [item for item in items if isinstance(item, str)]


def table(items: Iterable[Any]) -> dict[str, Any]:
    """A dictionary of pairs, of which those with text for a key are kept."""
    return {key: value for key, value in items if isinstance(key, str)}


class Machine:
    """The stack, the marks and the memo of a pickle that is being read."""

    def __init__(self, names: Names, persistent: Persistent) -> None:
        self.names = names
        self.persistent = persistent
        self.stack: list[Any] = []
        self.outer: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take the top of the stack."""
        return self.stack.pop()

    def pops(self, count: int) -> tuple[Any, ...]:
        """Take the top `count` values, lowest first."""
        taken = [self.stack.pop() for _ in range(count)]
        return tuple(reversed(taken))

    def mark(self) -> None:
        """Begin a group of values."""
        self.outer.append(self.stack)
        self.stack = []

    def group(self) -> list[Any]:
        """Take the values since the last mark."""
        values, self.stack = self.stack, self.outer.pop()
        return values

    def discard(self) -> None:
        """Take the top of the stack, or the mark where nothing stands above it."""
        if self.stack:
            self.stack.pop()
        else:
            self.group()

    def drop(self) -> None:
        """Forget the values since the last mark."""
        self.group()

    def remember(self, index: int) -> None:
        """Keep the top of the stack in the memo."""
        self.memo[index] = self.stack[-1]

    def extend(self, values: Iterable[Any]) -> None:
        """Append the values to the list on the stack."""
        expect(self.stack[-1], list).extend(values)

    def update(self, values: list[Any]) -> None:
        """Enter keys and values, in turn, into the dictionary on the stack."""
        pairs = zip(values[::2], values[1::2], strict=True)
        expect(self.stack[-1], dict).update(table(pairs))

    def add(self, values: list[Any]) -> None:
        """Add the values to the set on the stack."""
        expect(self.stack[-1], set).update(texts(values))

    def enter(self) -> None:
        """Push the dictionary of the keys and values since the last mark."""
        values = self.group()
        self.push({})
        self.update(values)

    def find(self, module: Any, name: Any) -> None:
        """Push what stands for a global."""
        self.push(self.names(expect(module, str), expect(name, str)))

    def call(self) -> None:
        """Push what a stub or a recipe makes of the arguments; nothing else can be called."""
        function, arguments = self.pops(2)
        if isinstance(function, Stub):
            self.push(Instance(function.name))
        else:
            self.push(expect(function, Recipe).function(*expect(arguments, tuple)))

    def build(self) -> None:
        """Give a state to the object below it; a plain value (an OrderedDict, say) needs none."""
        state = self.pop()
        if isinstance(self.stack[-1], Instance):
            self.stack[-1].build(state)


def expect(value: Any, kind: type) -> Any:
    """The value, which must be of exactly that type."""
    if type(value) is not kind:
        raise ValueError(f"the pickle needs a {kind.__name__} where it has something else")
    return value


def _refuse_instance(_: Machine, argument: str) -> None:
    raise Refused(printable(argument.replace(" ", ".")))


LITERALS = {
    "NONE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
STEPS: dict[str, Callable[[Machine, Any], None]] = {
    "PROTO": lambda *_: None,
    "FRAME": lambda *_: None,
    "MARK": lambda machine, _: machine.mark(),
    "POP": lambda machine, _: machine.discard(),
    "POP_MARK": lambda machine, _: machine.drop(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE1": lambda machine, _: machine.push(machine.pops(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.pops(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.pops(3)),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.group())),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.group()),
    "APPEND": lambda machine, _: machine.extend(machine.pops(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.group()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "DICT": lambda machine, _: machine.enter(),
    "SETITEM": lambda machine, _: machine.update(list(machine.pops(2))),
    "SETITEMS": lambda machine, _: machine.update(machine.group()),
    "EMPTY_SET": lambda machine, _: machine.push(set()),
    "ADDITEMS": lambda machine, _: machine.add(machine.group()),
    "FROZENSET": lambda machine, _: machine.push(frozenset(texts(machine.group()))),
    "PUT": lambda machine, index: machine.remember(index),
    "BINPUT": lambda machine, index: machine.remember(index),
    "LONG_BINPUT": lambda machine, index: machine.remember(index),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "GET": lambda machine, index: machine.push(machine.memo[index]),
    "BINGET": lambda machine, index: machine.push(machine.memo[index]),
    "LONG_BINGET": lambda machine, index: machine.push(machine.memo[index]),
    "GLOBAL": lambda machine, name: machine.find(*name.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.find(*machine.pops(2)),
    "INST": _refuse_instance,
    "REDUCE": lambda machine, _: machine.call(),
    "NEWOBJ": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.push(machine.persistent(machine.pop())),
}
