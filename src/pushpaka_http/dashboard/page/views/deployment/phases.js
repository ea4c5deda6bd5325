/** The phases of a deployment and their durations. */
import { html } from "../../lib/html.js";
import { Duration } from "../../lib/ui.js";
import { PHASES, stepsOf } from "./phase_times.js";

const STATES = {
  done: "done",
  now: "in progress",
  failed: "failed",
  ended: "ended",
  skipped: "skipped",
  next: "not started",
};

/** @param {{events: object[]}} props */
export function Phases({ events }) {
  return html`
    <ol class="phases" aria-label="Phases">
      ${stepsOf(events).map(
        ({ name, state, from, to }) => html`
          <li key=${name} class=${state} aria-current=${state === "now" ? "step" : undefined}>
            <span class="name">${PHASES[name]}<span class="unseen">, ${STATES[state]}</span></span>
            <${Duration} ...${{ from, to }} />
          </li>
        `,
      )}
    </ol>
  `;
}
