"""Compile `bi/dashboards/*.yml` and `bi/datasets/*.yml` into what Superset imports: one set in each language.

A dashboard's file says what it shows and never how Superset stores it; docs/bi.md describes the keys. Every dataset
reads the vintages of a mart and shows the publication in force, unless a filter names another: figures of two
publications are never added up. Beside each chart stands a note with publication, date, evidence and caption.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from extracts import codes
from extracts.model import Language
from lagebild.core import yaml_files
from lagebild.core.errors import UserError, did_you_mean
from lagebild.core.settings import ROOT
from lagebild.local import bi_datasets
from lagebild.warehouse import descriptions

FOLDER = ROOT / "bi"
DATABASE = "Lagebild"
ADDRESS = "postgresql+psycopg2://bi_reader@warehouse.lagebild.invalid/lagebild"
"""A place holder: `bi/superset_config.py` puts today's address and password in its place."""
NOTE_HEIGHT = 22
WORDS = {
    "de": {
        "current": "Aktuell: Nr. ", "former": "Nr. ", "of": " vom ", "day": "DD.MM.YYYY", "publication":
        "Veröffentlichung", "as_of": "Stand", "evidence": "Evidenzklasse", "note": "Stand und Lesehinweis",
        "place": "Gebiet", "year": "Jahr", "none": "nicht angegeben", "caption": "Lesehinweis",
        "synthetic": "Enthält synthetische Daten: {} von {} Zeilen sind erfunden. Nicht zitieren.",
        "real": "Keine Zeile ist als synthetisch gekennzeichnet.", "band": "Datenstand", "shown": "mit Zeichen",
        "signs": "* geheim gehalten, . unbekannt oder geheim zu halten, - nichts vorhanden: nie eine Null.",
        "empty": "Keine Zeile in dieser Veröffentlichung.",
    },
    "en": {
        "current": "Current: no. ", "former": "No. ", "of": " of ", "day": "YYYY-MM-DD", "publication": "Publication",
        "as_of": "As of", "evidence": "Evidence class", "note": "State and caption", "place": "Place",
        "year": "Year", "none": "not stated", "caption": "Caption",
        "synthetic": "Contains synthetic data: {} of {} rows are made up. Do not cite.",
        "real": "No row is marked as synthetic.", "band": "State of the data", "shown": "with sign",
        "signs": "* confidential, . unknown or confidential, - nothing: never a zero.",
        "empty": "No row in this publication.",
    },
}  # fmt: skip
EVIDENCE = {
    "published": {"de": "veröffentlicht", "en": "published"},
    "delivered": {"de": "geliefert", "en": "delivered"},
    "derived": {"de": "berechnet", "en": "derived"},
    "derived_from_result": {"de": "aus dem Ergebnis zurückgerechnet", "en": "derived from the result"},
    "synthetic": {"de": "SYNTHETISCH", "en": "SYNTHETIC"},
}
_PLACES = ("municipality_name", "region_name", "region_code", "municipality_ags")
_YEARS = ("reference_year", "fiscal_year", "to_year", "reference_date", "stated_year")
_TYPES = {"numeric": "NUMERIC", "bigint": "BIGINT", "integer": "INTEGER", "date": "DATE", "boolean": "BOOLEAN"}
_STYLE = """
.note{font-size:12px;line-height:1.45;color:#333}.note b{color:#111}
.band{padding:8px 12px;border-radius:4px;font-size:15px;background:#e8f0e8;color:#1d3b1d}
.band.synthetic{background:#a8071a;color:#fff;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(13,minmax(52px,1fr));grid-auto-rows:52px;gap:3px}
.tile{border-radius:3px;padding:2px 3px;font-size:11px;line-height:1.25;overflow:hidden;text-align:center}
"""


def uuid_of(*parts: str) -> str:
    """The same id at each start, so that a second import overwrites what the first brought."""
    return str(uuid5(NAMESPACE_URL, "/".join(("lagebild", "bi", *parts))))


