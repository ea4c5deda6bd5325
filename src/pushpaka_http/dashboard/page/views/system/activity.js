/** What an instance has done: deployments and how long they took, by days, and phases. */
import { count, duration, number, words } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Card, Empty, Skeleton } from "../../lib/ui.js";
import { Bars, Legend } from "./charts.js";

const OUTCOMES = [
  { name: "succeeded", label: "Succeeded", look: "good" },
  { name: "failed", label: "Failed", look: "bad" },
  { name: "cancelled", label: "Cancelled", look: "idle" },
  { name: "superseded", label: "Superseded", look: "faint" },
  { name: "open", label: "Waiting or in work", look: "busy" },
];

const DURATIONS = [
  { name: "median_ms", label: "Half of them, at most", look: "busy" },
  { name: "p95_ms", label: "19 of 20, at most", look: "soft" },
];

const dayOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const said = (day) => dayOf.format(new Date(day));

export function Deployments({ days }) {
  const total = days && sumOf(days, OUTCOMES.map(({ name }) => name));
  return html`
    <${Card} title="Deployments" hint="By the day on which they were asked for, in UTC." actions=${total !== 0 && html`<${Legend} parts=${OUTCOMES} />`}>
      <${Chart} isThere=${days} isEmpty=${total === 0} height="large">
        <${Bars}
          label=${`Deployments of the last 30 days: ${total && OUTCOMES.map(({ name, label }) => `${number(sumOf(days, [name]))} ${label.toLowerCase()}`).join(", ")}.`}
          bars=${days?.map((day) => ({ name: said(day.day), parts: OUTCOMES.map(({ name, look }) => ({ value: day[name], look })) }))}
          columns=${OUTCOMES.map(({ label }) => label)}
          write=${number}
        />
      <//>
    <//>
  `;
}

export function Durations({ days }) {
  const longest = days && Math.max(...days.map((day) => day.p95_ms ?? 0));
  const isEmpty = days?.every((day) => day.p95_ms === null) ?? false;
  return html`
    <${Card} title="Time to deploy" hint="Of those that were built and have run, without the wait." actions=${!isEmpty && html`<${Legend} parts=${DURATIONS} />`}>
      <${Chart} isThere=${days} isEmpty=${isEmpty}>
        <${Bars}
          label=${`How long deployments took in the last 30 days: at most ${duration(longest ?? 0)} for 19 of 20.`}
          bars=${days?.map((day) => ({
            name: said(day.day),
            parts: [
              { value: day.median_ms, look: "busy" },
              { value: day.p95_ms, look: "soft", height: day.p95_ms - day.median_ms },
            ],
          }))}
          columns=${DURATIONS.map(({ label }) => label)}
          write=${(value) => duration(value)}
        />
      <//>
    <//>
  `;
}

export function Phases({ phases }) {
  const longest = Math.max(1, ...(phases ?? []).map((phase) => phase.mean_ms));
  return html`
    <${Card} title="Phases" hint="How long each takes on the average, ever since.">
      <${Chart} isThere=${phases} isEmpty=${phases?.length === 0}>
        <dl class="average-phases">
          ${phases?.map(
            ({ phase, times, mean_ms: mean }) => html`
              <div key=${phase}>
                <dt>${words(phase)}</dt>
                <dd title=${count(times, "time")}>
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

/** Has the place of a chart from the beginning, whatever comes into it. */
function Chart({ isThere, isEmpty, height = "", children }) {
  const inside = isEmpty ? html`<${Empty} title="Nothing was deployed yet">What is deployed is counted here.<//>` : children;
  return html`<div class="chart-place ${height}">${isThere ? inside : html`<${Skeleton} height=${160} />`}</div>`;
}

const sumOf = (days, names) => days.reduce((sum, day) => sum + names.reduce((all, name) => all + day[name], 0), 0);
