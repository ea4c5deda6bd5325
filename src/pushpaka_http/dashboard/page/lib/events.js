/**
 * How deployments move, told to all views of a tab by one connection.
 *
 *     useMoves({
 *       moved: (deployment) => deployment.project_id === id && project.reload(),
 *       readAnew: project.reload,
 *     });
 *
 * The bar of the page holds the connection. It is dropped while the tab is hidden, made again when
 * it is lost, and whenever moves may have been missed the views read anew what they show.
 */
import { API, errorOf } from "./api.js";
import { cell } from "./cell.js";
import { useEffect, useRef } from "./html.js";
import { session } from "./session.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** The server writes something every 15 seconds; what is silent for longer is not there. */
const LONGEST_SILENCE = 40_000;

const FOUND = Object.freeze({ isLost: false, reason: null });

const listeners = new Set();

/**
 * Whether the page is told of what happens, while it is to be.
 *
 * `reason` is a sentence of the server, as that too many pages are open.
 */
export const connection = cell(FOUND);

/**
 * Hear of deployments while a component is shown.
 *
 * @param {{moved: (deployment: object) => unknown, readAnew: () => unknown}} listener `moved` is
 *   given each deployment that has moved, as `GET /deployments/:id` shows it; `readAnew` is called
 *   when some may have moved without a word: after the first connection as after each later one.
 */
export function useMoves(listener) {
  const last = useRef(listener);
  last.current = listener;
  useEffect(() => {
    const current = {
      moved: (deployment) => last.current.moved(deployment),
      readAnew: () => last.current.readAnew(),
    };
    listeners.add(current);
    return () => listeners.delete(current);
  }, []);
}

/** Hold the connection while somebody has signed in and looks; returns what ends that. */
export function holdConnection() {
  let held = null;

  const hold = () => {
    const token = document.hidden ? null : session.get().token;
    if (token === (held?.token ?? null)) return;
    held?.ending.abort();
    held = token && { token, ending: new AbortController() };
    if (held) listenAlways(token, held.ending.signal);
    else if (!session.get().token) connection.set(FOUND);
  };
  const leave = session.watch(hold);
  document.addEventListener("visibilitychange", hold);
  hold();
  return () => {
    leave();
    document.removeEventListener("visibilitychange", hold);
    held?.ending.abort();
    held = null;
  };
}

async function listenAlways(token, ended) {
  let failures = 0;
  const ready = () => {
    failures = 0;
    connection.set(FOUND);
    tell((listener) => listener.readAnew());
  };
  while (!ended.aborted) {
    const problem = await listen(token, ended, ready).catch((error) => error);
    if (ended.aborted) return;
    if (problem) connection.set({ isLost: true, reason: problem.status ? problem.message : null });
    const wait = Math.min(FIRST_WAIT * 2 ** failures, LONGEST_WAIT);
    await pause(problem?.retryAfter ? problem.retryAfter * 1000 : wait, ended);
    failures += 1;
  }
}

/** Listen until the server ends it; any other end is an error. */
async function listen(token, ended, ready) {
  const silence = new AbortController();
  const stop = () => silence.abort();
  ended.addEventListener("abort", stop);
  let timer = setTimeout(stop, LONGEST_SILENCE);
  try {
    const headers = { Accept: "text/event-stream", Authorization: `Bearer ${token}` };
    const asked = { headers, signal: silence.signal, cache: "no-store", credentials: "omit" };
    const answer = await fetch(`${API}/events`, asked);
    if (answer.status === 401) session.expire(token);
    if (!answer.ok) throw errorOf(answer, await answer.json().catch(() => null));
    for await (const { name, data } of eventsOf(answer.body)) {
      clearTimeout(timer);
      timer = setTimeout(stop, LONGEST_SILENCE);
      if (name === "ready") ready();
      if (name === "deployment") tell((listener) => listener.moved(data));
      if (name === "end") return;
    }
    throw new Error("The connection was lost.");
  } finally {
    clearTimeout(timer);
    ended.removeEventListener("abort", stop);
  }
}

/** The events of a stream; a comment, which says only that it is there, has no name. */
async function* eventsOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (text + value).split("\n\n");
    text = events.pop();
    for (const event of events) yield parsed(event);
  }
}

function parsed(event) {
  const said = Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/s, 2)));
  return { name: said.event ?? null, data: said.data && JSON.parse(said.data) };
}

/** One who fails keeps the others from nothing. */
function tell(say) {
  for (const listener of [...listeners]) {
    Promise.resolve(listener).then(say).catch(console.error);
  }
}

/** Wait about so long, not all tabs as long as each other; who comes online does not wait. */
function pause(milliseconds, ended) {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      window.removeEventListener("online", go);
      ended.removeEventListener("abort", go);
      resolve();
    };
    const timer = setTimeout(go, milliseconds * (0.5 + Math.random() / 2));
    window.addEventListener("online", go);
    ended.addEventListener("abort", go);
  });
}
