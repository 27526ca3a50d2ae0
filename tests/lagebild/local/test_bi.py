"""Dashboards: the files are fresh, what they compile to is whole, and every query of theirs runs on the marts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lagebild.core import database, yaml_files
from lagebild.core.errors import UserError
from lagebild.local import bi, bi_bundle, bi_datasets
from tests.extracts.releases import republish


@pytest.fixture(scope="module")
def bundle() -> bi_bundle.Bundle:
    return bi_bundle.compiled()


def charts(bundle: bi_bundle.Bundle) -> dict[str, dict]:
    return {path: file for path, file in bundle.files.items() if path.startswith("charts/")}


def test_there_are_four_dashboards_in_two_languages(bundle):
    slugs = {file["slug"] for path, file in bundle.files.items() if path.startswith("dashboards/")}
    names = ("kosten", "lage", "foerderung", "datenlage")
    assert slugs == {f"{name}-{language}" for name in names for language in ("de", "en")}


def test_every_chart_has_a_note_and_stands_on_its_page(bundle):
    found = {file["uuid"]: path for path, file in charts(bundle).items()}
    for path, file in bundle.files.items():
        if path.startswith("dashboards/"):
            shown = [leaf["meta"]["uuid"] for leaf in file["position"].values() if leaf_of(leaf)]
            assert shown and set(shown) <= found.keys()
    shows = [path for path in found.values() if not re.search(r"_note_|_band_", path)]
    assert [path for path in shows if re.sub(r"_(de|en)\.yaml$", r"_note_\1.yaml", path) not in found.values()] == []


def leaf_of(node: object) -> bool:
    return isinstance(node, dict) and node.get("type") == "CHART"


def test_ids_are_the_same_at_each_start_and_of_one_thing_each(bundle):
    ids = [file["uuid"] for file in bundle.files.values() if "uuid" in file]
    assert len(ids) == len(set(ids))
    assert {p: f.get("uuid") for p, f in bi_bundle.compiled().files.items()} == {
        p: f.get("uuid") for p, f in bundle.files.items()
    }


def test_a_chart_of_an_unknown_column_is_refused_by_file_and_chart(monkeypatch):
    definitions = bi_bundle.definitions()
    definitions["kosten"]["charts"]["unmapped"]["columns"] = ["unmaped_pct"]
    monkeypatch.setattr(bi_bundle, "definitions", lambda: definitions)
    with pytest.raises(UserError, match=r"kosten\.yml: charts\.unmapped: .* no column 'unmaped_pct'") as refused:
        bi_bundle.compiled()
    assert "did you mean unmapped_pct?" in str(refused.value)


def test_sums_of_a_dashboard_only_take_what_may_be_added():
    by_year = bi_bundle.definitions()["foerderung"]["charts"]["by_year"]
    assert "is_addable" in by_year["where"]


def test_no_address_of_another_host_is_left(tmp_path):
    assets = tmp_path / "venv/lib/python3.11/site-packages/superset/static/assets"
    assets.mkdir(parents=True)
    (assets / "1.entry.js").write_text(f"let l=`{bi.PIXEL}0d/${{e}}`;")
    (assets / "2.entry.js").write_text("let l=1;")
    assert bi.silence(tmp_path) == 1
    assert "scarf" not in (assets / "1.entry.js").read_text()
    policy = (Path(bi.ROOT) / "bi" / "superset_config.py").read_text().partition("TALISMAN_CONFIG")[2]
    assert "http" not in policy.partition("HTML_SANITIZATION")[0].replace("force_https", "")


def test_files_of_datasets_are_fresh_and_a_stale_one_is_found(published_warehouse, monkeypatch, tmp_path):
    with database.connect(published_warehouse, database.BI_READER) as connection:
        assert bi_datasets.stale(connection) == []
        for path in bi_datasets.FOLDER.glob("*.yml"):
            (tmp_path / path.name).write_text(path.read_text())
        changed = tmp_path / "refinancing.yml"
        changed.write_text(changed.read_text().replace("unit: EUR", "unit: USD", 1))
        (tmp_path / "gone.yml").write_text("mart: gone\n")
        monkeypatch.setattr(bi_datasets, "FOLDER", tmp_path)
        assert bi_datasets.stale(connection) == ["gone.yml", "refinancing.yml"]


def test_every_dataset_runs_on_the_marts_and_shows_one_publication(published_warehouse, bundle):
    with database.connect(published_warehouse, database.BI_READER) as connection:
        for source in bundle.sources.values():
            of_all, in_force = rendered(source.sql, ""), rendered(source.sql, "where p.is_current")
            assert "{%" not in in_force
            names = [one.name for one in connection.execute(f"select * from ({in_force}) as one limit 0").description]
            assert source.names <= set(names), source.name
            if source.name != "publication" and "publication" in source.names:
                query = f"select count(distinct publication) from ({in_force}) as one"
                assert connection.execute(query).fetchone()[0] <= 1, source.name
                connection.execute(f"select count(*) from ({of_all}) as one")


def rendered(sql: str, condition: str) -> str:
    """The query as Superset's templates leave it: with a publication chosen, or without."""
    return re.sub(r"\{% if .*? %\}.*?\{% endif %\}", condition, sql)


