/** The phases of a deployment as a bar: how long it is shows how long they took. */
import { useNow } from "../../lib/clock.js";
import { duration } from "../../lib/format.js";
import { html, useEffect, useRef } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { PHASES, phasesOf, totalOf } from "./phases.js";

/**
 * @param {{deployment: object, longest: number}} props `longest`: the milliseconds that a full bar
 *   stands for
 */
export function PhaseBar({ deployment, longest }) {
  const { status, phase, finished_at: finishedAt } = deployment;
  const now = useNow(finishedAt === null ? 500 : 0);
  const { data, reload } = useResource(`/deployments/${deployment.id}/events`);
  const step = `${status} ${phase}`;
  const seen = useRef(step);
  useEffect(() => {
    if (seen.current !== step) reload();
    seen.current = step;
  }, [step]);

  const phases = data ? phasesOf(data.data, finishedAt === null ? now : Date.parse(finishedAt)) : [];
  const total = totalOf(phases);
  const said = phases.map(({ phase: name, ms }) => `${PHASES[name]} ${duration(ms)}`).join(", ");
  return html`
    <div class="phase-bar">
      <div class="track" role="img" aria-label=${said || "Its phases are not known yet"} title=${said}>
        ${phases.map(({ phase: name, ms }, at) => {
          const isOn = finishedAt === null && at === phases.length - 1;
          return html`<i key=${at} class="${name} ${isOn ? "on" : ""}" style=${{ width: `${(100 * ms) / Math.max(longest, total, 1)}%` }}></i>`;
        })}
      </div>
      <span class="duration">${total ? duration(total) : "–"}</span>
    </div>
  `;
}

/** Which colour is which phase. */
export function PhaseLegend() {
  return html`
    <ul class="phase-legend" aria-label="Colours of the phases">
      ${Object.entries(PHASES).map(([phase, name]) => html`<li key=${phase}><i class=${phase} aria-hidden="true"></i>${name}</li>`)}
    </ul>
  `;
}
