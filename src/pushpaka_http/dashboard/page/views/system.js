/** The instance, for those who run it: its health, what waits, what was done, and on what it runs. */
import { useMoves } from "../lib/events.js";
import { count, words } from "../lib/format.js";
import { html, useEffect } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { useUser } from "../lib/session.js";
import { Ago, Badge, Button, Card, Empty, Facts, PageHead, Problem, Skeleton, Table } from "../lib/ui.js";
import { Deployments, Durations, Phases } from "./system/activity.js";

/** Of heartbeats, and of what others deploy, there is no event. */
const HEARTBEATS = 15_000;

export default function System() {
  return useUser().role === "admin" ? html`<${Overview} />` : html`<${ForOthers} />`;
}

function Overview() {
  const system = useResource("/system");
  const activity = useResource("/system/activity");
  const health = useResource("/health");
  const reload = () => Promise.all([system.reload(), activity.reload(), health.reload()]);
  useMoves({ moved: reload, readAnew: reload });
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), HEARTBEATS);
    return () => clearInterval(timer);
  }, []);

  return html`
    <${PageHead} title="System" beside=${health.data && html`<${Overall} of=${health.data.status} />`} />
    <div class="stack system">
      ${system.error && html`<${Problem} error=${system.error} retry=${reload} />`}
      <${Numbers} system=${system.data} days=${activity.data?.days} />
      ${activity.error && html`<${Problem} error=${activity.error} retry=${activity.reload} />`}
      <${Deployments} days=${activity.data?.days} />
      <div class="columns wide">
        <${Durations} days=${activity.data?.days} />
        <${Phases} phases=${activity.data?.phases} />
      </div>
      <${Workers} workers=${system.data?.workers} />
      ${system.data?.nodes && html`<${Nodes} nodes=${system.data.nodes} />`}
      <div class="columns wide">
        <${Checks} checks=${health.data?.checks} />
        <${Instance} system=${system.data} />
      </div>
    </div>
  `;
}

const Overall = ({ of: status }) => html`<${Badge} tone=${status === "ok" ? "good" : "bad"}>${status === "ok" ? "all is well" : "degraded"}<//>`;

function Numbers({ system, days }) {
  const capacity = system?.workers.reduce((sum, worker) => sum + worker.concurrency, 0);
  const sum = (name) => days?.reduce((total, day) => total + day[name], 0);
  const ended = days && sum("succeeded") + sum("failed");
  const oldest = system?.queue.oldest_waiting_since;
  return html`
    <dl class="numbers">
      <${Number} name="Waiting" value=${system?.queue.waiting}>${oldest ? html`since <${Ago} time=${oldest} />` : "nothing waits"}<//>
      <${Number} name="In work" value=${system?.queue.in_work}>${capacity !== undefined && `of ${capacity} at a time`}<//>
      <${Number} name="Workers" value=${system?.workers.length}>${system?.workers.length === 0 ? "nothing is deployed" : "that live"}<//>
      <${Number} name="Succeeded" value=${days && (ended ? `${Math.round((100 * sum("succeeded")) / ended)} %` : "–")}>
        ${days && `${count(ended, "deployment")} in 30 days`}
      <//>
    </dl>
  `;
}

function Number({ name, value, children }) {
  return html`
    <div class="card">
      <dt>${name}</dt>
      <dd>${value ?? html`<span class="hint">…</span>`}</dd>
      <dd class="hint">${children || "\u00a0"}</dd>
    </div>
  `;
}

function Workers({ workers }) {
  if (!workers) return html`<${Card} title="Workers"><${Skeleton} lines=${2} height=${24} /><//>`;
  if (!workers.length) {
    return html`
      <${Card} title="Workers">
        <${Empty} title="No worker lives" icon="alert">
          What waits is deployed once one is there. Start it by <code>pushpaka worker</code>, or by <code>pushpaka serve</code>.
        <//>
      <//>
    `;
  }
  const columns = [
    { head: "Name", isNarrow: true, cell: ({ name }) => html`<span class="strong">${name}</span>` },
    { head: "Node", cell: ({ node }) => node },
    { head: "Jobs", isNarrow: true, cell: ({ jobs, concurrency }) => `${jobs} of ${concurrency}` },
    { head: "Version", isNarrow: true, cell: ({ version }) => html`<code>${version}</code>` },
    { head: "Started", isNarrow: true, cell: ({ started_at: at }) => html`<${Ago} time=${at} />` },
    { head: "Last seen", isNarrow: true, cell: ({ last_heartbeat_at: at }) => html`<${Ago} time=${at} />` },
  ];
  return html`<${Card} title="Workers" isFlush><${Table} label="Workers" columns=${columns} rows=${workers} /><//>`;
}

function Nodes({ nodes }) {
  const columns = [
    { head: "Name", cell: ({ name }) => html`<span class="strong">${name}</span>` },
    { head: "Address", cell: ({ address }) => html`<code>${address}</code>` },
    { head: "Role", isNarrow: true, cell: ({ role }) => role },
    { head: "State", isNarrow: true, cell: ({ state }) => html`<${Badge} tone=${state === "ready" ? "good" : "bad"}>${state}<//>` },
    { head: "Availability", isNarrow: true, cell: ({ availability }) => availability },
  ];
  return html`<${Card} title="Nodes" isFlush><${Table} label="Nodes" columns=${columns} rows=${nodes} keyOf=${({ name }) => name} /><//>`;
}

const SEEN = new Map([
  [true, { tone: "good", text: "works" }],
  [false, { tone: "bad", text: "does not work" }],
  [null, { tone: "idle", text: "not used here" }],
]);

function Checks({ checks }) {
  const seen = (works) => html`<${Badge} tone=${SEEN.get(works).tone}>${SEEN.get(works).text}<//>`;
  return html`
    <${Card} title="Health">
      ${checks ? html`<${Facts} facts=${Object.entries(checks).map(([name, works]) => [words(name), seen(works)])} />` : html`<${Skeleton} lines=${3} />`}
    <//>
  `;
}

function Instance({ system }) {
  const facts = system && [
    ["Version", html`<code>${system.version}</code>`],
    ["Base domain", html`<code>${system.base_domain}</code>`],
    ["Runtime", system.runtime],
    ["Router", system.router],
    ["Database", system.database],
    ["Redis", system.redis ? "used" : "not used"],
    ["Node", system.node],
  ];
  return html`<${Card} title="Instance">${facts ? html`<${Facts} facts=${facts} />` : html`<${Skeleton} lines=${5} />`}<//>`;
}

function ForOthers() {
  return html`
    <${PageHead} title="System" />
    <${Empty} title="This is for administrators" icon="lock" action=${html`<${Button} to="/">Go to the projects<//>`}>
      The operator makes one by <code>pushpaka users admin</code>.
    <//>
  `;
}
