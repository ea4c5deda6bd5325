/** The status of projects and deployments: a dot and a word, because color alone is not accessible. */
import { html } from "../html.js";
import { words } from "../format.js";

const TONES = {
  // Projects
  active: "good",
  building: "busy",
  inactive: "idle",
  // Deployments
  queued: "wait",
  deploying: "busy",
  running: "good",
  superseded: "idle",
  cancelled: "idle",
  // Both
  crashed: "bad",
  failed: "bad",
  stopped: "idle",
};

const LABELS = { inactive: "Never deployed" };

const FINAL = new Set(["failed", "cancelled", "superseded", "stopped"]);

/** Return the tone of a status: "good", "bad", "busy", "wait" or "idle". */
export const toneOf = (status) => TONES[status] ?? "idle";

/** Return true if a deployment with this status never changes again. */
export const isFinal = (status) => FINAL.has(status);

/**
 * The status of a project or a deployment.
 *
 * @param {{of: string, phase?: string | null}} props `phase`: shown while a deployment is in progress
 */
export function Status({ of: status, phase = null }) {
  const tone = toneOf(status);
  return html`
    <span class="status ${tone}">
      <i aria-hidden="true"></i>${LABELS[status] ?? words(status)}${tone === "busy" && phase && html`<span class="phase">${phase}</span>`}
    </span>
  `;
}
