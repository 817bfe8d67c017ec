// The one event stream of the page, and how it is.
//
// The browser's EventSource does the work: it reconnects on its own and sends the last id it had. What is left is to
// tell what happened, and to start again where EventSource gives up, which is when the server answers with an error.
//
// A stream begins with `hub:connected`. What was missed follows, and then the event `tab`, which the server sends to
// the connection once it is open: the log has one order, so all that comes before `tab` was missed, and all that
// comes after it is live.

const EVENTS = ["market", "clock", "crowd", "price", "order"];

// How long the page shows that the stream was resumed or has a gap, and how long it waits after an error.
const TOLD_MS = 8000;
const REOPEN_MS = 3000;

export class Stream {
  state = "connecting";
  missed = 0;
  connection;
  #url;
  #handlers;
  #lastEventId = "";
  #wasLive = false;
  #catchingUp = false;
  #gap = null;
  #timer;

  /// `handlers` has a function for each event, and `state(state, detail)`, `gap()` and `live(watching)`.
  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
    this.#open();
  }

  #open() {
    const url = new URL(this.#url, location.href);
    if (this.#lastEventId) url.searchParams.set("lastEventId", this.#lastEventId);
    const source = new EventSource(url);
    const on = (name, handle) =>
      source.addEventListener(name, (event) => {
        this.#lastEventId = event.lastEventId;
        handle(JSON.parse(event.data));
      });

    on("hub:connected", ({ connection }) => {
      this.connection = connection;
      this.missed = 0;
      this.#catchingUp = true;
      this.#gap = null;
    });
    on("hub:gap", ({ reason }) => {
      this.#handlers.gap();
      // A stream that goes on may have one too: its hub has lost its log, or the page was too slow.
      if (this.#catchingUp) this.#gap = reason;
      else this.#tellGap(reason);
    });
    on("hub:closing", ({ reason }) => this.#set("reconnecting", `The server closed the stream: ${reason}`));
    for (const name of EVENTS) {
      on(name, (data) => {
        if (this.#catchingUp) this.missed += 1;
        this.#handlers[name](data);
      });
    }
    on("tab", ({ watching }) => {
      this.#catchingUp = false;
      if (this.#gap) this.#tellGap(this.#gap);
      else if (this.#wasLive) this.#set("resumed", `Resumed: ${count(this.missed, "missed event")} replayed`);
      else this.#set("live", "Connected");
      this.#wasLive = true;
      this.#handlers.live(watching);
    });

    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) {
        this.#set("reconnecting", "The server refused the stream; trying again");
        setTimeout(() => this.#open(), REOPEN_MS);
      } else if (this.state !== "reconnecting") {
        this.#set("reconnecting", "The connection was lost");
      }
    });
  }

  #tellGap(reason) {
    this.#set("gap", `Gap (${reason}): the hub sent a new snapshot`);
  }

  #set(state, detail) {
    clearTimeout(this.#timer);
    this.state = state;
    this.#handlers.state(state, detail);
    if (state === "resumed" || state === "gap") this.#timer = setTimeout(() => this.#set("live"), TOLD_MS);
  }
}

export const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
