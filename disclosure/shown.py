"""What readers see: every publication that they read and the candidate's marts, each content read once."""

import copy
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
    """The publications that readers see, and last the candidate; rows are read when first asked for."""

    def __init__(self, connection: Connection, build_id: int):
        self._connection = connection
        self._rows: dict[tuple[str, int | None, str], list[Row]] = {}
        contents: dict[int, dict[str, int | None]] = defaultdict(dict)
        builds: dict[int, int] = {}
        protected: set[int] = set()
        for number, build, is_protected, mart, content in connection.execute(
            "select p.publication_id, p.build_id, p.is_protected, m.mart, m.content_id from published.publication as p"
            " inner join published.publication_mart as m on p.publication_id = m.publication_id"
            " where p.is_protected or exists (select from release.register as r"
            " where r.publication_id = p.publication_id)"
        ):
            contents[number][mart] = content
            builds[number] = build
            protected |= {number} if is_protected else set()
        self.candidate = Publication(CANDIDATE, build_id, defaultdict(lambda: None))
        self._every = [Publication(n, builds[n], contents[n]) for n in sorted(contents)]
        # A publication from before the protection is not in the readers' views.
        self._all = [*(one for one in self._every if one.number in protected), self.candidate]
        self.handed_out: frozenset[int] = frozenset()
        """Publications from before the protection that count as known."""

    def recipients(self) -> dict[frozenset[int], list[str]]:
        """Publications from before the protection of which packages were handed out, and who has just these."""
        had: dict[str, set[int]] = defaultdict(set)
        for recipient, number in self._connection.execute(
            "select r.recipient, r.publication_id from release.register as r"
            " inner join published.publication as p on r.publication_id = p.publication_id where not p.is_protected"
        ):
            had[recipient].add(number)
        found: dict[frozenset[int], list[str]] = defaultdict(list)
        for recipient, numbers in sorted(had.items()):
            found[frozenset(numbers)].append(recipient)
        return found

    def beside(self, handed_out: frozenset[int]) -> "Shown":
        """The same for who has these publications, too; what was read is known to both."""
        other = copy.copy(self)
        seen = {one.number for one in self._all} | handed_out
        other._all = [*(one for one in self._every if one.number in seen), self.candidate]
        other.handed_out = handed_out
        return other

    def publications(self, *marts: str) -> Iterator[Publication]:
        """Each publication in which one of these marts has a content that none before had, and last the candidate."""
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