@dataclass(frozen=True)
class Source:
    """What charts of one language read: a mart, or a query of a dashboard's file."""

    name: str
    language: Language
    title: str
    sql: str
    columns: tuple[dict[str, Any], ...]
    """name, type, label, and where there are any format, description."""
    caption: str | None = None
    description: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(column["name"] for column in self.columns)

    @property
    def uuid(self) -> str:
        return uuid_of("dataset", self.name, self.language)

    def form(self, column: str) -> str:
        return next((one.get("format", "") for one in self.columns if one["name"] == column), "")

    def label(self, column: str) -> str:
        return next((one["label"] for one in self.columns if one["name"] == column), column)


@dataclass
class Bundle:
    """Files of an import by path, and the charts in them by name and language."""

    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[tuple[str, str], Source] = field(default_factory=dict)

    def texts(self) -> dict[str, str]:
        """The files as YAML."""
        import yaml

        return {path: yaml.safe_dump(file, allow_unicode=True, sort_keys=False) for path, file in self.files.items()}


def definitions() -> dict[str, dict[str, Any]]:
    """The dashboards' files by name, in the order in which they are shown."""
    read = {path.stem: yaml_files.read(path) for path in sorted((FOLDER / "dashboards").glob("*.yml"))}
    return dict(sorted(read.items(), key=lambda one: one[1]["order"]))


def compiled() -> Bundle:
    """All that Superset imports. UserError with the file for a name that is not known."""
    bundle = Bundle()
    bundle.files["metadata.yaml"] = {"version": "1.0.0", "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"}
    bundle.files["databases/Lagebild.yaml"] = {
        "database_name": DATABASE,
        "sqlalchemy_uri": ADDRESS,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_file_upload": False,
        "extra": {"allows_virtual_table_explore": True},
        "uuid": uuid_of("database"),
        "version": "1.0.0",
    }
    dashboards = definitions()
    for language in bi_datasets.LANGUAGES:
        for path in sorted(bi_datasets.FOLDER.glob("*.yml")):
            _add_source(bundle, of_mart(path.stem, language, _computed(dashboards.values(), path.stem)))
        _add_source(bundle, _publications(language))
        for name, definition in dashboards.items():
            try:
                _Page(bundle, name, definition, language).add()
            except (KeyError, StopIteration) as error:
                raise UserError(
                    f"bi/dashboards/{name}.yml: {error} is missing or not known",
                    remedy="docs/bi.md, How to add a chart",
                ) from error
    return bundle


def _computed(dashboards: Iterable[dict[str, Any]], mart: str) -> dict[str, dict[str, str]]:
    """Columns that dashboards compute on a mart, by name."""
    return {name: told for one in dashboards for name, told in one.get("computed", {}).get(mart, {}).items()}


# --- datasets --------------------------------------------------------------------------------------------------------


def of_mart(mart: str, language: Language, computed: dict[str, dict[str, str]] | None = None) -> Source:
    """A mart in a language: its columns, its codes in words, protected cells as signs, publication, place and year."""
    dataset, words = bi_datasets.load(mart), WORDS[language]
    columns = [
        {**one, "label": one[language], "description": descriptions.of_column(mart, one["name"], text, language)}
        for one in dataset.columns
        for text in [one.get("description", "")]
    ]
    selected = ["m.*", f"{_publication(language)} as publication"]
    extra = [{"name": "publication", "type": "text", "label": words["publication"]}]
    if place := next((name for name in _PLACES if name in dataset.names), None):
        selected.append(f"{_place(mart, place)} as place")
        extra.append({"name": "place", "type": "text", "label": words["place"]})
    if year := next((name for name in _YEARS if name in dataset.names), None):
        value = f"extract(year from m.{year})::int" if year.endswith("_date") else f"m.{year}"
        selected.append(f"{value} as year")
        extra.append({"name": "year", "type": "integer", "label": words["year"]})
    for one in dataset.columns:
        if one["type"] == "text" and (explained := _explained(one["name"])):
            selected.append(f"{_in_words(one['name'], explained, language)} as {one['name']}_text")
            extra.append({"name": f"{one['name']}_text", "type": "text", "label": one[language]})
    if "reason" in dataset.names:
        sign = "value_sign" if "value_sign" in dataset.names else None
        for one in dataset.columns:
            if one["name"] in ("persons", "naturalised_persons", "eu2_persons", "per_100_inhabitants"):
                selected.append(f"{_shown(one['name'], sign, one.get('format', ''), language)} as {one['name']}_shown")
                label = f"{one[language]}, {words['shown']}"
                extra.append({"name": f"{one['name']}_shown", "type": "text", "label": label})
    for name, told in (computed or {}).items():
        words_of = partial(_code_in_words, language=language)
        value = re.sub(r"[$]text[(](\w+)[)]", words_of, told["sql"])
        selected.append(f"{value} as {name}")
        extra.append({"name": name, "type": told["type"], "label": told[language]})
    sql = (
        "select\n    " + ",\n    ".join(selected) + f"\nfrom marts_history.{mart} as m"
        "\ninner join marts.publication as p on p.publication_id = m.publication_id\n" + _in_force()
    )
    caption = f"caption_{language}" if f"caption_{language}" in dataset.names else None
    about = descriptions.of_mart(mart, dataset.description, language)
    return Source(mart, language, dataset.title[language], sql, (*columns, *extra), caption, about)


