// Questions to the server. The token of a server beyond this machine stays in this tab.

let token = sessionStorage.getItem("token") || "";

// A link may carry the token behind #, which a browser does not send; it is taken from the address bar at once.
const linked = /^#token=(.+)$/.exec(location.hash);
if (linked) {
  setToken(decodeURIComponent(linked[1]));
  history.replaceState(null, "", location.pathname);
}

export function setToken(text) {
  token = text.trim();
  sessionStorage.setItem("token", token);
}

export class Refused extends Error {
  constructor(status, said) {
    super(said);
    this.status = status;
  }
}

async function response(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer. Is keras-cwp read still running?");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, said.error || `The server answered ${answer.status}.`);
}

export async function get(path, signal) {
  return (await response(path, { signal })).json();
}

export async function bytes(path, signal) {
  return (await response(path, { signal })).arrayBuffer();
}

export async function picture(path) {
  return URL.createObjectURL(await (await response(path)).blob());
}

export async function post(path, body, options = {}) {
  const headers = { "Content-Type": "application/json" };
  return (await response(path, { method: "POST", headers, body: JSON.stringify(body), ...options })).json();
}
