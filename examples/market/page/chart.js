// A line chart of one lap: the months of this lap up to now, and ahead of them, faint, the rest of the last lap.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { top: 10, right: 40, bottom: 20, left: 6 };

export class Chart {
  #svg;
  #months;
  #points = [];
  #limits = [];
  #now = -1;
  #size = { width: 0, height: 0 };
  #parts;

  /// `months` are the labels of all months, as in "2004-08".
  constructor(svg, months, id) {
    this.#svg = svg;
    this.#months = months;
    const gradient = add(add(svg, "defs"), "linearGradient", { id: `fade-${id}`, x2: 0, y2: 1 });
    add(gradient, "stop", { class: "fade-from" });
    add(gradient, "stop", { class: "fade-to", offset: 1 });
    this.#parts = {
      grid: add(svg, "g", { class: "grid" }),
      area: add(svg, "path", { fill: `url(#fade-${id})` }),
      ahead: add(svg, "path", { class: "ahead" }),
      line: add(svg, "path", { class: "line" }),
      limits: add(svg, "g", { class: "limits" }),
      halo: add(svg, "circle", { class: "halo", r: 9 }),
      dot: add(svg, "circle", { class: "dot", r: 4 }),
      pointer: add(svg, "g", { class: "pointer", visibility: "hidden" }),
    };
    add(this.#parts.pointer, "line");
    add(this.#parts.pointer, "circle", { r: 3.5 });
    add(this.#parts.pointer, "text");
    new ResizeObserver(([{ contentRect }]) => {
      this.#size = contentRect;
      svg.setAttribute("viewBox", `0 0 ${contentRect.width} ${contentRect.height}`);
      this.#draw();
    }).observe(svg.parentElement);
    svg.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    svg.addEventListener("pointerleave", () => this.#parts.pointer.setAttribute("visibility", "hidden"));
  }

  /// `points[month]` is `{tick, close}` or nothing, `now` is the month of this lap, `limits` are of open orders.
  show(points, now, limits) {
    this.#points = points;
    this.#now = now;
    this.#limits = limits;
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#size;
    const closes = this.#points.filter(Boolean).map(({ close }) => close);
    if (width < 1 || closes.length === 0) return;
    const scale = steps(Math.min(...closes), Math.max(...closes));
    const right = width - MARGIN.right;
    const bottom = height - MARGIN.bottom;
    const x = (month) => MARGIN.left + ((right - MARGIN.left) * month) / (this.#months.length - 1);
    const y = (close) => bottom - ((bottom - MARGIN.top) * (close - scale.low)) / (scale.high - scale.low);
    this.x = x;
    this.y = y;

    const { grid, area, ahead, line, limits, halo, dot } = this.#parts;
    grid.replaceChildren();
    for (const value of scale.values) {
      add(grid, "line", { x1: MARGIN.left, x2: right, y1: y(value), y2: y(value) });
      add(grid, "text", { x: right + 6, y: y(value) + 3.5 }).textContent = value;
    }
    this.#months.forEach((label, month) => {
      const year = label.slice(0, 4);
      if (!label.endsWith("-01") || year % 2) return;
      add(grid, "text", { x: x(month), y: height - 5, class: month === 0 ? "first" : "year" }).textContent = year;
    });

    const now = this.#now;
    const past = path(this.#points, 0, now, x, y);
    line.setAttribute("d", past.d);
    area.setAttribute("d", past.d && `${past.d}L${x(past.last)} ${bottom}L${x(past.first)} ${bottom}Z`);
    ahead.setAttribute("d", path(this.#points, now + 1, this.#months.length - 1, x, y).d);
    const at = this.#points[now];
    for (const circle of [halo, dot]) {
      circle.setAttribute("visibility", at ? "visible" : "hidden");
      if (at) place(circle, { cx: x(now), cy: y(at.close) });
    }

    limits.replaceChildren();
    for (const { side, limit } of this.#limits) {
      const level = Math.min(Math.max(y(limit), 1), bottom);
      add(limits, "line", { x1: MARGIN.left, x2: right, y1: level, y2: level, class: side });
      const above = level > 24 ? -4 : 11;
      add(limits, "text", { x: MARGIN.left + 2, y: level + above }).textContent = `${side} ${limit.toFixed(2)}`;
    }
  }

  #point(offset) {
    if (!this.x) return;
    const share = (offset - MARGIN.left) / (this.#size.width - MARGIN.right - MARGIN.left);
    const month = Math.round(share * (this.#months.length - 1));
    const point = this.#points[month];
    const { pointer } = this.#parts;
    pointer.setAttribute("visibility", point ? "visible" : "hidden");
    if (!point) return;
    const [rule, circle, text] = pointer.children;
    const [x, y] = [this.x(month), this.y(point.close)];
    place(rule, { x1: x, x2: x, y1: MARGIN.top, y2: this.#size.height - MARGIN.bottom });
    place(circle, { cx: x, cy: y });
    place(text, { x, y: 9, class: share < 0.2 ? "start" : share > 0.8 ? "end" : "middle" });
    text.textContent = `${this.#months[month]}  ${point.close.toFixed(2)}`;
  }
}

/// The line through the points of some months; it breaks where there are none.
function path(points, from, to, x, y) {
  let [d, first, last] = ["", -1, -1];
  for (let month = from; month <= to; month += 1) {
    const point = points[month];
    if (!point) continue;
    d += `${d && last === month - 1 ? "L" : "M"}${x(month).toFixed(1)} ${y(point.close).toFixed(1)}`;
    if (first < 0) first = month;
    last = month;
  }
  return { d, first, last };
}

/// Three to five round values that enclose the closes.
function steps(min, max) {
  const rough = (max - min || max) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const low = Math.floor(min / step) * step;
  const high = Math.ceil(max / step) * step;
  const values = [];
  for (let value = low; value <= high + step / 2; value += step) values.push(Number(value.toPrecision(6)));
  return { low, high, values };
}

function add(parent, name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  place(element, attributes);
  parent.append(element);
  return element;
}

function place(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}
