"""The list of known faults of types only gets shorter."""

import pytest

from tests import type_check


@pytest.mark.parametrize(
    ("found", "more", "less"),
    [({"a.py r": 2}, [], []), ({"a.py r": 3}, ["a.py r"], []), ({"a.py r": 2, "b.py r": 1}, ["b.py r"], []),
     ({}, [], ["a.py r"])],
)  # fmt: skip
def test_more_and_less_than_known_are_both_told(found, more, less):
    assert type_check.differences(found, {"a.py r": 2}) == (more, less)


def test_a_planted_fault_is_found_and_fails(tmp_path, monkeypatch, capsys):
    (tmp_path / "lagebild").mkdir()
    (tmp_path / "lagebild" / "planted.py").write_text("def days() -> int:\n    return 'seven'\n")
    lines = type_check.told(tmp_path, ["lagebild"])
    (name,) = type_check.counted(lines)
    assert name.startswith("lagebild/planted.py ")
    monkeypatch.setattr(type_check, "told", lambda: lines)
    monkeypatch.setattr(type_check, "KNOWN", tmp_path / "types.json")
    assert type_check.main(["--write"]) == 1 and "planted.py:2" in capsys.readouterr().out
    assert not (tmp_path / "types.json").exists(), "more than known is never noted"
    (tmp_path / "types.json").write_text(f'{{"{name}": 2}}')
    assert type_check.main([]) == 1 and "note it" in capsys.readouterr().out
    assert type_check.main(["--write"]) == 0 and type_check.main([]) == 0
