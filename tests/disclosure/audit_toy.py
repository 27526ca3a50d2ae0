"""Toy marts for the audit: tables of schema `build` as dbt declares them, each case a place of its own.

No dbt runs. Whatever a case does not name is empty. The exact models are as wide as the audit reads them.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import dict_row

from lagebild.core import database
from lagebild.core.settings import Settings
from lagebild.warehouse import marts, publish
from lagebild.warehouse.transform import manifest_path
from tests import publications

DAY, YEAR, METHOD = date(2019, 12, 31), 2019, "dortmund_2019"
EXACT = {
    "int_population__counted_register": "region_code text, reference_date date, bulgaria_persons bigint,"
    " romania_persons bigint, eu2_persons bigint",
    "int_city_district__counted": "region_code text, reference_date date, city_district text, nationality text,"
    " persons bigint",
    "nationality_group": "nationality_group text, nationality_code text",
    "int_cost__rate": "municipality_ags text, fiscal_year integer, method text, reference_date date,"
    " employees_place_basis text, population_source text default 'register'",
    "published_figure": "mart text, region_code text, reference_year integer, method text",
    "int_cost__component": "municipality_ags text, fiscal_year integer, method text, product_code text,"
    " account_code text, target_group text, source_sha256 text, treatment text, amount_eur numeric,"
    " share_numerator numeric",
    "stg_employment__employees": "region_code text, reference_date date, nationality_group text,"
    " employees_persons bigint",
    "control_total": "source text, measure text, region_code text, reference_year integer, value numeric,"
    " precision_half_width numeric",
    **dict.fromkeys(("cost_method", "cost_basis", "verdict", "lump_sum"), "caption_en text"),
    "delivered_esf": "build_id bigint, source text, source_sha256 text, region_code text, starts_on date,"
    " total_cost_eur numeric, union_share_eur numeric, operation text, line_number bigint, source_file_name text",
    "delivered_federal": "build_id bigint, source_sha256 text, ministry text, recipient_ags text, starts_on date,"
    " federal_amount_eur numeric, line_number bigint, source_file_name text",
}
VIEWS = {"stg_esf__operation": "delivered_esf", "stg_foerderkatalog__project": "delivered_federal"}


class Toy:
    """A candidate under construction; `publish` makes a publication of it and leaves it as it is."""

    def __init__(self, settings: Settings, connection: Connection):
        self._settings, self.connection = settings, connection
        publications.manifest(settings)
        for mart in marts.definitions():
            columns = ", ".join(f'"{name}" {data_type}' for name, (data_type, _) in mart.columns.items())
            self._create(mart.name, columns)
        for name, columns in EXACT.items():
            self._create(name, columns)
        self.build_id = 0
        self.begin()

    def _create(self, name: str, columns: str) -> None:
        self.connection.execute(f"drop table if exists build.{name} cascade")
        self.connection.execute(f"create table build.{name} ({columns})")

    def begin(self) -> int:
        """Another build, whose staging views read what it delivers."""
        (self.build_id,) = self.connection.execute(
            "insert into raw.build (state, code_version, fingerprint) values ('running', '1', 'toy') returning build_id"
        ).fetchone()
        self.show(self.build_id)
        return self.build_id

    def show(self, build_id: int) -> None:
        """Let the staging views read what this build delivers."""
        self.build_id = build_id
        for view, table in VIEWS.items():
            self.connection.execute(
                f"create or replace view build.{view} as select {', '.join(_columns(table)[1:])} from build.{table}"
                f" where build_id = {build_id}"
            )

    def deliver_again(self) -> None:
        """This build reads what the one before it did."""
        for table in VIEWS.values():
            columns = ", ".join(_columns(table)[1:])
            self.connection.execute(
                f"insert into build.{table} select {self.build_id}, {columns} from build.{table}"
                f" where build_id = {self.build_id - 1}"
            )

    def put(self, table: str, *rows: Mapping[str, Any]) -> None:
        for row in rows:
            self.connection.execute(
                sql.SQL("insert into build.{} ({}) values ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join([sql.Placeholder()] * len(row)),
                ),
                list(row.values()),
            )

    def rows(self, table: str) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(f"select * from build.{table}").fetchall()

    def clear(self) -> None:
        """No rows in the marts any more, and no exact ones: what was delivered for earlier builds stays."""
        for name in [mart.name for mart in marts.definitions()] + [n for n in EXACT if not n.startswith("delivered")]:
            self.connection.execute(f"delete from build.{name}")

    def publish(self) -> int:
        return publish.publish(self.connection, self.build_id, "toy", manifest_path(self._settings))

    def register(
        self,
        place: str,
        exact: tuple[int, int, int],
        shown: tuple[int | None, int | None, int | None],
        day: date = DAY,
        **more: Any,
    ) -> None:
        """Exact counts of Bulgarians, Romanians and both, and what `eu2_population` shows of them."""
        columns = ("bulgaria_persons", "romania_persons", "eu2_persons")
        key = {"region_code": place, "reference_date": day}
        self.put("int_population__counted_register", key | dict(zip(columns, exact, strict=True)))
        rest = {"source": "register"}
        self.put("eu2_population", key | rest | dict(zip(columns, shown, strict=True)) | more)
        self.put("eu2_population_unmasked", key | rest | dict(zip(columns, exact, strict=True)))

    def cost(self, place: str, **more: Any) -> None:
        """A row of `cost_per_person` over the register of the day."""
        self.put("cost_per_person", cost_key(place) | {"reference_date": DAY, "population_source": "register"} | more)

    def node(self, mart: str, row_key: str, figure: str, label: str, value: Any, **more: Any) -> None:
        row = {"mart": mart, "row_key": row_key, "figure": figure, "label": label, "value": value}
        self.put("provenance", row | {"node_kind": "component"} | more)

    def grants(
        self,
        source: str,
        years: Mapping[str, Iterable[int]],
        hidden: Iterable[str] = (),
        state: str = "09",
        sha256: str | None = None,
        period: str = "2014-2020",
        titles: str = "",
    ) -> str:
        """A list of grants, EUR by year, as this build reads it, and its rows of `funding_granted`; its SHA-256.

        `titles` is what the titles of its grants begin with.
        """
        amounts = {year: list(eur) for year, eur in years.items()}
        sha256 = sha256 or hashlib.sha256(repr((source, amounts, titles)).encode()).hexdigest()
        line = 0
        for year, units in amounts.items():
            seen: dict[int, int] = {}
            for eur in units:
                line += 1
                seen[eur] = seen.get(eur, 0) + 1
                self.put(
                    "delivered_esf",
                    {
                        "build_id": self.build_id,
                        "source": source,
                        "source_sha256": sha256,
                        "region_code": state,
                        "starts_on": date(int(year), 1, 1),
                        "total_cost_eur": eur,
                        "union_share_eur": eur / 2,
                        "operation": f"{titles}{year} {eur} {seen[eur]}",
                        "line_number": line,
                    },
                )
        amounts["all"] = [eur for units in amounts.values() for eur in units]
        for year, units in amounts.items():
            figures = {"operations": len(units), "total_cost_eur": sum(units), "granted_eur": sum(units) / 2}
            shown = {} if year in hidden else figures
            key = {"source": source, "period": period, "funder": "EU", "region_code": state, "begin_year": year}
            self.put("funding_granted", key | {"source_sha256": sha256} | shown)
        return sha256


def _columns(table: str) -> list[str]:
    return [column.split()[0] for column in EXACT[table].split(",")]


def cost_key(place: str) -> dict[str, Any]:
    return {"municipality_ags": place, "reference_year": YEAR, "method": METHOD}


def toy(settings: Settings) -> tuple[Toy, Connection]:
    """A toy and its connection, which the caller closes."""
    connection = database.connect(settings, database.ADMIN).__enter__()
    return Toy(settings, connection), connection
