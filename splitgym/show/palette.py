"""Every colour of the package, and the marker and line that go with a colour so that no figure needs it."""

from __future__ import annotations

#: From text to what hardly shows.
INK, MUTED, FAINT, GRID, PANEL, HOLLOW = "#222222", "#6F6F6F", "#D8D8D8", "#E4E4E4", "#F6F6F4", "#ECECEA"
GREY, MID_GREY, DARK_GREY = "#BDBDBD", "#9A9A9A", "#5A5A5A"
#: Okabe-Ito palette, which the colour-blind can tell apart.
BLUE, ORANGE, PURPLE, YELLOW, SKY = "#0072B2", "#E69F00", "#CC79A7", "#F0E442", "#56B4E9"
GREEN, VERMILION, BLACK = "#009E73", "#D55E00", "#000000"
#: Areas behind a line of the same hue.
PALE_ORANGE, PALE_BLUE, PALE_PURPLE = "#FBE9C8", "#CFE3F1", "#F5E6EE"

#: One after the other for policies; yellow is too faint on white.
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
#: The same hues where the background is dark: blue is lighter, black is white.
DARK_SERIES = ("#3A93D6", "#E8702A", "#16B083", "#D78DB8", ORANGE, SKY, "#F2F2F2")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "d")
LINES = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))
#: Of maps: from everything sent to everything local, lightness falls so that the order survives without colour.
DEPTHS = ("#FDE725", "#90D743", "#35B779", "#21918C", "#31688E", "#443983", "#440154")
NOTHING = "#A9A9A9"
#: Baselines, trained agents and the budget in a comparison.
BASELINE, AGENT, BUDGET = BLUE, VERMILION, GREEN
