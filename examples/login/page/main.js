// The page: who is logged in, the notes, and what happened to the stream.

import * as api from "./api.js";
import { Stream } from "./stream.js";

const STATES = {
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "Reconnecting…",
  over: "Not logged in",
};
// How much of each list is shown.
const KEPT = 20;

const $ = (id) => document.getElementById(id);

// The token stays in here: what is in no storage and no cookie, no other page and no later visitor can take.
let login;
let stream;

// For tests, and for whoever is curious in the console.
window.login = {
  get stream() {
    return stream;
  },
  notes: () => [...$("notes").children].map((note) => note.textContent),
};

submit("login", async (form) => {
  login = await api.logIn(form.user.value.trim());
  login.ends = Date.now() + 1000 * login.expires_in;
  stream?.close();
  const { token } = login;
  stream = new Stream(() => api.ticket(token), {
    note({ text }) {
      list("notes", text);
    },

    state(state, detail) {
      show(state);
      journal(state, detail);
      if (state === "over") leave();
    },
  });
  $("notes").replaceChildren();
  $("user").textContent = login.user;
  show(stream.state);
  showLeft();
  $("login").hidden = true;
  $("desk").hidden = false;
  $("write").text.focus();
});

submit("write", async (form) => {
  await api.write(login.token, form.text.value);
  form.reset();
});

// Nothing else is done here: the server ends the streams of all tabs, this one's too, and tells the browsers not to come
// back.
$("log-out").addEventListener("click", () => {
  api.logOut(login.token).catch((error) => journal("error", error.message));
});

setInterval(showLeft, 1000);

function leave() {
  login = undefined;
  $("desk").hidden = true;
  $("login").hidden = false;
}

/// Has a form do something, and say what was wrong with it.
function submit(id, act) {
  const error = $(`${id}-error`);
  $(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    error.textContent = "";
    await act(event.target).catch(({ message }) => (error.textContent = message));
  });
}

function show(state) {
  $("status").dataset.state = state;
  $("status-text").textContent = STATES[state];
}

function showLeft() {
  if (!login) return;
  const seconds = Math.max(0, Math.ceil((login.ends - Date.now()) / 1000));
  $("left").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/// Puts something on top of a list.
function list(id, ...content) {
  const item = document.createElement("li");
  item.append(...content);
  $(id).prepend(item);
  while ($(id).children.length > KEPT) $(id).lastChild.remove();
  return item;
}

function journal(kind, text) {
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString([], { hourCycle: "h23" });
  list("journal", time, text).dataset.kind = kind;
}
