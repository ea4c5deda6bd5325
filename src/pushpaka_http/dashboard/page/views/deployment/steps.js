/** What the timeline of a deployment says of its phases. */

/** In their order; what is not built, as a rollback, begins with `release`. */
const NAMES = ["queue", "source", "build", "release", "start", "switch"];
const AT_WORK = new Set(["queued", "building", "deploying"]);
const ENDS = { failed: "failed", cancelled: "ended", superseded: "ended" };

/**
 * @typedef {object} Step
 * @property {string} name of the phase, or `queue`
 * @property {"done" | "now" | "failed" | "ended" | "skipped" | "next"} state
 * @property {string | null} from when it began
 * @property {string | null} to when it ended
 */

/**
 * The steps of a deployment, those to come included.
 *
 * @param {{status: string, phase: string | null, created_at: string}[]} events in their order
 * @returns {Step[]}
 */
export function stepsOf(events) {
  const tried = lastTry(events);
  const end = tried.find((event) => !AT_WORK.has(event.status));
  const begun = beginnings(tried);
  const reached = NAMES.filter((name) => begun.has(name));
  return NAMES.map((name) => {
    if (!begun.has(name)) return { name, state: isPassed(name, reached, end) ? "skipped" : "next", from: null, to: null };
    const after = reached[reached.indexOf(name) + 1];
    const to = (after ? begun.get(after) : end?.created_at) ?? null;
    return { name, state: stateOf(after, end), from: begun.get(name), to };
  });
}

/** What came since it was put back into the queue, as it is when its worker was lost. */
function lastTry(events) {
  const queued = events.map((event) => event.status).lastIndexOf("queued");
  return events.slice(Math.max(queued, 0));
}

function beginnings(events) {
  const begun = new Map();
  for (const { status, phase, created_at: at } of events) {
    const name = phase ?? "queue";
    if (AT_WORK.has(status) && !begun.has(name)) begun.set(name, at);
  }
  return begun;
}

function isPassed(name, reached, end) {
  return Boolean(end) || reached.some((other) => NAMES.indexOf(other) > NAMES.indexOf(name));
}

function stateOf(after, end) {
  if (after) return "done";
  return end ? (ENDS[end.status] ?? "done") : "now";
}
