"""The corpus: what its pieces are, which documents and domains they belong to, what it refuses."""

import gzip
import io
import json
import lzma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_text.corpus import Corpus
from probekit_text.params import CorpusParams
from probekit_text.pieces import pieces
from probekit_text.sources import find

from probekit.errors import ProbekitError
from probekit.testing import DatasetContract

BY_LINE = {"documents": "line"}


class TestSample(DatasetContract):
    name = "corpus"


class TestSampleByLine(DatasetContract):
    name = "corpus"
    params = BY_LINE


def corpus(*paths, **keys):
    return Corpus(CorpusParams(path=tuple(map(str, paths)), **keys))


def texts(data):
    return [example.labels["text"] for example in data]


def documents(data):
    return [example.labels["document"] for example in data]


def domains(data):
    return [example.labels["domain"] for example in data]


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_text_is_there_with_its_line_breaks_and_the_words_without(tmp_path):
    text = "def one():\n    return  1\n\n\nEnd\t.\n"
    (example,) = corpus(written(tmp_path, "a.txt", text))
    assert example.labels["text"] == text
    assert example.words == ("def", "one():", "return", "1", "End", ".")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("file", [("one\ntwo\n\nthree\n \n\nfour", 0)]),
        ("blank", [("one\ntwo\n", 0), ("three\n", 1), ("four", 2)]),
        ("line", [("one\n", 0), ("two\n", 1), ("three\n", 2), ("four", 3)]),
    ],
)
def test_documents_are_told_apart_as_asked(tmp_path, rule, expected):
    path = written(tmp_path, "a.txt", "one\ntwo\n\nthree\n \n\nfour")
    data = corpus(path, documents=rule)
    stripped = [text.lstrip("\n ") for text in texts(data)]
    assert list(zip(stripped, documents(data), strict=True)) == expected


def slow(content, rule):
    """The documents of a text, by definition, each as its words."""
    if rule == "file":
        found = [content]
    elif rule == "line":
        found = content.split("\n")
    else:
        found, now = [], []
        for line in content.split("\n"):
            if line.strip():
                now.append(line)
            else:
                found.append("\n".join(now))
                now = []
        found.append("\n".join(now))
    return [words for one in found if (words := "".join(one.split()))]


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.sampled_from("ab é漢𝄞\n \n\t"), max_size=60),
    st.sampled_from(["file", "blank", "line"]),
    st.integers(4, 12),
)
def test_pieces_lose_nothing_however_they_are_cut(content, rule, longest):
    raw = content.encode()
    found = list(pieces(io.BytesIO(raw), rule, "text", longest))
    joined: dict[int, str] = {}
    for piece in found:
        text = raw[piece.start : piece.stop].decode()
        assert 0 < len(raw[piece.start : piece.stop]) <= longest
        assert text.strip()
        joined[piece.document] = joined.get(piece.document, "") + text
    assert [piece.start for piece in found] == sorted(piece.start for piece in found)
    assert list(joined) == list(range(len(joined)))
    assert ["".join(text.split()) for text in joined.values()] == slow(content, rule)


def test_a_long_document_is_cut_at_line_ends_into_pieces_of_one_document(tmp_path):
    text = "".join(f"line {number} of a long text\n" for number in range(4000))
    data = corpus(written(tmp_path, "a.txt", text))
    assert len(data) > 2
    assert "".join(texts(data)) == text
    assert set(documents(data)) == {0}
    assert all(one.endswith("\n") for one in texts(data))


def test_packed_files_give_what_plain_ones_do(tmp_path):
    text = "a line é\n" * 9000
    plain = corpus(written(tmp_path, "a.txt", text))
    for suffix, pack in ((".gz", gzip.compress), (".xz", lzma.compress)):
        packed = corpus(written(tmp_path, f"a.txt{suffix}", pack(text.encode())))
        assert texts(packed) == texts(plain)
        assert domains(packed) == domains(plain) == ["a"] * len(plain)
        assert packed[-1].words == plain[-1].words


def test_domains_are_named_or_called_after_their_file(tmp_path):
    folder = tmp_path / "books"
    folder.mkdir()
    for name in ("b.txt", "a.txt"):
        written(folder, name, name)
    written(folder, "ignored.md", "no")
    one = written(tmp_path, "one.txt", "one")
    data = corpus(f"code={one}", folder, f"code={one}")
    assert domains(data) == ["code", "code", "books", "books"]
    assert [text.strip() for text in texts(data)] == ["one", "one", "a.txt", "b.txt"]
    assert documents(data) == [0, 1, 2, 3]
    assert texts(data.split("books")) == ["a.txt", "b.txt"]
    assert data.split("books").fingerprint != data.fingerprint


