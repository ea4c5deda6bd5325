/** How projects and deployments stand: a dot and a word, as colour alone says nothing to some. */
import { html } from "../html.js";
import { words } from "../format.js";

const TONES = {
  // Of projects.
  active: "good",
  building: "busy",
  inactive: "idle",
  // Of deployments.
  queued: "wait",
  deploying: "busy",
  running: "good",
  superseded: "idle",
  cancelled: "idle",
  // Of both.
  crashed: "bad",
  failed: "bad",
  stopped: "idle",
};

const SAID = { inactive: "Never deployed" };

const FINAL = new Set(["failed", "cancelled", "superseded", "stopped"]);

/** "good", "bad", "busy", "wait" or "idle": which colour a status has, for what stands beside it. */
export const toneOf = (status) => TONES[status] ?? "idle";

/** Whether a deployment with this status will never change again. */
export const isFinal = (status) => FINAL.has(status);

/**
 * A status of a project or of a deployment.
 *
 * @param {{of: string, phase?: string | null}} props `phase`: shown beside it while it is in work
 */
export function Status({ of: status, phase = null }) {
  const tone = toneOf(status);
  return html`
    <span class="status ${tone}">
      <i aria-hidden="true"></i>${SAID[status] ?? words(status)}${tone === "busy" && phase && html`<span class="phase">${phase}</span>`}
    </span>
  `;
}
