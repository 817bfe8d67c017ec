// What the page asks of the server, apart from the stream.

const json = { "content-type": "application/json" };

async function ask(method, path, query, body) {
  const url = `${path}?${new URLSearchParams(query)}`;
  const answer = await fetch(url, { method, body: body && JSON.stringify(body), headers: body ? json : {} });
  if (answer.ok) return;
  const { error } = await answer.json().catch(() => ({}));
  throw new Error(error ?? `the server answered ${answer.status}`);
}

export const watch = (tab, symbol) => ask("POST", "/watch", { tab, symbol });
export const unwatch = (tab, symbol) => ask("DELETE", "/watch", { tab, symbol });
export const cut = (tab) => ask("POST", "/cut", { tab });
export const order = (order) => ask("POST", "/orders", {}, order);
