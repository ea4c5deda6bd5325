/** The phases of a deployment, computed from its events. */

/** The labels of the phases, in order. Rollbacks skip `source` and `build`. */
export const PHASES = {
  queued: "Queued",
  source: "Source",
  build: "Build",
  release: "Release",
  start: "Start",
  switch: "Switch",
};

const NAMES = Object.keys(PHASES);
const IN_PROGRESS = new Set(["queued", "building", "deploying"]);
const END_STATES = { failed: "failed", cancelled: "ended", superseded: "ended" };

const phaseOf = ({ status, phase }) => (status === "queued" ? "queued" : phase);

/**
 * @typedef {object} Step
 * @property {string} name the phase
 * @property {"done" | "now" | "failed" | "ended" | "skipped" | "next"} state
 * @property {string | null} from the time of its start
 * @property {string | null} to the time of its end
 */

/**
 * Return all phases with their states.
 *
 * @param {{status: string, phase: string | null, created_at: string}[]} events oldest first
 * @returns {Step[]}
 */
export function stepsOf(events) {
  // A deployment returns to the queue when its worker is lost: only the last attempt counts.
  const queued = events.map((event) => event.status).lastIndexOf("queued");
  const attempt = events.slice(Math.max(queued, 0));
  const end = attempt.find((event) => !IN_PROGRESS.has(event.status));
  const started = new Map();
  for (const event of attempt) {
    const name = phaseOf(event) ?? "queued";
    if (IN_PROGRESS.has(event.status) && !started.has(name)) started.set(name, event.created_at);
  }
  const reached = NAMES.filter((name) => started.has(name));
  return NAMES.map((name, index) => {
    if (!started.has(name)) {
      const isPassed = Boolean(end) || reached.some((other) => NAMES.indexOf(other) > index);
      return { name, state: isPassed ? "skipped" : "next", from: null, to: null };
    }
    const after = reached[reached.indexOf(name) + 1];
    const to = (after ? started.get(after) : end?.created_at) ?? null;
    const lastState = end ? (END_STATES[end.status] ?? "done") : "now";
    return { name, state: after ? "done" : lastState, from: started.get(name), to };
  });
}

/**
 * Return the durations of the phases until the deployment was active or ended.
 *
 * @param {{status: string, phase: string | null, created_at: string}[]} events oldest first
 * @param {number} until the end of the last phase in milliseconds, or the current time
 * @returns {{phase: string, ms: number}[]}
 */
export function phaseDurations(events, until) {
  const found = [];
  for (const [index, event] of events.entries()) {
    const phase = phaseOf(event);
    if (!IN_PROGRESS.has(event.status) || !(phase in PHASES)) break;
    const next = events[index + 1];
    const ms = Math.max(0, (next ? Date.parse(next.created_at) : until) - Date.parse(event.created_at));
    const last = found.at(-1);
    if (last?.phase === phase) last.ms += ms;
    else found.push({ phase, ms });
  }
  return found;
}
