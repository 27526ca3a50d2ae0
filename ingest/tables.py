"""Raw tables: one a contract, made and widened from it."""

from psycopg import Connection, sql

from ingest import history
from ingest.contracts import EVIDENCE, Contract
from lagebild.database import BUILDER, LOADER
from lagebild.errors import UserError


def check(connection: Connection, contract: Contract) -> None:
    """Refuse a column whose type changed: history would be cast in silence."""
    existing = _columns(connection, contract)
    for name, sql_type in contract.columns:
        if existing.get(name, sql_type) != sql_type:
            raise UserError(
                f"{contract.path}:{contract.line_of(f'name: {name}')}: {name} is {existing[name]} in raw."
                f"{contract.table} and {sql_type} in the contract",
                remedy="give the changed column a new name",
            )


def sync(connection: Connection, contract: Contract) -> None:
    """Make `raw.<source>__<entity>`, or add the columns that the contract gained; refuse as `check` does."""
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
    existing = _columns(connection, contract)
    for name, sql_type in contract.columns:
        if name not in existing:
            connection.execute(
                sql.SQL("alter table {} add column {} {}").format(table, sql.Identifier(name), sql.SQL(sql_type))
            )
    for field in contract.fields:
        for name, _ in field.columns:
            connection.execute(
                sql.SQL("comment on column {}.{} is {}").format(table, sql.Identifier(name), field.description)
            )
    connection.execute(sql.SQL("comment on table {} is {}").format(table, contract.title))
    connection.execute(sql.SQL("grant select, insert on {} to {}").format(table, sql.Identifier(LOADER)))
    connection.execute(sql.SQL("grant select on {} to {}").format(table, sql.Identifier(BUILDER)))
    if contract.history is not None:
        history.sync(connection, contract)


def _columns(connection: Connection, contract: Contract) -> dict[str, str]:
    """The columns of the contract's table and their types; none where there is no table yet."""
    rows = connection.execute(
        "select attname, format_type(atttypid, null) from pg_attribute"
        " where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
        [f'raw."{contract.table}"'],
    ).fetchall()
    return dict(rows)
