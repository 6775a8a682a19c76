# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The programs that docs/http.md names, and those that do their jobs in tests/clients."""

from harness import TOP, check


def test_the_page_has_a_row_for_each_client():
    suite = check.load("clients")
    expected = [[job.words, job.outcome] for job in (*suite.jobs(), *suite.ELSEWHERE)]
    page = (TOP / "docs" / "http.md").read_text(encoding="utf-8")
    table = page[page.index("| client | job | outcome |"):].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")[1:]] for row in table.splitlines()[2:]]
    assert rows == expected