def test_a_confidential_cell_is_a_sign_and_not_zero(published_warehouse, bundle):
    shown = bi_bundle._shown("persons", "value_sign", ",.0f", "de")
    rows = "(null, '', 'confidential'), (null, '-', 'x'), (null, null, null), (0, '', null), (1234567, '', null)"
    with database.connect(published_warehouse, database.BI_READER) as connection:
        query = f"select {shown} from (values {rows}) as m (persons, value_sign, reason)"
        assert [row[0] for row in connection.execute(query)] == ["*", "-", ".", "0", "1.234.567"]


def test_tiles_are_the_53_districts_each_at_a_place_of_its_own():
    rows = [line.split(",") for line in (bi_bundle.FOLDER / "districts.csv").read_text().splitlines()[1:]]
    assert len({row[0] for row in rows}) == len({(row[2], row[3]) for row in rows}) == len(rows) == 53


def test_labels_of_dashboards_are_there_in_both_languages():
    lacking = []
    for path in sorted((bi_bundle.FOLDER / "dashboards").glob("*.yml")):
        told = yaml_files.read(path)
        for name, chart in told["charts"].items():
            for key in ("title", "about"):
                if key in chart and set(chart[key]) != {"de", "en"}:
                    lacking.append(f"{path.name} {name} {key}")
    assert lacking == []


REACH = """
import sys, socket
sys.path.insert(0, sys.argv[1])
import loopback
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
    loopback.install()
    socket.create_connection(server.getsockname()).close()
    for ask in (
        lambda: socket.create_connection(("192.0.2.1", 80), 0.01),
        lambda: socket.socket().connect_ex(("192.0.2.1", 80)),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
        lambda: socket.getaddrinfo("telemetry.example.org", 443),
    ):
        try:
            ask()
        except PermissionError as error:
            print("refused", "192.0.2.1" in str(error) or "telemetry" in str(error))
        else:
            print("asked")
"""


def test_superset_can_ask_no_other_host():
    command = [sys.executable, "-c", REACH, str(Path(bi.ROOT) / "bi")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["refused True"] * 4
    config = (Path(bi.ROOT) / "bi" / "superset_config.py").read_text()
    assert "\nloopback.install()\n" in config


def test_a_former_publication_is_shown_as_it_was(published_warehouse, bundle):
    """The filter "as published on": of two publications each chart shows the one that is chosen, else the last."""
    raised = "update {table} set total_cost_eur = total_cost_eur + 1000 where content_id = {content}"
    republish(published_warehouse, {"cost_per_person": [raised]})
    text = bundle.sources["cost_per_person", "en"].sql
    asked = "select publication, total_cost_eur from ({}) as one order by 1"
    with database.connect(published_warehouse, database.BI_READER) as connection:
        of_all = connection.execute(asked.format(rendered(text, ""))).fetchall()
        ((label, now),) = connection.execute(asked.format(rendered(text, "where p.is_current"))).fetchall()
    by_label = dict(of_all)
    assert len(by_label) == 2 and by_label.pop(label) == now
    assert list(by_label.values()) == [now - 1000] and "1" in next(iter(by_label))
    source = bundle.sources["cost_per_person", "en"]
    filters = [
        one
        for path, file in bundle.files.items()
        if path.startswith("dashboards/") and file["slug"] == "kosten-en"
        for one in file["metadata"]["native_filter_configuration"]
    ]
    columns = [target.get("column", {}).get("name") for one in filters for target in one["targets"]]
    assert "publication" in columns and "publication" in source.names


def test_datasets_are_described_in_the_language_of_their_page():
    for language, begins in (("de", "Welchen Teil"), ("en", "What of the cost")):
        source = bi_bundle.of_mart("refinancing", language)
        assert source.description.startswith(begins)
        (gap,) = [one["description"] for one in source.columns if one["name"] == "gap_eur"]
        assert gap.startswith("Kosten abzüglich" if language == "de" else "Cost less") and "seed" not in gap
