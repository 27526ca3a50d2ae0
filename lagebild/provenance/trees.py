"""The trees of figures as the mart `provenance` holds them: a row a node, read into nodes with their children."""

from collections import defaultdict
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

TreeKey = tuple[str, str, str]  # mart, row_key, figure
_REFERENCE = ("refers_to_mart", "refers_to_row_key", "refers_to_figure")


def trees(connection: Connection, publication_id: int, mart: str, row_keys: list[str]) -> dict[str, list[dict]]:
    """The trees of a mart's rows in a publication, by row key, one a figure.

    A node has the mart's columns that are not empty, and `children`, in the order of the operation. A reference has
    one child: the node that it leads to, with all that is below it. Without a tree the row key is missing (a
    publication from before there were trees).
    """
    known: dict[TreeKey, dict[str, dict]] = {}
    wanted = {(mart, key, None) for key in row_keys}
    while wanted:
        found = _nodes(connection, publication_id, wanted)
        known |= found
        references = {
            tuple(node[name] for name in _REFERENCE)
            for nodes in found.values()
            for node in nodes.values()
            if node["node_kind"] == "figure_reference"
        }
        wanted = references - set(known)
        if not found:
            break  # a reference that leads nowhere stays without a child
    by_row = defaultdict(list)
    for tree_mart, row_key, figure in sorted(known):
        if tree_mart == mart and row_key in row_keys:
            by_row[row_key].append(_grown(known, (tree_mart, row_key, figure), "1", ()))
    return dict(by_row)


def hashes(tree: dict[str, Any]) -> set[str]:
    """SHA-256 of every delivery that a tree's leaves were read from."""
    return {tree.get("sha256")}.union(*map(hashes, tree["children"])) - {None}


def _nodes(connection: Connection, publication_id: int, wanted: set[tuple]) -> dict[TreeKey, dict[str, dict]]:
    """Nodes of the trees wanted (mart, row key, figure or None for all figures), by tree and path, in their order."""
    marts, row_keys, figures = zip(*wanted, strict=True)
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "select p.* from marts_history.provenance as p inner join"
            " unnest(%s::text[], %s::text[], %s::text[]) as w (mart, row_key, figure)"
            " on p.mart = w.mart and p.row_key = w.row_key and (w.figure is null or p.figure = w.figure)"
            " where p.publication_id = %s order by p.mart, p.row_key, p.figure, p.node_order",
            [list(marts), list(row_keys), list(figures), publication_id],
        ).fetchall()
    found: dict[TreeKey, dict[str, dict]] = defaultdict(dict)
    for row in rows:
        found[row["mart"], row["row_key"], row["figure"]][row["node_path"]] = row
    return dict(found)


def _grown(known: dict[TreeKey, dict[str, dict]], tree: TreeKey, path: str, above: tuple) -> dict[str, Any]:
    """A node with its children; `above` are the references on the way, none of which is followed twice."""
    node = known[tree][path]
    children = [
        _grown(known, tree, child, above) for child, below in known[tree].items() if below["parent_path"] == path
    ]
    if node["node_kind"] == "figure_reference":
        target, target_path = tuple(node[name] for name in _REFERENCE), node["refers_to_path"]
        if target_path in known.get(target, {}) and (target, target_path) not in above:
            children = [_grown(known, target, target_path, (*above, (target, target_path)))]
    shown = {name: value for name, value in node.items() if value is not None and name != "publication_id"}
    return {**shown, "children": children}
