// What happened to the stream, newest first.

const KEPT = 8;
const list = document.querySelector("#journal");

export function note(kind, text) {
  const item = document.createElement("li");
  item.dataset.kind = kind;
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString([], { hourCycle: "h23" });
  item.append(time, text);
  list.prepend(item);
  while (list.children.length > KEPT) list.lastChild.remove();
}
