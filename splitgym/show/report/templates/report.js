"use strict";
(() => {
  const root = document.documentElement;
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const divs = [...document.querySelectorAll(".plot")];
  const touch = matchMedia("(pointer: coarse)").matches;

  // ---- colours: "@c3" is the theme's variable --c3, "@c3/0.2" the same, see-through
  const styles = getComputedStyle(root);
  const colour = (token) => {
    const [name, alpha] = token.slice(1).split("/");
    const hex = styles.getPropertyValue("--" + name).trim();
    if (!alpha) return hex;
    const part = (i) => parseInt(hex.slice(i, i + 2), 16);
    return `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
  };
  const textual = new Set(["hovertext", "text", "ticktext", "meta"]);
  const painted = (value, key) => {
    if (textual.has(key)) return value;
    if (typeof value === "string") return value.startsWith("@") ? colour(value) : value;
    if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map((v) => painted(v));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, painted(v, k)]));
  };

  // ---- drawing: one plot after the other, so that the page stays alive
  const hidden = new Map(); // card -> names that its legend has switched off
  const draw = (div) => {
    const off = hidden.get(div.closest(".card")) ?? new Set();
    const { data, layout } = plots[div.id];
    const shown = painted(data).map((trace) => ({ ...trace, visible: !off.has(trace.meta) }));
    const look = painted(layout);
    look.dragmode = touch ? false : "zoom"; // a finger scrolls the page
    look.xaxis.fixedrange = look.yaxis.fixedrange = touch;
    return Plotly.react(div, shown, look, { responsive: true, displayModeBar: false });
  };
  let round = 0;
  const drawAll = async () => {
    const mine = ++round;
    for (const div of divs) {
      if (mine !== round) return;
      await draw(div);
      await new Promise((go) => setTimeout(go, 0));
    }
    root.dataset.drawn = String(divs.length);
  };

  // ---- theme
  const wish = matchMedia("(prefers-color-scheme: dark)");
  const dress = (theme) => {
    root.dataset.theme = theme;
    document.getElementById("theme").textContent = theme === "dark" ? "light theme" : "dark theme";
    drawAll();
  };
  wish.addEventListener("change", () => dress(wish.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () => dress(root.dataset.theme === "dark" ? "light" : "dark"));

  // ---- legends
  for (const key of document.querySelectorAll("button.key")) {
    key.addEventListener("click", () => {
      const card = key.closest(".card");
      const off = hidden.get(card) ?? new Set();
      hidden.set(card, off);
      const show = off.has(key.dataset.name);
      if (show) off.delete(key.dataset.name);
      else off.add(key.dataset.name);
      key.setAttribute("aria-pressed", String(show));
      for (const div of card.querySelectorAll(".plot")) draw(div);
    });
  }

  // ---- tables: a heading sorts its column, best or first first; a second time the other way round
  const sort = (heading) => {
    const table = heading.closest("table");
    const column = heading.cellIndex;
    const down = heading.getAttribute("aria-sort") ? heading.getAttribute("aria-sort") === "ascending" : column > 0;
    for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      if (column === 0) return sign * value(a).localeCompare(value(b));
      const [x, y] = [Number(value(a)), Number(value(b))];
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y); // without a value: at the end
      return sign * (x - y);
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  };
  for (const heading of document.querySelectorAll(".sortable thead th")) {
    heading.querySelector("button").addEventListener("click", () => sort(heading));
  }

  dress(wish.matches ? "dark" : "light");
})();
