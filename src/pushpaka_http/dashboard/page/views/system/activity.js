/** The activity of the instance: deployments and their durations. */
import { count, duration, number, words } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Card, Empty, Skeleton } from "../../lib/ui.js";
import { BarChart, Legend } from "./charts.js";

const OUTCOMES = [
  { name: "succeeded", label: "Succeeded", look: "good" },
  { name: "failed", label: "Failed", look: "bad" },
  { name: "cancelled", label: "Canceled", look: "idle" },
  { name: "superseded", label: "Superseded", look: "faint" },
  { name: "open", label: "Queued or running", look: "busy" },
];

const PERCENTILES = [
  { name: "median_ms", label: "p50", look: "busy" },
  { name: "p95_ms", label: "p95", look: "soft" },
];

const date = new Intl.DateTimeFormat("en-US", { day: "numeric", month: "short", timeZone: "UTC" });
const nameOf = ({ day }) => date.format(new Date(day));

export function Deployments({ days }) {
  const sumOf = (name) => days.reduce((sum, day) => sum + day[name], 0);
  const sums = days && OUTCOMES.map(({ name, label }) => ({ label, value: sumOf(name) }));
  const isEmpty = sums?.every(({ value }) => value === 0) ?? false;
  return html`
    <${Card} title="Deployments" hint="By creation date in UTC." actions=${!isEmpty && html`<${Legend} parts=${OUTCOMES} />`}>
      <${Chart} isLoaded=${days} isEmpty=${isEmpty} size="large">
        <${BarChart}
          label=${`Deployments in the last 30 days: ${sums?.map(({ label, value }) => `${number(value)} ${label.toLowerCase()}`).join(", ")}.`}
          bars=${days?.map((day) => ({ name: nameOf(day), parts: OUTCOMES.map(({ name, look }) => ({ value: day[name], look })) }))}
          columns=${OUTCOMES.map(({ label }) => label)}
          format=${number}
        />
      <//>
    <//>
  `;
}

export function Durations({ days }) {
  const longest = days && Math.max(...days.map((day) => day.p95_ms ?? 0));
  const isEmpty = days?.every((day) => day.p95_ms === null) ?? false;
  return html`
    <${Card} title="Deployment duration" hint="Successful builds only, without the time in the queue." actions=${!isEmpty && html`<${Legend} parts=${PERCENTILES} />`}>
      <${Chart} isLoaded=${days} isEmpty=${isEmpty}>
        <${BarChart}
          label=${`Duration of deployments in the last 30 days: 95th percentile up to ${duration(longest ?? 0)}.`}
          bars=${days?.map((day) => ({
            name: nameOf(day),
            parts: [
              { value: day.median_ms, look: "busy" },
              { value: day.p95_ms, look: "soft", height: day.p95_ms - day.median_ms },
            ],
          }))}
          columns=${PERCENTILES.map(({ label }) => label)}
          format=${duration}
        />
      <//>
    <//>
  `;
}

export function Phases({ phases }) {
  const longest = Math.max(1, ...(phases ?? []).map((phase) => phase.mean_ms));
  return html`
    <${Card} title="Phases" hint="Mean duration of each phase, across all deployments.">
      <${Chart} isLoaded=${phases} isEmpty=${phases?.length === 0}>
        <dl class="average-phases">
          ${phases?.map(
            ({ phase, count: deployments, mean_ms: mean }) => html`
              <div key=${phase}>
                <dt>${words(phase)}</dt>
                <dd title=${count(deployments, "deployment")}>
                  <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect class="busy" width=${(100 * mean) / longest} height="1" /></svg>
                  ${duration(mean)}
                </dd>
              </div>
            `,
          )}
        </dl>
      <//>
    <//>
  `;
}

/** Reserves the height of a chart while it loads. */
function Chart({ isLoaded, isEmpty, size = "", children }) {
  const content = isEmpty ? html`<${Empty} title="No deployments yet">Statistics appear after the first deployment.<//>` : children;
  return html`<div class="chart-place ${size}">${isLoaded ? content : html`<${Skeleton} height=${160} />`}</div>`;
}
