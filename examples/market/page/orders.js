// The ticket for a limit order, and the user's orders: open ones, and the answers that came while the page is open.

import * as api from "./api.js";

const ANSWERS_KEPT = 6;
const TOAST_MS = 6000;

const ticket = document.querySelector("#ticket");
const hint = document.querySelector("#ticket-hint");
const error = document.querySelector("#ticket-error");
const list = document.querySelector("#orders");
const none = document.querySelector("#no-orders");
const toasts = document.querySelector("#toasts");

export class Orders {
  #orders = new Map();
  #closeOf;
  #onChange;
  #touched = false;

  /// `closeOf(symbol)` is the price now, if the page has it; `onChange()` is called when the open orders change.
  constructor(user, closeOf, onChange) {
    this.#closeOf = closeOf;
    this.#onChange = onChange;
    ticket.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#place(user);
    });
    ticket.addEventListener("input", () => this.suggest());
    ticket.limit.addEventListener("input", () => (this.#touched = true));
    ticket.symbol.addEventListener("change", () => {
      this.#touched = false;
      this.suggest();
    });
  }

  stocks(stocks) {
    const chosen = ticket.symbol.value;
    ticket.symbol.replaceChildren(...stocks.map(({ symbol }) => new Option(symbol)));
    if (chosen) ticket.symbol.value = chosen;
  }

  /// Proposes the price now as the limit, until a limit was typed.
  suggest() {
    const { side, symbol, limit } = ticket;
    const close = this.#closeOf(symbol.value);
    if (!this.#touched && close && document.activeElement !== limit) limit.value = close.toFixed(2);
    const crossed = side.value === "buy" ? "or below" : "or above";
    hint.textContent = limit.value ? `Filled by the next close at ${limit.value} ${crossed}.` : "";
  }

  open(symbol) {
    return [...this.#orders.values()].filter((order) => order.status === "open" && order.symbol === symbol);
  }

  clear() {
    this.#orders.clear();
    this.#show();
  }

  /// An order as the server tells it.
  told(order) {
    const known = this.#orders.get(order.id);
    this.#orders.set(order.id, order);
    const answered = [...this.#orders.values()].filter(({ status }) => status !== "open");
    for (const old of answered.slice(0, -ANSWERS_KEPT)) this.#orders.delete(old.id);
    if (order.status !== "open" && order.status !== known?.status) toast(order);
    this.#show();
  }

  async #place(user) {
    error.textContent = "";
    const { side, symbol, limit } = ticket;
    try {
      await api.order({ user, symbol: symbol.value, side: side.value, limit: limit.valueAsNumber });
      this.#touched = false;
    } catch (problem) {
      error.textContent = problem.message;
    }
  }

  #show() {
    list.replaceChildren(...[...this.#orders.values()].reverse().map(row));
    none.hidden = this.#orders.size > 0;
    this.#onChange();
  }
}

function row(order) {
  const item = document.createElement("li");
  item.dataset.order = order.id;
  item.dataset.status = order.status;
  const what = document.createElement("span");
  what.className = "what";
  what.textContent = wanted(order);
  const how = document.createElement("span");
  how.className = "how";
  how.textContent = answer(order);
  item.append(what, how);
  return item;
}

function toast(order) {
  const note = document.createElement("p");
  note.dataset.status = order.status;
  note.textContent = `${wanted(order)}: ${answer(order)}`;
  toasts.append(note);
  setTimeout(() => note.remove(), TOAST_MS);
}

function wanted({ side, symbol, limit }) {
  return `${side === "buy" ? "Buy" : "Sell"} ${symbol} at ${limit.toFixed(2)}`;
}

function answer({ status, close, month }) {
  if (status === "filled") return `filled at ${close.toFixed(2)} · ${month}`;
  if (status === "expired") return "expired: no close of a whole lap crossed it";
  return "open";
}
