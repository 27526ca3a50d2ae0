"""Files of recipients: what stands in one, what is refused and where, and when a release is due."""

from datetime import date
from pathlib import Path

import pytest

from extracts import recipient
from extracts.model import Recipient
from lagebild.core.errors import UserError

GOOD = """\
office: Ministerium (Beispiel)
legal_basis: § 5 Beispielgesetz
purpose: Haushalt
language: de
profile: public
"""
UNIT = GOOD.replace("public", "statistics_unit")


def written(folder: Path, text: str, name: str = "ministry-nrw") -> Path:
    path = folder / f"{name}.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_demos_recipients_are_three_and_read_as_their_files_say():
    found = recipient.known(Path("nowhere"), demo=True)
    assert {name: (one.language, one.profile) for name, one in found.items()} == {
        "ministry": ("de", "public"),
        "statistics_office": ("de", "statistics_unit"),
        "research_institute": ("en", "public"),
    }
    assert all("xample" in one.office or "Beispiel" in one.office for one in found.values())


def test_a_house_without_files_has_a_reviewer_and_its_own_files_replace_those_of_the_demo(tmp_path):
    assert list(recipient.known(tmp_path, demo=False)) == ["reviewer"]
    (tmp_path / "recipients").mkdir()
    written(tmp_path / "recipients", GOOD, "ministry")
    assert list(recipient.known(tmp_path, demo=False)) == ["ministry"]
    assert recipient.known(tmp_path, demo=True)["ministry"].office == "Ministerium (Beispiel)"
    assert len(recipient.known(tmp_path, demo=True)) == 3
    with pytest.raises(UserError, match="no recipient ministri") as unknown:
        recipient.named(tmp_path, False, "ministri")
    assert "did you mean ministry?" in unknown.value.remedy


def test_a_recipient_is_recorded_and_read_back(tmp_path):
    more = (
        'marts: [eu2_population]\nplaces: ["05913000", "05"]\nschedule: yearly\ndelivery: sftp://user@example.org/in\n'
    )
    read = recipient.read(written(tmp_path, GOOD + more))
    assert read.marts == ("eu2_population",) and read.places == ("05913000", "05")
    assert recipient.recorded(recipient.written(read)) == read


@pytest.mark.parametrize(
    ("text", "line", "said", "remedy"),
    [
        (GOOD.replace("office", "offise"), 1, "offise is no key", "did you mean office?"),
        (GOOD.replace("purpose: Haushalt", "purpose:"), 3, "purpose is missing or empty", "releases.md"),
        (GOOD.replace("language: de", "language: fr"), 4, "language is 'fr'", "one of de, en"),
        (GOOD.replace("public", "internal"), 5, "profile is 'internal'", "another profile needs a decision page"),
        (UNIT.replace("§ 5 Beispielgesetz", "Erlass"), 2, "names no paragraph", "BStatG"),
        (GOOD + "marts: eu2_population\n", 6, "marts is not a list", "quotes"),
        (GOOD + "marts: [eu2_populaton]\n", 6, "no mart eu2_populaton", "did you mean eu2_population?"),
        (GOOD + "marts: [resident_composition]\n", 6, "profile public has no mart", "package.yml"),
        (GOOD + "marts: [cost_component]\n", 6, "have their caption in cost_per_person", "add cost_per_person"),
        (GOOD + "places: [05111000]\n", 6, "places is not a list of texts", "quotes"),
        (GOOD + 'places: ["0591"]\n', 6, "'0591' is no key of a place", "8 digits"),
        (GOOD + "delivery: ftp://example.org\n", 6, "no place to put a package", "sftp://"),
        (GOOD + "delivery: sftp://user:secret@example.org/in\n", 6, "holds a password", "secrets folder"),
        (GOOD + "schedule: daily\n", 6, "schedule is 'daily'", "each_publication"),
        (GOOD + "purpose: [a\n", None, "is no YAML", "releases.md"),
        ("", None, "is empty", "releases.md"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_file_line_and_remedy(tmp_path, text, line, said, remedy):
    path = written(tmp_path, text)
    with pytest.raises(UserError) as refused:
        recipient.read(path)
    told = str(refused.value)
    assert str(path) in told and said in told and "secret@" not in told
    assert line is None or f"{path}, line {line}:" in told
    assert remedy in refused.value.remedy


def test_a_file_names_a_folder(tmp_path):
    with pytest.raises(UserError, match="cannot name a folder"):
        recipient.read(written(tmp_path, GOOD, "Ministerium NRW"))


def _of(schedule) -> Recipient:
    return Recipient("one", "o", "l", "p", "de", "public", schedule=schedule)


@pytest.mark.parametrize(
    ("schedule", "published", "last", "is_due", "following"),
    [
        ("on_request", date(2026, 3, 1), None, False, None),
        ("each_publication", date(2026, 3, 1), date(2026, 2, 28), True, None),
        ("yearly", date(2026, 3, 1), None, True, date(2027, 1, 1)),
        ("yearly", date(2026, 12, 31), date(2026, 1, 1), False, date(2027, 1, 1)),
        ("yearly", date(2027, 1, 1), date(2026, 12, 31), True, date(2028, 1, 1)),
        ("half_yearly", date(2026, 7, 1), date(2026, 6, 30), True, date(2027, 1, 1)),
        ("half_yearly", date(2026, 6, 30), date(2026, 1, 2), False, date(2026, 7, 1)),
        ("quarterly", date(2026, 10, 1), date(2026, 9, 30), True, date(2027, 1, 1)),
        ("quarterly", date(2026, 5, 1), date(2026, 4, 1), False, date(2026, 7, 1)),
        ("monthly", date(2026, 12, 1), date(2026, 11, 30), True, date(2027, 1, 1)),
        ("monthly", date(2026, 2, 28), date(2026, 2, 1), False, date(2026, 3, 1)),
    ],
)
def test_a_release_is_due_with_the_first_publication_of_a_period(schedule, published, last, is_due, following):
    assert recipient.is_due(_of(schedule), published, last) is is_due
    assert recipient.next_on(_of(schedule), published) == following
