"use strict";
// Draw the days of the table as a series whose days are read by pointing at them. Without it the drawing of the server
// stays, which has the same days.

addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-series]");
  const rows = [...document.querySelectorAll("tr[data-day]")].reverse();
  if (!box || !rows.length || !window.uPlot) return;

  const number = (text) => (text === "" ? null : Number(text));
  const mixed = (name) => {
    const probe = document.createElement("i");
    probe.className = `probe ${name}`;
    box.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const accent = mixed("probe-accent"), muted = mixed("probe-muted"), line = mixed("probe-line");
  const values = rows.map((row) => number(row.dataset.value));
  const before = rows.map((row) => number(row.dataset.valueBefore));
  const smallest = Math.min(...[...values, ...before].filter((value) => value !== null));
  const drawing = box.querySelector("svg");
  const axis = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui" };
  const { kind, currency } = box.dataset;
  const written = new Intl.NumberFormat(document.documentElement.lang, kind === "share"
    ? { style: "percent", maximumSignificantDigits: 3 }
    : { notation: "compact", maximumSignificantDigits: 3, ...(kind === "money" && { style: "currency", currency, currencyDisplay: "narrowSymbol" }) });

  const points = { show: rows.length <= 31, size: 6 };

  const plot = new uPlot({
    width: box.clientWidth,
    height: 300,
    cursor: { y: false, points: { size: 9 } },
    scales: { x: { time: false }, y: { range: (u, low, high) => [smallest < 0 ? low : 0, high * 1.05 || 1] } },
    axes: [
      { ...axis, values: (u, places) => places.map((place) => rows[place]?.dataset.day ?? "") },
      { ...axis, size: 64, values: (u, ticks) => ticks.map((tick) => written.format(tick)) },
    ],
    series: [
      { label: box.dataset.day, value: (u, place) => (place === null ? "" : rows[place].dataset.day) },
      { label: box.dataset.now, stroke: accent, width: 2, points, value: (u, v, s, place) => (place === null ? "" : rows[place].dataset.text) },
      { label: box.dataset.before, stroke: muted, width: 1.5, dash: [4, 3], points, value: (u, v, s, place) => (place === null ? "" : rows[place].dataset.textBefore) },
    ],
  }, [rows.map((row, place) => place), values, before]);
  plot.root.setAttribute("aria-hidden", "true"); // the table below has the same days
  box.prepend(plot.root);
  drawing.classList.add("visually-hidden");
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: 300 })).observe(box);
});
