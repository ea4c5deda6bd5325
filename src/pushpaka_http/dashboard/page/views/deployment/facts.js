/** What a deployment is: where it answers, what it was made of, by whom. */
import { hostOf } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { Ago, Badge, Card, Commit, Copy, Duration, Icon } from "../../lib/ui.js";

/** @param {{deployment: object, project: object | undefined, nameOf: (userId: string) => string}} props */
export function DeploymentFacts({ deployment, project, nameOf }) {
  const { target, kind, source_deployment_id: source, framework, url } = deployment;
  const isCurrent = project?.current_deployment_id === deployment.id;
  const facts = [
    ["Address", html`<${Address} url=${url} isServing=${deployment.status === "running"} />`],
    [
      "Target",
      html`${target === "production" ? "Production" : html`Preview of <code>${target.slice("preview:".length)}</code>`}
        ${isCurrent && html` <${Badge} tone="good">Current<//>`}`,
    ],
    ["Branch", html`<${Icon} name="branch" size=${14} /> ${deployment.branch}`],
    ["By", nameOf(deployment.user_id)],
    ["Commit", deployment.commit_sha ? html`<${Commit} of=${{ ...deployment, branch: null }} />` : "The newest of the branch", "wide"],
    ["Asked for", html`<${Ago} time=${deployment.created_at} />${source ? html`, as a <${Link} to=${`/deployments/${source}`}>${kind} of an earlier one<//>` : ""}`],
    ["Took", html`<${Duration} ...${took(deployment)} />`],
    ["Framework", framework],
    ["Instances", isCurrent && project.replicas],
  ].filter(([, value]) => value);
  return html`
    <${Card} class="deployment-facts">
      <dl>${facts.map(([name, value, looks]) => html`<div key=${name} class=${looks}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <//>
  `;
}

function Address({ url, isServing }) {
  if (!url) return "–";
  if (!isServing) return html`<span class="host">${hostOf(url)}</span>`;
  return html`<a class="host" href=${url} target="_blank" rel="noreferrer">${hostOf(url)} <${Icon} name="external" size=${14} /></a><${Copy} text=${url} label="Copy the address" />`;
}

function took({ status, started_at: from, finished_at: to, duration_ms: ms }) {
  return status === "queued" ? {} : { ms, from, to };
}