def _in_force() -> str:
    """The condition that keeps to the publication in force while no filter names one, and not to several at once."""
    return "{% if filter_values('publication')|length != 1 %}where p.is_current{% endif %}"


def _publication(language: str) -> str:
    """The name of a publication as filters show it; that in force comes first in every order of letters."""
    words = WORDS[language]
    return (
        f"case when p.is_current then '{words['current']}' else '{words['former']}' end || p.publication_id"
        f" || '{words['of']}' || to_char(p.published_at at time zone 'Europe/Berlin', '{words['day']}')"
    )


def _place(mart: str, column: str) -> str:
    if column.endswith("_name"):
        return f"m.{column}"
    return (
        "coalesce((select min(e.region_name) from marts_history.eu2_population as e"
        f" where e.publication_id = m.publication_id and e.region_code = m.{column}), m.{column})"
    )


def _explained(column: str) -> codes.Explained:
    """What the codes of a column mean; of evidence only its name, for its sentence is too long for a cell."""
    if column == "evidence" or column.endswith("_evidence"):
        return EVIDENCE
    return codes.of_column(column)


def _in_words(column: str, explained: codes.Explained, language: Language) -> str:
    cases = " ".join(f"when {_quoted(code)} then {_quoted(text[language])}" for code, text in explained.items())
    return f"case m.{column} {cases} else m.{column} end"


def _code_in_words(match: re.Match[str], language: Language) -> str:
    """What `$text(column)` of a computed column stands for: the code in words."""
    return _in_words(match[1], _explained(match[1]), language)


def _quoted(text: str) -> str:
    # A colon before a letter would be a place holder to SQLAlchemy.
    escaped = re.sub(r":(?=\w)", ":' || '", text.replace("'", "''"))
    return f"'{escaped}'" if escaped == text.replace("'", "''") else f"('{escaped}')"


def _shown(column: str, sign: str | None, form: str, language: str) -> str:
    decimals = int(form.strip(",.f") or 0) if form else 0
    number = f"to_char(m.{column}, 'FM999,999,999,990{'.' + '0' * decimals if decimals else ''}')"
    if language == "de":
        number = f"translate({number}, ',.', '.,')"
    said = f"nullif(m.{sign}, '')" if sign else "null"
    # As a table of official statistics prints it: confidential, or unknown.
    hidden = f"case when m.reason = 'confidential' then '*' else coalesce({said}, '.') end"
    return f"case when m.{column} is null then {hidden} else {number} end"


def _publications(language: Language) -> Source:
    words = WORDS[language]
    sql = f"select {_publication(language)} as publication\nfrom marts.publication as p"
    columns = ({"name": "publication", "type": "text", "label": words["publication"]},)
    return Source("publication", language, words["publication"], sql, columns)


