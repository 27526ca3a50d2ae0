"""Raw tables: one a contract, made and widened from it."""

from psycopg import Connection, sql

from ingest.contracts import EVIDENCE, Contract
from ingest.loading.snapshots import views
from lagebild.core.database import BUILDER, LOADER
from lagebild.core.errors import UserError


def check(connection: Connection, *contracts: Contract) -> None:
    """Refuse a column whose type changed: history would be cast in silence."""
    existing = _columns(connection)
    for contract in contracts:
        for name, sql_type in contract.columns:
            found = existing.get((contract.table, name), sql_type)
            if found != sql_type:
                raise UserError(
                    f"{contract.path}:{contract.line_of(f'name: {name}')}: {name} is {found} in raw.{contract.table}"
                    f" and {sql_type} in the contract",
                    remedy="give the changed column a new name",
                )


def sync(connection: Connection, contract: Contract) -> None:
    """Make `raw.<source>__<entity>`, or add the columns that the contract gained; refuse as `check` does.

    What the source is about goes into `raw.source`.
    """
    check(connection, contract)
    table = sql.Identifier("raw", contract.table)
    connection.execute(
        sql.SQL(
            "create table if not exists {} ("
            "delivery_id bigint not null, line_number bigint not null, "
            "evidence text not null check (evidence in ({})))"
        ).format(table, sql.SQL(", ").join(map(sql.Literal, EVIDENCE)))
    )
    # No primary and no foreign key: they would cost more than the rows themselves. The one who loads counts a file's
    # lines upwards, and writes the ledger's row in the same transaction.
    index = sql.SQL("create index if not exists {} on {} using brin (delivery_id, line_number)")
    connection.execute(index.format(sql.Identifier(f"{contract.table}_by_delivery"), table))
    existing = _columns(connection)
    for name, sql_type in contract.columns:
        if (contract.table, name) not in existing:
            connection.execute(
                sql.SQL("alter table {} add column {} {}").format(table, sql.Identifier(name), sql.SQL(sql_type))
            )
    for name, meaning in contract.meanings.items():
        connection.execute(sql.SQL("comment on column {}.{} is {}").format(table, sql.Identifier(name), meaning))
    connection.execute(sql.SQL("comment on table {} is {}").format(table, contract.title))
    connection.execute(sql.SQL("grant select, insert on {} to {}").format(table, sql.Identifier(LOADER)))
    connection.execute(sql.SQL("grant select on {} to {}").format(table, sql.Identifier(BUILDER)))
    if contract.history is not None:
        views.sync(connection, contract)
    connection.execute(
        "insert into raw.source (source, is_about_persons) values (%s, %s)"
        " on conflict (source) do update set is_about_persons = excluded.is_about_persons"
        " where source.is_about_persons <> excluded.is_about_persons",
        [contract.source, contract.has_personal_fields],
    )


def _columns(connection: Connection) -> dict[tuple[str, str], str]:
    """(table, column) -> type, of every table in schema `raw`."""
    rows = connection.execute(
        "select c.relname, a.attname, format_type(a.atttypid, null) from pg_class as c"
        " inner join pg_attribute as a on c.oid = a.attrelid where c.relnamespace = to_regnamespace('raw')"
        " and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped"
    ).fetchall()
    return {(table, column): sql_type for table, column, sql_type in rows}
