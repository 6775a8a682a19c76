# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The differences between parsers that docs/http.md names, and those that the fuzzer and h11's check know."""

import re

from harness import TOP

FUZZ = TOP / "tests" / "host" / "fuzz" / "http"


def rows(page, head):
    """The first cells of a table, of which each may name several."""
    table = page[page.index(head):].partition("\n\n")[0]
    return {name.strip() for row in table.splitlines()[2:] for name in row.split("|")[1].split(", ")}


def test_the_page_has_the_names_of_the_code():
    page = (TOP / "docs" / "http.md").read_text(encoding="utf-8")
    code = (FUZZ / "request_fuzz.cpp").read_text(encoding="utf-8")
    checked = set(re.findall(r'^    "([^"]+)": lambda', (FUZZ / "h11_check").read_text(encoding="utf-8"), re.M))
    parts = re.split(r"constexpr (?:exception|difference) \w+\[\] = ", code)
    excused, differences = (set(re.findall(r'^\t\{ "([^"]+)"', part, re.M)) for part in parts[1:])
    assert rows(page, "| name | refused by | why ktcp accepts | RFC |") == excused | checked
    assert rows(page, "| name | accepted by | why ktcp refuses") == differences - excused