def _add_source(bundle: Bundle, source: Source) -> None:
    bundle.sources[source.name, source.language] = source
    bundle.files[f"datasets/Lagebild/{source.name}_{source.language}.yaml"] = {
        "table_name": f"{source.title} ({source.language})",
        "main_dttm_col": None,
        "description": source.description or None,
        "sql": source.sql,
        "schema": "marts",
        "uuid": source.uuid,
        "metrics": [{"metric_name": "count", "verbose_name": None, "expression": "COUNT(*)"}],
        "columns": [
            {
                "column_name": one["name"],
                "verbose_name": one["label"],
                "is_dttm": one["type"] in ("date", "timestamp"),
                "is_active": True,
                "type": _TYPES.get(one["type"], "TIMESTAMP" if one["type"].startswith("timestamp") else "TEXT"),
                "groupby": True,
                "filterable": True,
                "description": _described(one),
            }
            for one in source.columns
        ],
        "version": "1.0.0",
        "database_uuid": uuid_of("database"),
    }


def _described(column: dict[str, Any]) -> str | None:
    parts = [column.get("description"), f"[{column['unit']}]" if column.get("unit") else None]
    return " ".join(filter(None, parts)) or None


# --- charts and pages ------------------------------------------------------------------------------------------------


@dataclass
class _Page:
    """One dashboard in one language."""

    bundle: Bundle
    name: str
    definition: dict[str, Any]
    language: Language
    charts: list[tuple[str, str, int, Source]] = field(default_factory=list)
    """Name, uuid, number within the dashboard, and source of each chart so far."""

    def add(self) -> None:
        """Add datasets, charts and the dashboard to the bundle."""
        for name, query in self.definition.get("queries", {}).items():
            self._add_query(name, query)
        self._add_filter_values()
        rows = [[self._band()]]
        for row in self.definition["rows"]:
            rows.append([self._column(name, int(12 / len(row))) for name in row])
        title = self.definition["title"][self.language]
        self.bundle.files[f"dashboards/{self.name}_{self.language}.yaml"] = {
            "dashboard_title": title,
            "description": self.definition.get("description", {}).get(self.language),
            "css": "",
            "slug": f"{self.name}-{self.language}",
            "uuid": uuid_of("dashboard", self.name, self.language),
            "position": _position(title, rows),
            "metadata": {
                "native_filter_configuration": list(self._filters()),
                "cross_filters_enabled": False,
                "refresh_frequency": 0,
            },
            "published": True,
            "version": "1.0.0",
        }

    def _text(self, told: dict[str, str] | str | None) -> str:
        return told if isinstance(told, str) else (told or {}).get(self.language, "")

    def _source(self, name: str) -> Source:
        known = self.bundle.sources
        if (name, self.language) in known:
            return known[name, self.language]
        near = did_you_mean(name, [one for one, _ in known])
        raise UserError(f"bi/dashboards/{self.name}.yml: there is no mart or query {name!r}{near}")

    def _add_query(self, name: str, query: dict[str, Any]) -> None:
        columns = tuple(
            {"name": column, "label": told[self.language], **{k: v for k, v in told.items() if k not in ("de", "en")}}
            for column, told in query["columns"].items()
        )
        sql = query["sql"].replace("$publication", _publication(self.language)).replace("$in_force", _in_force())
        sql = sql.replace("$district_tiles", _tiles())
        for key, words in query.get("words", {}).items():
            sql = sql.replace(f"${key}", _quoted(words[self.language]))
        _add_source(self.bundle, Source(name, self.language, query["title"][self.language], sql.strip(), columns))

    def _add_filter_values(self) -> None:
        """Places and years of the dashboard's marts: what its filters offer."""
        words, parts = WORDS[self.language], []
        for name in sorted({chart["mart"] for chart in self.definition["charts"].values()}):
            source = self._source(name)
            if {"publication", "place", "year"} <= source.names:
                parts.append(f"select place, year from (\n{source.sql}\n) as one")
        sql = "\nunion\n".join(parts) or "select null::text as place, null::int as year where false"
        columns = (
            {"name": "place", "type": "text", "label": words["place"]},
            {"name": "year", "type": "integer", "label": words["year"]},
        )
        title = f"{self.definition['title'][self.language]}: {words['place']}, {words['year']}"
        _add_source(self.bundle, Source(f"values_{self.name}", self.language, title, sql, columns))

    def _filters(self) -> Iterator[dict[str, Any]]:
        words = WORDS[self.language]
        kinds = (("publication", "publication"), ("place", f"values_{self.name}"), ("year", f"values_{self.name}"))
        for column, source in kinds:
            lacking = [number for _, _, number, of in self.charts if column not in of.names]
            if len(lacking) == len(self.charts):
                continue
            yield {
                "id": f"NATIVE_FILTER-{column}",
                "name": words[column],
                "filterType": "filter_select",
                "type": "NATIVE_FILTER",
                "description": "",
                "targets": [{"datasetUuid": self._source(source).uuid, "column": {"name": column}}],
                "controlValues": {
                    "multiSelect": column != "publication",
                    "enableEmptyFilter": False,
                    "defaultToFirstItem": False,
                    "inverseSelection": False,
                    "searchAllOptions": False,
                },
                "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
                "cascadeParentIds": [],
                "scope": {"rootPath": ["ROOT_ID"], "excluded": lacking},
            }

    def _band(self) -> tuple[int, list[dict[str, Any]]]:
        """A red band while a mart of this dashboard holds synthetic rows of the publication shown."""
        words, name = WORDS[self.language], f"band_{self.name}"
        marts = sorted(
            {one["mart"] for one in self.definition["charts"].values()} | set(self.definition.get("band", []))
        )
        counted = []
        for mart in marts:
            dataset = bi_datasets.load(mart) if (bi_datasets.FOLDER / f"{mart}.yml").exists() else None
            if dataset and "evidence" in dataset.names:
                ends = [n for n in dataset.names if n == "evidence" or n.endswith("_evidence")]
                is_synthetic = " or ".join(f"v.{n} = 'synthetic'" for n in sorted(ends))
                counted.append(
                    "select v.publication_id, count(*) as all_rows,"
                    f" count(*) filter (where {is_synthetic}) as synthetic from marts_history.{mart} as v group by 1"
                )
        text = " || ".join(
            part if part.startswith("sum") else _quoted(part)
            for part in _parts(words["synthetic"], ("sum(c.synthetic)", "sum(c.all_rows)"))
        )
        sql = (
            f"select {_publication(self.language)} as publication, sum(c.synthetic) as synthetic,"
            f" case when sum(c.synthetic) > 0 then 'synthetic' else 'real' end as kind,"
            f" case when sum(c.synthetic) > 0 then {text} else {_quoted(words['real'])} end as said"
            "\nfrom marts.publication as p\ninner join (\n" + "\nunion all\n".join(counted) + "\n) as c"
            " on c.publication_id = p.publication_id\n" + _in_force() + "\ngroup by p.publication_id, p.is_current,"
            " p.published_at"
        )
        labels = {"publication": words["publication"], "synthetic": "synthetic", "kind": "kind", "said": "said"}
        columns = tuple(
            {"name": n, "type": "bigint" if n == "synthetic" else "text", "label": label} for n, label in labels.items()
        )
        title = f"{words['band']}: {self.definition['title'][self.language]}"
        _add_source(self.bundle, Source(name, self.language, title, sql, columns))
        template = (
            '{{#each data}}<div class="band {{kind}}">{{said}} '
            + words["publication"]
            + ": {{publication}}. "
            + words["signs"]
            + "</div>{{/each}}"
        )
        chart = self._add_chart(name, title, self._source(name), _template(template, ["kind", "said", "publication"]))
        return 12, [_leaf(*chart, title, 12, 18)]

    def _column(self, name: str, width: int) -> tuple[int, list[dict[str, Any]]]:
        """A chart and its note."""
        told = self.definition["charts"][name]
        source, title = self._source(told["mart"]), self._text(told["title"])
        self._refuse_unknown(name, told, source)
        params = _KINDS[told["kind"]](told, source, self.language)
        if told.get("where"):
            params["adhoc_filters"] = [_condition(told["where"])]
        about = self._text(told.get("about"))
        chart = self._add_chart(name, title, source, params, about)
        note = self._note(name, title, told, source)
        return width, [
            _leaf(*chart, title, width, told.get("height", 50)),
            _leaf(*note, WORDS[self.language]["note"], width, told.get("note_height", NOTE_HEIGHT)),
        ]

    def _refuse_unknown(self, name: str, told: dict[str, Any], source: Source) -> None:
        """UserError if a chart names a column that its mart does not have."""
        named = [*told.get("columns", []), *told.get("measures", []), *told.get("order", [])]
        named += [told[key] for key in ("x", "y", "series", "from", "to") if told.get(key)]
        for column in (one.lstrip("-").replace("$language", self.language) for one in named):
            if column not in source.names:
                raise UserError(
                    f"bi/dashboards/{self.name}.yml: charts.{name}: {told['mart']} has no column {column!r}",
                    remedy=f"{did_you_mean(column, source.names)}its columns: bi/datasets/{told['mart']}.yml",
                )

    def _note(self, name: str, title: str, told: dict[str, Any], source: Source) -> tuple[str, int]:
        words = WORDS[self.language]
        metrics = [_metric("COUNT(*)", "rows")]
        if day := next((n for n in ("reference_date", "year", "as_of_day") if n in source.names), None):
            value = f"to_char({day}, '{words['day']}')" if day != "year" else f"{day}::text"
            least, most = (f"{value.replace(day, f'{f}({day})', 1)}" for f in ("min", "max"))
            metrics.append(
                _metric(f"case when min({day}) = max({day}) then {most} else {least} || '–' || {most} end", "as_of")
            )
        if "evidence_text" in source.names:
            metrics.append(_metric("string_agg(distinct evidence_text, ', ')", "evidence"))
        if source.caption:
            metrics.append(_metric(f"string_agg(distinct {source.caption}, ' ')", "caption"))
        parts = []
        if "publication" in source.names:
            parts.append(f"<b>{words['publication']}:</b> {{{{publication}}}}")
        if day:
            parts.append(f"<b>{words['as_of']}:</b> {{{{as_of}}}}")
        evidence = (
            "{{evidence}}" if "evidence_text" in source.names else self._text(told.get("evidence")) or words["none"]
        )
        parts.append(f"<b>{words['evidence']}:</b> {evidence}")
        about = self._text(told.get("about"))
        caption = " ".join(filter(None, [about, "{{caption}}" if source.caption else ""])) or words["none"]
        line = " · ".join(parts) + f"<br><b>{words['caption']}:</b> {caption}"
        template = (
            '{{#each data}}<div class="note">' + line + "</div>{{else}}"
            f'<div class="note">{words["empty"]} {about}</div>'
            "{{/each}}"
        )
        params = _template(template, ["publication"] if "publication" in source.names else [], metrics)
        if told.get("where"):
            params["adhoc_filters"] = [_condition(told["where"])]
        return self._add_chart(f"{name}_note", f"{title}: {words['note']}", source, params)

    def _add_chart(
        self, name: str, title: str, source: Source, params: dict[str, Any], about: str = ""
    ) -> tuple[str, int]:
        uuid = uuid_of("chart", self.name, name, self.language)
        number = len(self.charts) + 1
        self.charts.append((name, uuid, number, source))
        params = {"row_limit": 1000, "adhoc_filters": [], **params}
        self.bundle.files[f"charts/{self.name}_{name}_{self.language}.yaml"] = {
            "slice_name": title,
            "description": about or None,
            "viz_type": params["viz_type"],
            "params": params,
            "query_context": json.dumps(_query_context(params)),
            "uuid": uuid,
            "version": "1.0.0",
            "dataset_uuid": source.uuid,
        }
        return uuid, number


