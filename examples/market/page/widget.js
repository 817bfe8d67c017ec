// One stock on the board: its price, its chart, and how many watch it.

import { Chart } from "./chart.js";
import { count } from "./stream.js";

const template = document.querySelector("#widget");

export class Widget {
  element;
  #stock;
  #months;
  #points;
  #last = -1;
  #clock = -1;
  #limits = [];
  #chart;
  #frame = 0;
  #onPainted;

  /// `onPainted(months)` is called once, when the chart is there.
  constructor(stock, months, onClose, onPainted) {
    this.#stock = stock;
    this.#months = months;
    this.#points = new Array(months.length).fill(undefined);
    this.#onPainted = onPainted;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.symbol = stock.symbol;
    this.#part(".symbol").textContent = stock.symbol;
    this.#part(".company").textContent = stock.company === stock.symbol ? "" : stock.company;
    const close = this.#part("button");
    close.setAttribute("aria-label", `Stop watching ${stock.symbol}`);
    close.addEventListener("click", onClose);
    this.#chart = new Chart(this.#part(".chart svg"), months, stock.symbol);
    this.#later();
  }

  /// The months in the chart, oldest first.
  get points() {
    return this.#points.filter(Boolean).sort((a, b) => a.tick - b.tick);
  }

  get close() {
    return this.#points[this.#last % this.#months.length]?.close;
  }

  /// Whether the chart has every month of this lap up to the last price, and of the last lap after it.
  get whole() {
    if (this.#last < 0) return false;
    const months = this.#months.length;
    return this.#points.every((point, month) => {
      const back = (this.#last - month + months) % months;
      return month < this.#stock.first || point?.tick === this.#last - back;
    });
  }

  price({ tick, close }) {
    this.#points[tick % this.#months.length] = { tick, close };
    this.#last = Math.max(this.#last, tick);
    this.#later();
  }

  clock({ tick }) {
    this.#clock = tick;
    this.#later();
  }

  clear() {
    this.#points.fill(undefined);
    this.#last = -1;
    this.#later();
  }

  limits(limits) {
    this.#limits = limits;
    this.#later();
  }

  watchers(n) {
    this.#part(".watchers").textContent = n > 0 ? `${count(n, "tab")} watching` : "";
  }

  #part(selector) {
    return this.element.querySelector(selector);
  }

  /// Paints at the next frame, however many events come before it.
  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint() {
    const { symbol, first } = this.#stock;
    const months = this.#months.length;
    // The month of this lap; where a stock isn't quoted yet, the clock knows that a new lap has begun.
    const now = Math.max(this.#clock, this.#last) % months;
    const quoted = this.#last >= 0 && now >= first;
    const close = quoted ? this.close : undefined;
    const before = this.#points[(this.#last % months) - 1]?.close;
    this.#chart.show(this.#points, quoted ? this.#last % months : now, this.#limits);
    this.element.classList.toggle("waiting", this.#last < 0);

    const price = this.#part(".close-price");
    const text = close === undefined ? "–" : close.toFixed(2);
    if (price.textContent !== text) price.textContent = text;
    const change = close !== undefined && before !== undefined ? (100 * (close - before)) / before : undefined;
    const direction = change === undefined ? "" : change < 0 ? "down" : "up";
    this.element.dataset.direction = direction;
    const arrow = { up: "▲", down: "▼", "": "" }[direction];
    this.#part(".change").textContent = direction && `${arrow} ${Math.abs(change).toFixed(1)} %`;
    const when = quoted ? this.#months[this.#last % months] : this.#months[first];
    this.#part(".when").textContent = this.#last < 0 ? "Joining…" : quoted ? `Close of ${when}` : `First quoted in ${when}`;
    this.#part(".chart svg").setAttribute("aria-label", `Chart of the monthly closes of ${symbol}, ${text} in ${when}`);

    if (this.#onPainted && this.#last >= 0) {
      this.#onPainted(this.points.length);
      this.#onPainted = undefined;
    }
  }
}
