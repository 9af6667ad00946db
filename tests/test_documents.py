"""The reference pages say what the program says of itself."""

from __future__ import annotations

import pytest

from tests.documents import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_reference_is_what_is_made_of_the_program(name: str) -> None:
    assert (FOLDER / f"{name}.md").read_text(encoding="utf-8") == PAGES[name](), "`make docs` writes it again"


def test_every_page_of_reference_is_made() -> None:
    assert {p.stem for p in FOLDER.glob("*.md")} == set(PAGES)