def _parts(text: str, values: tuple[str, ...]) -> Iterator[str]:
    pieces = text.split("{}")
    for position, piece in enumerate(pieces):
        yield piece
        if position < len(values):
            yield values[position]


def _metric(sql: str, label: str, column: str = "") -> dict[str, Any]:
    return {"expressionType": "SQL", "sqlExpression": sql, "label": label, "hasCustomLabel": True,
            "optionName": f"metric_{label}"}  # fmt: skip


def _condition(sql: str) -> dict[str, Any]:
    return {"expressionType": "SQL", "sqlExpression": sql, "clause": "WHERE"}


def _measures(told: dict[str, Any], source: Source) -> list[dict[str, Any]]:
    """Sums, with the label of the column; a sum of nothing is nothing, not zero."""
    return [_metric(f"SUM({name})", source.label(name)) for name in told["measures"]]


def _table(told: dict[str, Any], source: Source, language: str) -> dict[str, Any]:
    names = [name.replace("$language", language) for name in told["columns"]]
    shown = [name if f"{name}_text" not in source.names else f"{name}_text" for name in names]
    order = [name.replace("$language", language) for name in told.get("order", [])]
    order = [json.dumps([name.lstrip("-"), not name.startswith("-")]) for name in order]
    return {
        "viz_type": "table",
        "query_mode": "raw",
        "all_columns": shown,
        "order_by_cols": order,
        "row_limit": told.get("rows", 1000),
        "server_pagination": False,
        "page_length": told.get("page", 0),
        "include_search": bool(told.get("page")),
        "column_config": {name: {"d3NumberFormat": source.form(name)} for name in shown if source.form(name)},
        "table_timestamp_format": "%d.%m.%Y" if language == "de" else "%Y-%m-%d",
        "show_cell_bars": False,
        "allow_render_html": False,
    }


