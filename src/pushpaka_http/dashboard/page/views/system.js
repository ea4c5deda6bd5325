/** The instance, for administrators: health, queue, activity, workers and configuration. */
import { useDeploymentEvents } from "../lib/events.js";
import { count, words } from "../lib/format.js";
import { html, useEffect } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { useUser } from "../lib/session.js";
import { Badge, Button, Card, DescriptionList, Empty, PageHead, Problem, Skeleton, Table, TimeAgo } from "../lib/ui.js";
import { Deployments, Durations, Phases } from "./system/activity.js";

/** Heartbeats, and deployments of other users, publish no events. */
const REFRESH_MILLISECONDS = 15_000;

export default function System() {
  return useUser().role === "admin" ? html`<${Overview} />` : html`<${AdministratorsOnly} />`;
}

function Overview() {
  const system = useResource("/system");
  const activity = useResource("/system/activity");
  const health = useResource("/health");
  const reload = () => Promise.all([system.reload(), activity.reload(), health.reload()]);
  useDeploymentEvents({ onChange: reload, onReconnect: reload });
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), REFRESH_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);

  const isHealthy = health.data?.status === "ok";
  const badge = health.data && html`<${Badge} tone=${isHealthy ? "good" : "bad"}>${isHealthy ? "Healthy" : "Degraded"}<//>`;
  return html`
    <${PageHead} title="System" beside=${badge} />
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

function Numbers({ system, days }) {
  const capacity = system?.workers.reduce((sum, worker) => sum + worker.concurrency, 0);
  const sum = (name) => days?.reduce((total, day) => total + day[name], 0);
  const ended = days && sum("succeeded") + sum("failed");
  const oldest = system?.queue.oldest_waiting_since;
  return html`
    <dl class="numbers">
      <${Number} name="Queued" value=${system?.queue.waiting}>${oldest ? html`oldest <${TimeAgo} time=${oldest} />` : "queue is empty"}<//>
      <${Number} name="Running" value=${system?.queue.running}>${capacity !== undefined && `of ${capacity} concurrent jobs`}<//>
      <${Number} name="Workers" value=${system?.workers.length}>${system?.workers.length === 0 ? "none running" : "running"}<//>
      <${Number} name="Success rate" value=${days && (ended ? `${Math.round((100 * sum("succeeded")) / ended)}%` : "–")}>
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
        <${Empty} title="No workers running" icon="alert">
          Queued deployments start once a worker is running. Start one with <code>pushpaka worker</code> or <code>pushpaka serve</code>.
        <//>
      <//>
    `;
  }
  const columns = [
    { head: "Name", isNarrow: true, cell: ({ name }) => html`<span class="strong">${name}</span>` },
    { head: "Node", cell: ({ node }) => node },
    { head: "Jobs", isNarrow: true, cell: ({ jobs, concurrency }) => `${jobs} of ${concurrency}` },
    { head: "Version", isNarrow: true, cell: ({ version }) => html`<code>${version}</code>` },
    { head: "Started", isNarrow: true, cell: ({ started_at: time }) => html`<${TimeAgo} time=${time} />` },
    { head: "Last heartbeat", isNarrow: true, cell: ({ last_heartbeat_at: time }) => html`<${TimeAgo} time=${time} />` },
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

const CHECK_RESULTS = new Map([
  [true, { tone: "good", text: "healthy" }],
  [false, { tone: "bad", text: "unhealthy" }],
  [null, { tone: "idle", text: "not used" }],
]);

function Checks({ checks }) {
  const badge = (result) => html`<${Badge} tone=${CHECK_RESULTS.get(result).tone}>${CHECK_RESULTS.get(result).text}<//>`;
  const items = checks && Object.entries(checks).map(([name, result]) => [words(name), badge(result)]);
  return html`<${Card} title="Health">${items ? html`<${DescriptionList} items=${items} />` : html`<${Skeleton} lines=${3} />`}<//>`;
}

function Instance({ system }) {
  const items = system && [
    ["Version", html`<code>${system.version}</code>`],
    ["Base domain", html`<code>${system.base_domain}</code>`],
    ["Runtime", system.runtime],
    ["Router", system.router],
    ["Database", system.database],
    ["Redis", system.redis ? "used" : "not used"],
    ["Node", system.node],
  ];
  return html`<${Card} title="Instance">${items ? html`<${DescriptionList} items=${items} />` : html`<${Skeleton} lines=${5} />`}<//>`;
}

function AdministratorsOnly() {
  return html`
    <${PageHead} title="System" />
    <${Empty} title="Administrators only" icon="lock" action=${html`<${Button} to="/">Go to projects<//>`}>
      The operator of this instance can make you an administrator with <code>pushpaka users admin</code>.
    <//>
  `;
}
