/** The phases of a deployment beside each other: how far it is, and how long each took. */
import { html } from "../../lib/html.js";
import { words } from "../../lib/format.js";
import { Duration } from "../../lib/ui.js";
import { stepsOf } from "./steps.js";

const SAID = {
  done: "done",
  now: "in work",
  failed: "failed here",
  ended: "ended here",
  skipped: "not needed",
  next: "to come",
};

/** @param {{events: object[]}} props the timeline */
export function Phases({ events }) {
  return html`
    <ol class="phases" aria-label="Phases">
      ${stepsOf(events).map(
        ({ name, state, from, to }) => html`
          <li key=${name} class=${state} aria-current=${state === "now" ? "step" : undefined}>
            <span class="name">${words(name)}<span class="unseen">, ${SAID[state]}</span></span>
            <${Duration} ...${{ from, to }} />
          </li>
        `,
      )}
    </ol>
  `;
}
