/**
 * Live updates of deployments, over one connection for all views of a tab.
 *
 *     useDeploymentEvents({
 *       onChange: (deployment) => deployment.project_id === id && project.reload(),
 *       onReconnect: project.reload,
 *     });
 *
 * The connection closes while the tab is hidden, and reconnects when it is lost.
 */
import { API, errorOf } from "./api.js";
import { useEffect, useRef } from "./html.js";
import { observable } from "./observable.js";
import { session } from "./session.js";

const FIRST_DELAY = 500;
const MAX_DELAY = 30_000;
/** The server sends a comment every 15 seconds, so a longer silence means a dead connection. */
const MAX_SILENCE = 40_000;

const CONNECTED = Object.freeze({ isLost: false, reason: null });

const listeners = new Set();

/** The state of the connection. `reason` is the error message of the server, if there is one. */
export const connection = observable(CONNECTED);

/**
 * Listen to deployments while the component is mounted.
 *
 * @param {{onChange: (deployment: object) => unknown, onReconnect: () => unknown}} listener
 *   `onChange` receives each changed deployment as `GET /deployments/:id` returns it;
 *   `onReconnect` is called after each connection, because changes before it may be missing.
 */
export function useDeploymentEvents(listener) {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const current = {
      onChange: (deployment) => latest.current.onChange(deployment),
      onReconnect: () => latest.current.onReconnect(),
    };
    listeners.add(current);
    return () => listeners.delete(current);
  }, []);
}

/** Keep the connection open while a user is signed in and the tab is visible; return a function that closes it. */
export function keepConnected() {
  let current = null;

  const update = () => {
    const token = document.hidden ? null : session.get().token;
    if (token === (current?.token ?? null)) return;
    current?.controller.abort();
    current = token && { token, controller: new AbortController() };
    if (current) listenForever(token, current.controller.signal);
    else if (!session.get().token) connection.set(CONNECTED);
  };
  const unsubscribe = session.subscribe(update);
  document.addEventListener("visibilitychange", update);
  update();
  return () => {
    unsubscribe();
    document.removeEventListener("visibilitychange", update);
    current?.controller.abort();
    current = null;
  };
}

async function listenForever(token, closed) {
  let failures = 0;
  const onReady = () => {
    failures = 0;
    connection.set(CONNECTED);
    notify((listener) => listener.onReconnect());
  };
  while (!closed.aborted) {
    const problem = await listen(token, closed, onReady).catch((error) => error);
    if (closed.aborted) return;
    if (problem) connection.set({ isLost: true, reason: problem.status ? problem.message : null });
    const delay = Math.min(FIRST_DELAY * 2 ** failures, MAX_DELAY);
    await pause(problem?.retryAfter ? problem.retryAfter * 1000 : delay, closed);
    failures += 1;
  }
}

/** Listen until the server ends the stream; throw an error if it ends otherwise. */
async function listen(token, closed, onReady) {
  const silence = new AbortController();
  const stop = () => silence.abort();
  closed.addEventListener("abort", stop);
  let timer = setTimeout(stop, MAX_SILENCE);
  try {
    const headers = { Accept: "text/event-stream", Authorization: `Bearer ${token}` };
    const options = { headers, signal: silence.signal, cache: "no-store", credentials: "omit" };
    const response = await fetch(`${API}/events`, options);
    if (response.status === 401) session.expire(token);
    if (!response.ok) throw errorOf(response, await response.json().catch(() => null));
    for await (const { name, data } of eventsOf(response.body)) {
      clearTimeout(timer);
      timer = setTimeout(stop, MAX_SILENCE);
      if (name === "ready") onReady();
      if (name === "deployment") notify((listener) => listener.onChange(data));
      if (name === "end") return;
    }
    throw new Error("The connection was lost.");
  } finally {
    clearTimeout(timer);
    closed.removeEventListener("abort", stop);
  }
}

/** Yield the events of a stream. Comments, which keep the connection alive, have no name. */
async function* eventsOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (text + value).split("\n\n");
    text = events.pop();
    for (const event of events) {
      const fields = Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      yield { name: fields.event ?? null, data: fields.data && JSON.parse(fields.data) };
    }
  }
}

/** Call all listeners; the error of one does not affect the others. */
function notify(call) {
  for (const listener of [...listeners]) Promise.resolve(listener).then(call).catch(console.error);
}

/** Wait with jitter, so that tabs do not reconnect all at once, and end early when the network returns. */
function pause(milliseconds, closed) {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      window.removeEventListener("online", go);
      closed.removeEventListener("abort", go);
      resolve();
    };
    const timer = setTimeout(go, milliseconds * (0.5 + Math.random() / 2));
    window.addEventListener("online", go);
    closed.addEventListener("abort", go);
  });
}
