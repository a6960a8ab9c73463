// Charts, drawn by the page: bars of one series or two, and the same numbers as a table for who cannot see them.
import { h } from "./ui.js";
import { t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

// `points`: [{ name, value }]; negative values hang below the line.
export function chart(caption, points, format = String) {
  const top = Math.max(0, ...points.map((point) => point.value));
  const bottom = Math.max(0, ...points.map((point) => -point.value));
  const scale = 38 / Math.max(1, top + bottom);
  const base = 39 - bottom * scale;
  const width = 100 / Math.max(1, points.length);
  const svg = drawn("svg", { viewBox: "0 0 100 40", preserveAspectRatio: "none", "aria-hidden": "true" });
  points.forEach(({ value }, number) => {
    const height = Math.abs(value) * scale;
    svg.append(drawn("rect", { x: number * width + width * 0.1, y: value < 0 ? base : base - height, width: width * 0.8, height, class: value < 0 ? "below" : "" }));
  });
  svg.append(drawn("line", { x1: 0, x2: 100, y1: base, y2: base }));
  const named = points.length > 7 ? [points[0], points.at(-1)] : points;
  const rows = points.map((point) => h("tr", {}, h("th", { scope: "row" }, point.name), h("td", {}, format(point.value))));
  return h("figure", { class: "chart" }, h("figcaption", {}, caption), svg,
    h("div", { class: `axis of-${named.length}`, "aria-hidden": "true" }, named.map((point) => h("span", {}, point.name, points.length > 7 ? "" : h("strong", {}, format(point.value))))),
    h("details", {}, h("summary", {}, t("chart.table")), h("table", { class: "plain" }, h("caption", { class: "hidden" }, caption), h("tbody", {}, rows))));
}
