"""Files that people write: what is understood of them, and that the rest is refused with its line."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import Imprint
from cli.responder import Gateway
from contracts.definition import Namespace
from imprint.declared.document import Document
from imprint.reading import DEEPEST, MOST_BYTES, FileError, understood

LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
REFUSED: list[tuple[str, int, str]] = [
    ("galleries: []\nimagse: []\n", 2, "There is no 'imagse' here"),
    ("images:\n  - image: a/b\n    os_tpye: linux\n", 3, "There is no 'os_tpye' here"),
    ("images:\n  - image: a/b\n    versions:\n      - number: 1.0.0\n        source: {pud: x}\n", 5, "no 'pud'"),
    ("galleries: []\nimages: []\ngalleries: []\n", 3, "'galleries' is there twice"),
    ("images: [{image: a/b, image: a/b}]\n", 1, "'image' is there twice"),
    (LAUGHS, 1, "Anchors are not taken"),
    ("images: *a\n", 1, "Aliases are not taken"),
    ("images: !!python/object/apply:os.system [ls]\n", 1, "is not taken"),
    ("images: !x []\n", 1, "The tag !x is not taken"),
    ("images: []\n---\nimages: []\n", 3, "more than one document"),
    ("", 1, "empty"),
    ("- a\n- b\n", 1, "Expected `object`, got `array`"),
    ("images:\n  - image: a/b\n    os_type: beos\n", 3, "images[0].os_type"),
    ("images:\n  - image: a/b\n    details:\n      vcpus: {min: x}\n", 4, "images[0].details.vcpus.min"),
    ("images:\n  - os_type: linux\n", 2, "missing required field `image`"),
    ("images:\n  - image: a/b\n    tags:\n      team: [x]\n", 3, "images[0].tags"),
    ("images:\n  - image: a/../b\n", 2, "images[0].image"),
    ("images: [\n", 2, "This is no YAML"),
    ("images:\n\t- a\n", 2, "This is no YAML"),
    ("? [a]\n: b\n", 1, "A key must be text"),
    ("[" * (DEEPEST + 5), 1, "levels"),
]


@pytest.mark.parametrize(("text", "line", "what"), REFUSED, ids=[what for _, _, what in REFUSED])
def test_what_has_no_meaning_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(FileError) as caught:
        understood(text.encode(), Document)
    assert (caught.value.line, what in caught.value.what) == (line, True), (caught.value.line, caught.value.what)


def test_the_command_tells_file_line_and_a_hint(gateway: Gateway, imprint: Imprint, tmp_path: Path) -> None:
    (tmp_path / "imprint.yaml").write_text(REFUSED[1][0])
    for option in ("--yes", "--dry-run"):
        result = imprint("apply", "-f", "imprint.yaml", option)
        assert (result.exit_code, gateway.asked) == (3, [])
        assert result.stderr == (
            "imprint.yaml:3: There is no 'os_tpye' here (validation_failed)\nhint: Is os_type meant?\n"
        )


PLAIN: list[tuple[str, Any]] = [
    ("{images: [{image: a/b, versions: [{number: 1.10}]}]}", "1.10"),
    ("{images: [{image: a/b, versions: [{number: '1.10'}]}]}", "1.10"),
    ('{"images": [{"image": "a/b", "versions": [{"number": "1.10.0"}]}]}', "1.10.0"),
]


@pytest.mark.parametrize(("text", "number"), PLAIN)
def test_a_version_number_is_text_however_it_is_written(text: str, number: str) -> None:
    found, _ = understood(text.encode(), Document)
    assert found.images[0].versions[0].number == number


def test_values_are_read_by_what_is_expected_in_their_place() -> None:
    text = (
        "{images: [{image: a/b, description: no, tags: {n: 1, t: true, e: null}, details: {hidden: true, properties: "
    )
    text += "{n: 1, f: 1.5, t: true, s: no, q: '1'}}}]}"
    found, given_ = understood(text.encode(), Document)
    image = found.images[0]
    assert (image.description, image.tags) == ("no", {"n": "1", "t": "true", "e": None})
    assert image.details.properties == {"n": 1, "f": 1.5, "t": True, "s": "no", "q": "1"}
    assert set(given_["images"][0]) == {"image", "description", "tags", "details"}
    namespace, _ = understood(b"{name: hw, tags: {env: [1, no]}, properties: {a: {enum: [1, x]}}}", Namespace)
    assert (namespace.tags["env"], namespace.properties["a"].enum) == (("1", "no"), (1, "x"))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, imprint: Imprint) -> None:
    (tmp_path / "big.yaml").write_bytes(b"#" * (MOST_BYTES + 1))
    result = imprint("apply", "-f", "big.yaml", "--yes")
    assert (result.exit_code, "more than" in result.stderr) == (3, True)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))))
def test_whatever_a_file_says_it_is_understood_or_refused(text: str) -> None:
    with suppress(FileError):
        understood(text.encode(errors="surrogatepass"), Document)
