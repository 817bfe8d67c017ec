// The page: who looks at it, what is watched, and what each event does.

import * as api from "./api.js";
import { note } from "./journal.js";
import { Orders } from "./orders.js";
import { Stream, count } from "./stream.js";
import { Widget } from "./widget.js";

const WATCHED_AT_FIRST = ["AAPL", "AMZN", "MSFT"];
const STATES = {
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "Reconnecting…",
  gap: "Gap: state restored",
};

const $ = (id) => document.getElementById(id);
const address = new URLSearchParams(location.search);
const user = address.get("user") || guest();
const tab = random(16);
const widgets = new Map();
const wanted = new Set(address.get("watch")?.split(",").filter(Boolean) ?? WATCHED_AT_FIRST);
let market;
let clock;
let crowd;
let asked = Promise.resolve();

// For tests, and for whoever is curious in the console: the charts, how often one was asked for, and how many prices
// came for which there is no widget.
window.market = { points: (symbol) => widgets.get(symbol)?.points ?? [], snapshots: 0, strays: 0 };

const orders = new Orders(user, (symbol) => widgets.get(symbol)?.close, showLimits);

const stream = (window.market.stream = new Stream(`/events?${new URLSearchParams({ user, tab })}`, {
  market(facts) {
    market = facts;
    for (const symbol of wanted) if (!stock(symbol)) wanted.delete(symbol);
    orders.stocks(market.stocks);
    showLap();
    showPicker();
    for (const symbol of wanted) add(symbol);
  },

  clock(now) {
    clock = now;
    const [year, month] = clock.month.split("-");
    $("month").textContent = new Date(year, month - 1).toLocaleString("en", { month: "long", year: "numeric" });
    $("month").dateTime = clock.month;
    $("lap").style.width = `${(100 * ((clock.tick % market.months.length) + 1)) / market.months.length}%`;
    for (const widget of widgets.values()) widget.clock(clock);
  },

  price(price) {
    const widget = widgets.get(price.symbol);
    if (widget) widget.price(price);
    else window.market.strays += 1;
    orders.suggest();
  },

  order(order) {
    orders.told(order);
  },

  crowd(count) {
    crowd = count;
    showCrowd();
  },

  gap() {
    for (const widget of widgets.values()) widget.clear();
    orders.clear();
  },

  // The server says what this tab watches: make that what the page shows.
  live(watching) {
    for (const symbol of watching) if (!wanted.has(symbol)) ask(() => api.unwatch(tab, symbol));
    for (const [symbol, widget] of widgets) {
      // A chart isn't whole if the stream was cut while the snapshot was on its way: another one makes it so.
      if (!watching.includes(symbol) || !widget.whole) join(symbol);
    }
  },

  state(state, detail) {
    $("status").dataset.state = state;
    $("status-text").textContent = state === "resumed" ? `Resumed with ${count(stream.missed, "missed event")}` : STATES[state];
    $("cut").disabled = state === "connecting" || state === "reconnecting";
    if (detail) note(state, detail);
  },
}));

function add(symbol) {
  if (widgets.has(symbol)) return;
  const painted = (months) => note("joined", `${symbol}: ${count(months, "month")} at once`);
  const widget = new Widget(stock(symbol), market.months, () => toggle(symbol), painted);
  widgets.set(symbol, widget);
  $("widgets").append(widget.element);
  if (clock) widget.clock(clock);
  showLimits();
  showCrowd();
  $("nothing").hidden = true;
}

/// Adds a widget to the page and the stream, or takes it off both.
function toggle(symbol) {
  if (widgets.has(symbol)) {
    wanted.delete(symbol);
    widgets.get(symbol).element.remove();
    widgets.delete(symbol);
    ask(() => api.unwatch(tab, symbol));
    note("left", `${symbol}: left`);
  } else {
    wanted.add(symbol);
    add(symbol);
    join(symbol);
  }
  $("nothing").hidden = widgets.size > 0;
  showPicker();
  showAddress();
}

/// Has a symbol on the stream, with all of its chart.
function join(symbol) {
  window.market.snapshots += 1;
  ask(() => api.watch(tab, symbol));
}

function showPicker() {
  const buttons = market.stocks.map(({ symbol, company }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = symbol;
    button.title = company;
    button.dataset.pick = symbol;
    button.setAttribute("aria-pressed", wanted.has(symbol));
    button.addEventListener("click", () => {
      toggle(symbol);
      document.querySelector(`[data-pick="${symbol}"]`).focus();
    });
    return button;
  });
  $("picker").replaceChildren(...buttons);
  showCrowd();
}

function showCrowd() {
  if (!crowd) return;
  $("users").textContent = crowd.users;
  $("tabs").textContent = crowd.tabs;
  for (const [symbol, widget] of widgets) widget.watchers(crowd.watching[symbol] ?? 0);
  for (const button of $("picker").children) button.dataset.watchers = crowd.watching[button.dataset.pick] ?? 0;
}

function showLimits() {
  for (const [symbol, widget] of widgets) widget.limits(orders.open(symbol));
}

function showLap() {
  const years = market.months.filter((month) => month.endsWith("-01")).map((month) => month.slice(0, 4));
  $("years").replaceChildren(
    ...years.map((year) => {
      const item = document.createElement("li");
      item.textContent = year;
      return item;
    }),
  );
}

/// Keeps who looks and what is watched in the page's address, so that it can be reloaded and handed on.
function showAddress() {
  const query = new URLSearchParams({ user, watch: [...wanted].join(",") });
  history.replaceState(null, "", `?${query}`);
}

function stock(symbol) {
  return market.stocks.find((stock) => stock.symbol === symbol);
}

/// Asks the server, after whatever it was asked before: requests may overtake each other otherwise.
function ask(request) {
  asked = asked.then(request).catch((error) => note("error", error.message));
}

function random(bytes) {
  const drawn = crypto.getRandomValues(new Uint8Array(bytes));
  return [...drawn].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function guest() {
  const moods = ["brave", "calm", "keen", "merry", "quick", "quiet", "sunny", "wise"];
  const animals = ["badger", "finch", "fox", "heron", "lynx", "otter", "owl", "tern"];
  const [mood, animal, number] = crypto.getRandomValues(new Uint8Array(3));
  return `${moods[mood % moods.length]}-${animals[animal % animals.length]}-${number}`;
}

$("user").textContent = user;
$("same").href = `?${new URLSearchParams({ user })}`;
$("other").href = "/";
$("cut").addEventListener("click", () => ask(() => api.cut(tab)));
showAddress();
