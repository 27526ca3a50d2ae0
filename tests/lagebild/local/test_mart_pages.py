"""The data dictionary in docs/marts: fresh, whole, and in both languages."""

import re

from lagebild.local import mart_pages
from lagebild.warehouse import marts, relations


def test_the_pages_are_fresh():
    assert mart_pages.stale() == [], "run make mart-pages"


def test_a_stale_page_a_missing_one_and_one_left_over_are_found(tmp_path):
    for name, text in mart_pages.pages().items():
        (tmp_path / name).write_text(text)
    assert mart_pages.stale(tmp_path) == []
    (tmp_path / "refinancing.md").write_text("old")
    (tmp_path / "gone.md").write_text("of a mart that is no more")
    (tmp_path / "employment.md").unlink()
    assert mart_pages.stale(tmp_path) == ["employment.md", "gone.md", "refinancing.md"]


def test_every_mart_of_readers_has_a_page_with_all_its_columns_in_two_languages():
    pages = mart_pages.pages()
    public = [mart for mart in marts.definitions() if mart.schema == "marts"]
    assert pages.keys() == {f"{mart.name}.md" for mart in public} | {mart_pages.INDEX}
    for mart in public:
        text = pages[f"{mart.name}.md"]
        lines = [line for line in text.splitlines() if line.startswith("| `") and line.count("**") == 4]
        assert len(lines) == len(relations.columns(mart)), mart.name
        assert f"]({mart.name}.md)" in pages[mart_pages.INDEX]


def test_the_diagram_names_every_reference():
    index = mart_pages.pages()[mart_pages.INDEX]
    assert "```mermaid\nerDiagram" in index
    for mart in marts.definitions():
        for one in relations.of(mart.name).references:
            assert f'{one.mart} |o--o{{ {mart.name} : "{", ".join(one.columns)}"' in index


def test_no_page_says_where_the_models_keep_their_rows():
    text = "\n".join(mart_pages.pages().values())
    assert re.findall(r"\b(?:int_|stg_|marts_internal\b|published\.[a-z]|raw\.)\w*|\(seeds? ", text) == []
