"""The bench of the audit: its tables are what it says they are, and its page says what was measured."""

from disclosure import solve
from tests.bench import audit, page


def test_a_table_has_the_hidden_cells_that_are_asked_for_and_hides_them():
    rows, columns, hidden = audit.ASKED
    counts, cells = audit.table(rows, columns, hidden)
    assert (len(counts), len(counts[0]), len(cells)) == (rows, columns, hidden)
    assert {(r, c) for r in range(rows) for c in range(columns) if counts[r][c] < 3} <= cells
    assert solve.audit(audit.problem(counts, cells, 0), seconds=60) == []
    small = next(cell for cell in sorted(cells) if counts[cell[0]][cell[1]] < 3)
    findings = solve.audit(audit.problem(counts, cells - {small}, 0), seconds=60)
    assert any(finding.requirement.source.key == f"{small[0]} {small[1]}" for finding in findings)


def test_publications_that_say_the_same_again_add_no_equation():
    counts, cells = audit.table(10, 5)
    known = [len(audit.problem(counts, cells, earlier).equations) for earlier in (0, 10, 50, 200)]
    assert known[0] < known[1] == known[2] == known[3]


def test_the_section_says_whether_the_time_is_kept_and_leaves_the_rest_of_the_page(tmp_path):
    def audited(earlier: int, seconds: float) -> audit.Audited:
        return audit.Audited(53, 8, earlier, 102, seconds, 0, solve.Work(424, 1, 2))

    path = tmp_path / "benchmarks.md"
    path.write_text("# Benchmarks\n\nrows: 5\n\n## Publishing\n\npublications: 2\n")
    fast = [audited(0, 0.1), audited(50, 4.0), audited(200, 7.0)]
    slow = [audited(0, 0.1), audited(50, 6.0), audited(200, 13.0)]
    kept = page.render_audit(fast, [], fast, "")
    late = page.render_audit(fast, [], slow, "A busy machine.")
    assert kept.count("| must |") == 5 and "| no " not in kept  # once in the header
    assert late.count("| no ") == 2 and "**A busy machine.**" in late
    page.write_audit(path, late)
    page.write_audit(path, kept)
    assert path.read_text().count("disclosure audit") == 1 and "publications: 2" in path.read_text()