def test_a_file_with_an_equals_sign_in_its_name_is_that_file(tmp_path):
    path = written(tmp_path, "a=b.txt", "words")
    assert domains(corpus(path)) == ["a=b"]


def test_a_pattern_chooses_files_of_a_folder(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    written(inner, "x.py", "import this\n")
    written(tmp_path, "y.txt", "no")
    assert texts(corpus(tmp_path, files="*.py")) == ["import this\n"]


def test_json_lines_give_their_field(tmp_path):
    rows = [{"body": "one\ntwo"}, {"body": "  "}, {"body": "three"}]
    path = written(tmp_path, "a.jsonl", "\n".join(json.dumps(row) for row in rows) + "\n\n")
    data = corpus(path, field="body")
    assert texts(data) == ["one\ntwo", "three"]
    assert documents(data) == [0, 2]
    assert data[1].source == "a.jsonl line 3"


def test_a_saved_hugging_face_dataset_is_read(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = {"text": ["one\ntwo", "", None, "three é"], "n": [1, 2, 3, 4]}
    saved = datasets.Dataset.from_dict(rows)
    saved.select([3, 0]).save_to_disk(tmp_path / "chosen")
    whole = datasets.DatasetDict({"train": saved, "test": saved.select([3])})
    whole.save_to_disk(tmp_path / "both")
    assert texts(corpus(tmp_path / "chosen")) == ["three é", "one\ntwo"]
    data = corpus(f"wiki={tmp_path / 'both'}")
    assert texts(data) == ["three é", "one\ntwo", "three é"]
    assert documents(data) == [0, 1, 4]
    with pytest.raises(ProbekitError, match="holds int64, not text; name another"):
        corpus(tmp_path / "chosen", field="n")
    with pytest.raises(ProbekitError, match="has no field body; it has: text, n"):
        corpus(tmp_path / "chosen", field="body")
    (tmp_path / "chosen" / "data-00000-of-00001.arrow").write_bytes(b"no")
    with pytest.raises(ProbekitError, match=r"\.arrow cannot be read: .*; check the file"):
        corpus(tmp_path / "chosen")


def test_a_stray_arrow_file_of_the_other_form_is_read(tmp_path):
    import pyarrow as pa

    table = pa.table({"text": ["one", "two"]})
    with (
        pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as f,
    ):
        f.write_table(table)
    assert texts(corpus(tmp_path / "t.arrow")) == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"good\nb\xffd\n", r"a\.txt line 2 is not UTF-8 \(byte 0xff\); convert"),
        ("a.txt", b" \n\n", "holds whitespace alone"),
        ("a.txt.xz", b"no", r"a\.txt\.xz cannot be read"),
        ("a.txt.gz", b"no", r"a\.txt\.gz cannot be read"),
        ("a.jsonl", b'{"text": "a"}\n{"text": ', r"a\.jsonl line 2 is not JSON"),
        ("a.jsonl", b'["a"]\n', "line 1 is no record"),
        ("a.jsonl", b'{"body": "a"}\n', r"line 1 has no field text; it has: body; name one with"),
        ("a.jsonl", b'{"text": 3}\n', "line 1: the field text holds no text"),
        ("a.jsonl", b'{"text": "\xff"}\n', "line 1 is not UTF-8"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', "line 1 holds half a character"),
    ],
)
def test_each_mistake_in_a_file_is_one_sentence(tmp_path, name, content, message):
    with pytest.raises(ProbekitError, match=message) as caught:
        corpus(written(tmp_path, name, content))
    assert "\n" not in str(caught.value)


def test_each_mistake_in_a_path_is_one_sentence(tmp_path):
    with pytest.raises(ProbekitError, match=r"there is no .*nowhere"):
        corpus(tmp_path / "nowhere")
    with pytest.raises(ProbekitError, match=r"holds no file of \.txt"):
        corpus(tmp_path)
    with pytest.raises(ProbekitError, match=r"holds no file \*\.py"):
        corpus(tmp_path, files="*.py")
    with pytest.raises(ProbekitError, match="write NAME=PATH"):
        corpus("wiki=")
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(ProbekitError, match="does not list arrow files"):
        corpus(tmp_path)


def test_a_byte_order_mark_is_no_text(tmp_path):
    assert texts(corpus(written(tmp_path, "a.txt", b"\xef\xbb\xbfone"))) == ["one"]


def test_the_sample_has_three_domains():
    assert [source.domain for source in find((), "")] == ["programs", "stories", "sums"]
    assert Corpus().domains == ("programs", "stories", "sums")
