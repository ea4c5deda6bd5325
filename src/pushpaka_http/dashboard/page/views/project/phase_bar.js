/** The durations of the phases of a deployment as a bar. */
import { useNow } from "../../lib/clock.js";
import { duration } from "../../lib/format.js";
import { html, useEffect, useRef } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { PHASES, phaseDurations } from "../deployment/phase_times.js";

/** @param {{deployment: object, longest: number}} props `longest`: the milliseconds of a full bar */
export function PhaseBar({ deployment, longest }) {
  const { status, phase, finished_at: finishedAt } = deployment;
  const now = useNow(finishedAt === null ? 500 : 0);
  const { data, reload } = useResource(`/deployments/${deployment.id}/events`);
  const step = `${status} ${phase}`;
  const loadedStep = useRef(step);
  useEffect(() => {
    if (loadedStep.current !== step) reload();
    loadedStep.current = step;
  }, [step]);

  const phases = data ? phaseDurations(data.data, finishedAt === null ? now : Date.parse(finishedAt)) : [];
  const total = phases.reduce((sum, { ms }) => sum + ms, 0);
  const text = phases.map(({ phase: name, ms }) => `${PHASES[name]} ${duration(ms)}`).join(", ");
  return html`
    <div class="phase-bar">
      <div class="track" role="img" aria-label=${text || "No phases yet"} title=${text}>
        ${phases.map(({ phase: name, ms }, index) => {
          const isRunning = finishedAt === null && index === phases.length - 1;
          return html`<i key=${index} class="${name} ${isRunning ? "on" : ""}" style=${{ width: `${(100 * ms) / Math.max(longest, total, 1)}%` }}></i>`;
        })}
      </div>
      <span class="duration">${total ? duration(total) : "–"}</span>
    </div>
  `;
}

/** The colors of the phases. */
export function PhaseLegend() {
  return html`
    <ul class="phase-legend" aria-label="Phase colors">
      ${Object.entries(PHASES).map(([phase, name]) => html`<li key=${phase}><i class=${phase} aria-hidden="true"></i>${name}</li>`)}
    </ul>
  `;
}
