"""Parameters of the dataset of this plugin."""

from typing import Literal

from pydantic import Field

from probekit.params import Params

Rule = Literal["file", "blank", "line"]


class CorpusParams(Params):
    """Where the text is, and where a document in it begins."""

    path: tuple[str, ...] = Field(
        (),
        description=(
            "files and folders (.txt, .jsonl, each also .gz or .xz; .arrow), parted by commas;"
            " NAME=PATH names a domain, by default the file's name; none: a small sample"
        ),
    )
    documents: Rule = Field(
        "file",
        description="of text files: a document is a file, ends at a blank line, or is a line",
    )
    field: str = Field("text", min_length=1, description="the field of a record that holds text")
    files: str = Field(
        "", description="which files of a folder are read, as in *.py; none: the kinds above"
    )
