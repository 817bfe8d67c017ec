// The event stream of a login.
//
// An EventSource can send no header, so it is let in by a ticket in its URL, which opens one stream. When that is cut, the
// browser comes back on its own, with the same URL and the last id. The ticket is used up by then; what lets it in is
// the cookie that came with the first answer, which no script sees.
//
// Where the server refuses, a browser gives up for good. Then it is this page's turn: a new ticket and the last id go on
// where the stream was; unless there is no ticket to be had, because the login is over.

// How long the page waits before it asks for another one.
const REOPEN_MS = 2000;

/// Reasons for which the server ends a stream and lets nobody in again without a new login.
const LAST = ["logged-out", "expired"];

export class Stream {
  state = "connecting";
  connection;
  // Drawn for each login: a name that two streams share is a connection that they take from each other.
  #session = random(16);
  #ticket;
  #handlers;
  #source;
  #timer;
  #lastEventId = "";
  #reason;

  /// `ticket` fetches one. `handlers` has `state(state, detail)` and `note(note)`.
  constructor(ticket, handlers) {
    this.#ticket = ticket;
    this.#handlers = handlers;
    this.#open();
  }

  /// Forgets the stream, for who has another one.
  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.state = "closed";
  }

  async #open() {
    let ticket;
    try {
      ticket = (await this.#ticket()).ticket;
    } catch (error) {
      if (error.status === 401) this.#set("over", "No ticket: the login is over");
      else this.#later(error.message);
      return;
    }
    if (this.state === "closed") return;

    const query = new URLSearchParams({ ticket, session: this.#session });
    if (this.#lastEventId) query.set("lastEventId", this.#lastEventId);
    const source = (this.#source = new EventSource(`/events?${query}`));
    const on = (name, handle) =>
      source.addEventListener(name, (event) => {
        this.#lastEventId = event.lastEventId;
        handle(JSON.parse(event.data));
      });

    on("hub:connected", ({ connection }) => {
      const resumed = connection === this.connection;
      this.connection = connection;
      this.#reason = undefined;
      this.#set("live", resumed ? "Back, as the same connection" : "Connected");
    });
    on("hub:gap", ({ reason }) => this.#set("live", `Some notes may be missing: ${reason}`));
    on("hub:closing", ({ reason }) => {
      this.#reason = reason;
      this.#set("reconnecting", `The server ended the stream: ${reason}`);
    });
    on("note", (note) => this.#handlers.note(note));

    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) {
        if (this.state === "live") this.#set("reconnecting", "The connection was lost");
      } else if (LAST.includes(this.#reason)) {
        this.#set("over", `The stream is over: ${this.#reason}`);
      } else {
        this.#later("The stream was refused; a new ticket may open it");
      }
    });
  }

  #later(detail) {
    this.#set("reconnecting", detail);
    this.#timer = setTimeout(() => this.#open(), REOPEN_MS);
  }

  #set(state, detail) {
    if (this.state === "closed") return;
    this.state = state;
    this.#handlers.state(state, detail);
  }
}

function random(bytes) {
  const drawn = crypto.getRandomValues(new Uint8Array(bytes));
  return [...drawn].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