def _series(told: dict[str, Any], source: Source, language: str) -> dict[str, Any]:
    is_line = told["kind"] == "lines"
    axis = told["x"]
    return {
        "viz_type": f"echarts_timeseries_{'line' if is_line else 'bar'}",
        "x_axis": axis,
        "time_grain_sqla": None,
        "xAxisForceCategorical": not is_line,
        "x_axis_sort_asc": True,
        "metrics": _measures(told, source),
        "groupby": [told["series"]] if told.get("series") else [],
        "stack": "Stack" if told.get("stacked") else None,
        "orientation": "horizontal" if told.get("horizontal") else "vertical",
        "row_limit": 10000,
        "truncate_metric": True,
        "show_legend": True,
        "legendType": "scroll",
        "legendOrientation": "top",
        "rich_tooltip": True,
        "show_value": bool(told.get("values")),
        "only_total": True,
        "y_axis_format": source.form(told["measures"][0]).replace(".2f", ".0f") or ",.0f",
        "x_axis_time_format": "%d.%m.%Y" if language == "de" else "%Y-%m-%d",
        "tooltipTimeFormat": "%d.%m.%Y" if language == "de" else "%Y-%m-%d",
        "markerEnabled": is_line,
        "markerSize": 6,
        # A break in a series is a break in its line.
        "connectNulls": False,
        "truncateYAxis": False,
        "y_axis_bounds": [None, None],
        "comparison_type": "values",
        "annotation_layers": [],
    }


