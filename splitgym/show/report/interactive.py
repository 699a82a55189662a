"""Marks as Plotly's data and layout.  Colours are names such as ``@c3``, which the page looks up in its theme."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from splitgym.show.report.marks import Axis, Cells, Line, Mark, Panel, Point, Rule
from splitgym.show.report.style import DASHES, SYMBOLS, style_of

_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
#: Digits of what is drawn; words say the exact values.
_DIGITS = 5


def plot(panel: Panel, height: int) -> dict[str, Any]:
    """Data and layout of a panel; every trace says in ``meta`` which policy it belongs to."""
    data = [trace for mark in panel.marks for trace in _traces(mark)]
    rules = [mark for mark in panel.marks if isinstance(mark, Rule)]
    layout = {
        "height": height,
        "margin": {"l": 54, "r": 14, "t": 22 if any(rule.word for rule in rules) else 10, "b": 46},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": _FONT, "size": 12, "color": "@ink"},
        "hoverlabel": {"bgcolor": "@card", "bordercolor": "@line", "font": {"color": "@ink"}, "align": "left"},
        "hovermode": "closest",
        "showlegend": False,
        "xaxis": _axis(panel.x),
        "yaxis": _axis(panel.y),
        "shapes": [_shape(rule) for rule in rules],
        "annotations": [_word(rule, panel) for rule in rules if rule.word],
    }
    return {"data": data, "layout": layout}


def plain(text: str) -> str:
    """Text that Plotly shows as it is: it reads a little HTML."""
    return html.escape(text, quote=False)


def _axis(axis: Axis) -> dict[str, Any]:
    ends = [axis.low, axis.high]
    out: dict[str, Any] = {
        "title": {"text": plain(axis.title), "standoff": 8, "font": {"size": 12, "color": "@muted"}},
        "range": np.log10(ends).tolist() if axis.log else ends,
        "type": "log" if axis.log else "linear",
        "gridcolor": "@grid",
        "linecolor": "@line",
        "zeroline": False,
        "showline": True,
        "automargin": True,
        "ticks": "",
        "tickangle": 0,
        "nticks": 7,
        "tickfont": {"size": 12},
    }
    if axis.ticks:
        out |= {
            "tickmode": "array",
            "tickvals": [t for t, _ in axis.ticks],
            "ticktext": [plain(w) for _, w in axis.ticks],
        }
        del out["nticks"]
    return out


def _traces(mark: Mark) -> list[dict[str, Any]]:
    if isinstance(mark, Line):
        return _line(mark)
    if isinstance(mark, Point):
        return [_point(mark)]
    return [_cells(mark)] if isinstance(mark, Cells) else []


def _line(mark: Line) -> list[dict[str, Any]]:
    style = style_of(mark.style)
    shape = "hv" if mark.steps else "linear"
    curve = {
        "type": "scatter",
        "mode": "lines",
        "meta": mark.name,
        "x": _numbers(mark.x),
        "y": _numbers(mark.y),
        "line": {
            "color": f"@c{style.colour}",
            "width": 2,
            "dash": "solid" if mark.steps else DASHES[style.line],
            "shape": shape,
        },
        "hovertext": [plain(w) for w in mark.words],
        "hoverinfo": "text",
    }
    if mark.low is None or mark.high is None:
        return [curve]
    band = {
        "type": "scatter",
        "mode": "lines",
        "meta": mark.name,
        "x": _numbers(np.concatenate([mark.x, mark.x[::-1]])),
        "y": _numbers(np.concatenate([mark.high, mark.low[::-1]])),
        "fill": "toself",
        "fillcolor": f"@c{style.colour}/0.14",
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    return [band, curve]


def _point(mark: Point) -> dict[str, Any]:
    style = style_of(mark.style)
    colour = f"@c{style.colour}"
    out = {
        "type": "scatter",
        "mode": "markers+text" if mark.label else "markers",
        "meta": mark.name,
        "x": _numbers([mark.x]),
        "y": _numbers([mark.y]),
        "marker": {
            "color": colour,
            "symbol": SYMBOLS[style.marker],
            "size": 11,
            "line": {"width": 1, "color": "@card"},
        },
        "text": [plain(mark.label)],
        "textposition": mark.place,
        "textfont": {"size": 12, "color": "@ink"},
        "hovertext": [plain(mark.words)],
        "hoverinfo": "text",
        "cliponaxis": False,
    }
    for side, value, low, high in (("x", mark.x, mark.x_low, mark.x_high), ("y", mark.y, mark.y_low, mark.y_high)):
        if np.isfinite([low, high]).all():
            out[f"error_{side}"] = {
                "type": "data",
                "symmetric": False,
                "array": _numbers([high - value]),
                "arrayminus": _numbers([value - low]),
                "color": colour,
                "thickness": 1.6,
                "width": 3,
            }
    return out


def _cells(mark: Cells) -> dict[str, Any]:
    n = len(mark.colours)
    scale = [[edge, colour] for i, colour in enumerate(mark.colours) for edge in (i / n, (i + 1) / n)]
    return {
        "type": "heatmap",
        "x": _numbers(mark.x),
        "y": _numbers(mark.y),
        "z": mark.codes.tolist(),
        "zmin": -0.5,
        "zmax": n - 0.5,
        "colorscale": scale,
        "showscale": False,
        "hovertext": [[plain(w) for w in row] for row in mark.words],
        "hoverinfo": "text",
    }


def _shape(rule: Rule) -> dict[str, Any]:
    ends = {"x0": rule.at, "x1": rule.at, "y0": 0, "y1": 1} if rule.upright else {}
    ends = ends or {"y0": rule.at, "y1": rule.at, "x0": 0, "x1": 1}
    refs = ("x", "y domain") if rule.upright else ("x domain", "y")
    line = {"color": "@muted", "width": 1.4, "dash": "5px,4px"}
    return {"type": "line", "xref": refs[0], "yref": refs[1], "layer": "below", "line": line, **ends}


def _word(rule: Rule, panel: Panel) -> dict[str, Any]:
    """The word of a rule: above an upright one, at the left end of the other."""
    common = {"text": plain(rule.word), "showarrow": False, "font": {"size": 11, "color": "@muted"}}
    if not rule.upright:
        return common | {
            "xref": "x domain",
            "yref": "y",
            "x": 0.01,
            "y": rule.at,
            "xanchor": "left",
            "yanchor": "bottom",
        }
    axis = panel.x
    low, high, at = np.log10([axis.low, axis.high, rule.at]) if axis.log else (axis.low, axis.high, rule.at)
    share = (at - low) / (high - low)
    side = "left" if share < 0.15 else "right" if share > 0.85 else "center"
    return common | {
        "xref": "x", "yref": "y domain", "x": float(at), "y": 1, "xanchor": side, "yanchor": "bottom",
    }  # fmt: skip


def _numbers(values: Any) -> list[float | None]:
    """Rounded values, ``None`` where there is none."""
    return [float(f"{v:.{_DIGITS}g}") if np.isfinite(v) else None for v in np.asarray(values, np.float64)]
