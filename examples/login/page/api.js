// What the page asks of the server, apart from the stream. A token says who asks.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, { token, body }) {
  const headers = {};
  if (token) headers.authorization = `Bearer ${token}`;
  if (body) headers["content-type"] = "application/json";
  const answer = await fetch(path, { method: "POST", headers, body: body && JSON.stringify(body) });
  if (answer.status === 204) return;
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, told.error ?? `the server answered ${answer.status}`);
  return told;
}

export const logIn = (user) => ask("/login", { body: { user } });
export const ticket = (token) => ask("/ticket", { token });
export const write = (token, text) => ask("/notes", { token, body: { text } });
export const logOut = (token) => ask("/logout", { token });
