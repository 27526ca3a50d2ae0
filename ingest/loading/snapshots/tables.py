"""The names of a history's tables and views."""

from psycopg import sql

from ingest.contracts import Contract


def table_of(contract: Contract) -> sql.Identifier:
    return sql.Identifier("raw", contract.table)


def end_table_of(contract: Contract) -> sql.Identifier:
    return view_of(contract, "end")


def view_of(contract: Contract, name: str) -> sql.Identifier:
    return sql.Identifier("raw", f"{contract.table}_{name}")


def day_of(contract: Contract) -> sql.Identifier:
    return sql.Identifier(contract.history)
