/** From the events of a deployment to the phases that it went through, and how long each took. */

/** What each phase does, in the order in which they come. */
export const PHASES = {
  queued: "Waiting",
  source: "Source",
  build: "Build",
  release: "Release",
  start: "Start",
  switch: "Switch",
};

const AT_WORK = ["queued", "building", "deploying"];

/**
 * The phases until it served or ended.
 *
 * @param {{status: string, phase: string | null, created_at: string}[]} events the oldest first
 * @param {number} until milliseconds: when the last of them ended, or now while it goes on
 * @returns {{phase: string, ms: number}[]}
 */
export function phasesOf(events, until) {
  const found = [];
  for (const [at, event] of events.entries()) {
    const phase = event.status === "queued" ? "queued" : event.phase;
    if (!AT_WORK.includes(event.status) || !(phase in PHASES)) break;
    const next = events[at + 1];
    const ms = Math.max(0, (next ? Date.parse(next.created_at) : until) - Date.parse(event.created_at));
    const before = found.at(-1);
    if (before?.phase === phase) before.ms += ms;
    else found.push({ phase, ms });
  }
  return found;
}

/** How long all of it took. */
export const totalOf = (phases) => phases.reduce((sum, { ms }) => sum + ms, 0);
