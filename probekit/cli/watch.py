"""A progress bar with the rate and the time left, on standard error."""

from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from probekit.cli.console import err, plain
from probekit.runs import Watch


class Rate(ProgressColumn):
    """Work a second."""

    def render(self, task: Task) -> Text:
        """The rate, or a dash before it is known."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "-/s", style="dim")


class Bar(Watch):
    """Shows a run on the terminal."""

    def __init__(self, name: str) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(),
            TimeElapsedColumn(), TimeRemainingColumn(), console=err, transient=True,
            disable=not err.is_terminal,
        )  # fmt: skip
        self.task = self.progress.add_task(plain(name).markup, total=None)

    def __enter__(self) -> "Bar":
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def start(self, shards: int, kept: int, size: int) -> None:
        """Say what lies ahead."""
        if kept:
            err.print(plain(f"{kept} of {shards} shards were measured before and are kept."))
        self.progress.reset(self.task, total=size)

    def advance(self, amount: int) -> None:
        """Move the bar."""
        self.progress.advance(self.task, amount)
