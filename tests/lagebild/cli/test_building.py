"""`lagebild publication build` says little, whatever dbt says."""

import pytest
from click.testing import Result

from lagebild.core.errors import UserError
from lagebild.warehouse import build as builds
from lagebild.warehouse.steps import Step
from tests.ingest.support import command

CHATTER = 536


@pytest.fixture
def build(warehouse, monkeypatch):
    """Runs `lagebild publication build` with a build that only prints; it ends with the error that is given."""

    def run(*options: str, error: Exception | None = None, is_new: bool = True) -> Result:
        def talks(settings, echo, tell, publishes) -> int | None:
            if not is_new:
                return None
            echo("build 3: staging, marts")
            for number in range(1, CHATTER + 1):
                print(f"12:00:00  {number} of {CHATTER} OK created")
                layer, kind = ("staging", "model") if number < 300 else ("marts", "test")
                tell(Step(layer, f"n{number}", kind, "pass", 0.01, number, CHATTER))
            if error:
                tell(Step("marts", "unique_x", "test", "fail", 0.1, CHATTER, CHATTER))
                raise error
            return 3

        monkeypatch.setattr(builds, "run", talks)
        return command(warehouse, "build", *options)

    return run


def test_a_build_is_a_few_lines_in_a_log(build):
    result = build()
    assert result.exit_code == 0, result.output
    first, staging, marts, stage, last = result.output.splitlines()
    assert first == "build 3: staging, marts" and last == "publication 3 is in force"
    assert "299 models" in staging and "237 tests" in marts and stage.startswith("build         checked and published")


def test_detail_shows_all_that_dbt_says(build):
    output = build("-v").output
    assert output.count("OK created") == CHATTER
    assert output.count(f" of {CHATTER} staging: model n") == 299 and f"{CHATTER} of {CHATTER} marts: test n" in output


def test_quiet_shows_nothing(build):
    assert build("-q").output == ""


def test_a_build_of_nothing_says_so(build):
    assert build(is_new=False).output.splitlines()[-1] == "nothing new to build"


def test_what_failed_is_named(build):
    result = build(error=UserError("dbt failed in marts"))
    assert result.exit_code == 1 and "dbt failed in marts" in str(result.exception)
    assert "! 536 of 536 marts: test unique_x fail 0.1 s" in result.output
    assert "1 fail" in result.output and "build         failed" in result.output and "OK created" not in result.output