def _waterfall(told: dict[str, Any], source: Source, language: str) -> dict[str, Any]:
    return {
        "viz_type": "waterfall",
        "x_axis": told["x"],
        "groupby": [],
        "metric": _measures(told, source)[0],
        "row_limit": 100,
        "show_value": True,
        "y_axis_format": ",.2f",
        "x_axis_sort_asc": True,
        "show_legend": True,
    }


def _timeline(told: dict[str, Any], source: Source, language: str) -> dict[str, Any]:
    return {
        "viz_type": "gantt_chart",
        "start_time": told["from"],
        "end_time": told["to"],
        "y_axis": told["y"],
        "series": told.get("series"),
        "subcategories": False,
        "row_limit": 1000,
        "tooltip_columns": told.get("columns", []),
        "x_axis_time_format": "%Y",
        # Room for the names of programmes.
        "y_axis_title": " ",
        "y_axis_title_margin": 330,
        "y_axis_title_position": "Left",
        "show_legend": True,
        "legendOrientation": "top",
        "legendType": "scroll",
    }


def _cartogram(told: dict[str, Any], source: Source, language: str) -> dict[str, Any]:
    template = (
        '<div class="tiles">{{#each data}}<div class="tile" style="grid-column:{{tile_column}};grid-row:{{tile_row}};'
        'background:{{background}};color:{{ink}}">{{short_name}}<br><b>{{shown}}</b></div>{{/each}}</div>'
    )
    return _template(template, ["tile_column", "tile_row", "short_name", "shown", "background", "ink"])


