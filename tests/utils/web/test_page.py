"""Tables and shells are plain, safe HTML."""

from __future__ import annotations

import hashlib
import math
import re

from utils.web.charts import DAY_CHART, LIBRARY, NOTICE, VENDOR, script
from utils.web.page import page, table_html
from utils.web.text import money, number, share, signed


def test_figures_as_words() -> None:
    assert [money(x) for x in (1234.5, -0.75, 0.001, math.nan)] == ["+$1,234.50", "-$0.75", "$0.00", "-"]
    assert [signed(x) for x in (1.0, -1.0, -0.001)] == ["+1.00", "-1.00", "0.00"]
    assert [share(x) for x in (0.125, -0.5, math.nan)] == ["12 %", "-50 %", "-"]
    assert [number(x) for x in (1.0, math.inf, math.nan)] == ["1.00", "inf", "-"]


def test_a_page_escapes_its_title_and_loads_nothing() -> None:
    made = page("a <b> & c", "<p>body</p>", tags=["SYNTHETIC & more"])
    assert "<title>a &lt;b&gt; &amp; c</title>" in made
    assert "SYNTHETIC &amp; more" in made
    assert not re.search(r"(src|href)=.https?:", made)


def test_a_table_tells_words_from_figures() -> None:
    made = table_html(["name", "P&L"], [["<x>", "+$1.00"], ["y", "-$1.00"], ["z", "-"]])
    assert "<td>&lt;x&gt;</td>" in made
    assert '<td class="num pos">+$1.00</td>' in made
    assert '<td class="num neg">-$1.00</td>' in made
    assert '<td class="num">-</td>' in made


def test_vendored_files_are_what_their_readme_says() -> None:
    told = dict(re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", (VENDOR / "README.md").read_text(), re.MULTILINE))
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in VENDOR.iterdir() if p.name != "README.md"}
    assert told == found


def test_the_library_is_attributed_as_its_licence_asks() -> None:
    assert "TradingView" in NOTICE
    assert "https://www.tradingview.com/" in NOTICE
    assert "Apache License" in LIBRARY.read_text()[:400]


def test_a_script_cannot_end_its_element() -> None:
    assert script("x = '</script>'") == "<script>x = '<\\/script>'</script>"
    assert all(path.is_file() for path in DAY_CHART.values())
