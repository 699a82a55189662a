"""What a notebook shows of results."""

from __future__ import annotations

import splitgym


def test_results_show_themselves_as_one_line_and_as_a_table() -> None:
    results = splitgym.evaluate({"<b>mine": "random"}, episodes=2)
    assert repr(results) == "<Results: SplitInference-v0, scenario default>"
    html = results._repr_html_()
    assert html.count("<table>") == 1
    assert "&lt;b&gt;mine" in html
    assert "<b>" not in html
