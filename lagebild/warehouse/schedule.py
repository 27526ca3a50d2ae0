"""Copy due dates from the contracts to `quality.source_schedule`, where the calendar reads them."""

from psycopg import Connection

from ingest.contracts import Contract

_COLUMNS = ("source", "owner", "every", "lag", "first_on", "reason", "retired_on", "retired_reason")


def sync(connection: Connection, contracts: list[Contract]) -> None:
    """Update the table from the contracts; sources without a contract are removed from it."""
    connection.execute("delete from quality.source_schedule")
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into quality.source_schedule ({', '.join(_COLUMNS)}) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [_row(contract) for contract in contracts],
        )


def _row(contract: Contract) -> tuple:
    due, retired = contract.due, contract.retired
    return (
        contract.source,
        contract.owner,
        None if due.lag is None else due.every,
        None if due.lag is None else due.lag.text,
        due.first,
        due.reason,
        retired.on if retired else None,
        retired.reason if retired else None,
    )
