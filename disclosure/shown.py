"""What readers see: the candidate's marts and every publication in force for them, each content read once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import dict_row

from disclosure.equations import CANDIDATE

Row = dict[str, Any]


@dataclass(frozen=True)
class Publication:
    """Number (`CANDIDATE` is the one to come), build, and mart -> content, None for the candidate's."""

    number: int
    build_id: int
    contents: dict[str, int | None]


class Shown:
    """The publications that readers see and the candidate; rows are read when first asked for."""

    def __init__(self, connection: Connection, build_id: int):
        self._connection = connection
        self._rows: dict[tuple[str, int | None, str], list[Row]] = {}
        contents: dict[int, dict[str, int | None]] = defaultdict(dict)
        builds: dict[int, int] = {}
        # A publication from before the protection is not in the readers' views.
        for number, build, mart, content in connection.execute(
            "select p.publication_id, p.build_id, m.mart, m.content_id from published.publication as p"
            " inner join published.publication_mart as m on p.publication_id = m.publication_id"
            " where p.is_protected order by p.publication_id"
        ):
            contents[number][mart] = content
            builds[number] = build
        self.candidate = Publication(CANDIDATE, build_id, defaultdict(lambda: None))
        self._all = [self.candidate, *(Publication(n, builds[n], contents[n]) for n in sorted(contents))]

    def publications(self, *marts: str) -> Iterator[Publication]:
        """The candidate, then each publication in which one of these marts has a content that none before had."""
        seen: set[tuple[int | None, ...]] = set()
        for publication in self._all:
            key = tuple(publication.contents.get(mart) for mart in marts)
            if publication is self.candidate or (any(key) and key not in seen):
                seen.add(key)
                yield publication

    def rows(self, publication: Publication, mart: str, where: str = "true") -> list[Row]:
        """Rows of a mart in a publication; none where it did not hold the mart. `where` is ours, never a user's."""
        if publication is not self.candidate and mart not in publication.contents:
            return []
        content = publication.contents[mart]
        key = (mart, content, where)
        if key not in self._rows:
            schema = "build" if content is None else "published"
            query = sql.SQL("select * from {} where ({}) and {}").format(
                sql.Identifier(schema, mart),
                sql.SQL(where),
                sql.SQL("true") if content is None else sql.SQL("content_id = {}").format(content),
            )
            self._rows[key] = self.query(query)
        return self._rows[key]

    def query(self, query: Any, parameters: Sequence[Any] | None = None) -> list[Row]:
        """Rows of any statement, as dictionaries."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()