def _template(template: str, columns: list[str], metrics: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A chart that a template lays out; the values are escaped."""
    return {
        "viz_type": "handlebars",
        "query_mode": "aggregate",
        "groupby": columns,
        "metrics": metrics or [],
        "handlebarsTemplate": template,
        "styleTemplate": _STYLE,
        "row_limit": 100,
    }


_KINDS = {
    "table": _table,
    "bars": _series,
    "lines": _series,
    "waterfall": _waterfall,
    "timeline": _timeline,
    "cartogram": _cartogram,
}


def _query_context(params: dict[str, Any]) -> dict[str, Any]:
    """What `GET /api/v1/chart/<id>/data/` asks; the page itself makes it anew with the reader's filters."""
    conditions = [one["sqlExpression"] for one in params["adhoc_filters"]]
    metrics = params.get("metrics") or ([params["metric"]] if params.get("metric") else [])
    kind = params["viz_type"]
    columns = {
        "table": params.get("all_columns"),
        "gantt_chart": [params.get("y_axis"), params.get("start_time"), params.get("end_time"), params.get("series")],
    }.get(kind, [params.get("x_axis"), *params.get("groupby", [])])
    is_raw = kind in ("table", "gantt_chart")
    return {
        "datasource": {"id": 0, "type": "table"},  # Superset fills in its own number
        "force": False,
        "queries": [
            {
                "columns": [one for one in columns or [] if one],
                "metrics": None if is_raw else metrics,
                "orderby": [json.loads(one) for one in params.get("order_by_cols", [])],
                "row_limit": params["row_limit"],
                "filters": [],
                "extras": {"where": " AND ".join(f"({one})" for one in conditions), "having": ""},
                "annotation_layers": [],
                "applied_time_extras": {},
                "url_params": {},
                "custom_params": {},
                "custom_form_data": {},
            }
        ],
        "form_data": {},
        "result_format": "json",
        "result_type": "full",
    }


def _tiles() -> str:
    """The 53 districts as rows of VALUES: key, short name, column and row of the tile."""
    with open(FOLDER / "districts.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return ", ".join(f"('{r['district']}', {_quoted(r['short_name'])}, {r['column']}, {r['row']})" for r in rows)


def _leaf(uuid: str, number: int, title: str, width: int, height: int) -> dict[str, Any]:
    meta = {"chartId": number, "uuid": uuid, "sliceName": title, "sliceNameOverride": title,
            "width": width, "height": height}  # fmt: skip
    return {"type": "CHART", "id": f"CHART-{number}", "children": [], "meta": meta}


def _position(title: str, rows: list[list[tuple[int, list[dict[str, Any]]]]]) -> dict[str, Any]:
    """Superset's tree of rows, columns and charts."""
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": [], "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": title}},
    }
    for number, row in enumerate(rows):
        of_row = {"type": "ROW", "id": f"ROW-{number}", "children": [], "parents": ["ROOT_ID", "GRID_ID"],
                  "meta": {"background": "BACKGROUND_TRANSPARENT"}}  # fmt: skip
        position["GRID_ID"]["children"].append(of_row["id"])
        position[of_row["id"]] = of_row
        for place, (width, leaves) in enumerate(row):
            column = {"type": "COLUMN", "id": f"COLUMN-{number}-{place}", "children": [leaf["id"] for leaf in leaves],
                      "parents": [*of_row["parents"], of_row["id"]],
                      "meta": {"background": "BACKGROUND_TRANSPARENT", "width": width}}  # fmt: skip
            of_row["children"].append(column["id"])
            position[column["id"]] = column
            for leaf in leaves:
                position[leaf["id"]] = leaf | {"parents": [*column["parents"], column["id"]]}
    return position
