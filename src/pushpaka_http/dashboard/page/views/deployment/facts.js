/** What a deployment is: where it answers, what it was made of, by whom. */
import { hostOf } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { Ago, Badge, Card, Commit, Copy, Duration, Icon } from "../../lib/ui.js";

const FROM = { rollback: "An earlier one", redeploy: "The one before", promote: "A preview" };

/** @param {{deployment: object, project: object | undefined, nameOf: (userId: string) => string}} props */
export function DeploymentFacts({ deployment, project, nameOf }) {
  const { target, kind, source_deployment_id: source, commit_sha, commit_message, framework, url } = deployment;
  const isCurrent = project?.current_deployment_id === deployment.id;
  const facts = [
    ["Address", url && html`<${Address} url=${url} isServing=${deployment.status === "running"} />`, "wide"],
    ["Target", html`<${Target} target=${target} isCurrent=${isCurrent} />`],
    ["Took", html`<${Duration} ...${took(deployment)} />`],
    ["By", nameOf(deployment.user_id)],
    ["Commit", commit_sha || commit_message ? html`<${Commit} of=${{ ...deployment, branch: null }} />` : "The newest of the branch", "wide"],
    ["Branch", html`<${Icon} name="branch" size=${14} />${deployment.branch}`],
    ["Asked for", html`<${Ago} time=${deployment.created_at} />`],
    ["Made from", source && html`<${Link} to=${`/deployments/${source}`}>${FROM[kind]}<//>`],
    ["Framework", framework],
    ["Image", deployment.image && html`<code>${deployment.image}</code>`, "wide"],
    ["Instances", isCurrent && project.replicas],
  ].filter(([, value]) => value);
  return html`
    <${Card} class="deployment-facts">
      <dl>${facts.map(([name, value, looks]) => html`<div key=${name} class=${looks}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <//>
  `;
}

function Target({ target, isCurrent }) {
  const branch = target.startsWith("preview:") && target.slice("preview:".length);
  return html`
    ${branch ? html`Preview of <code>${branch}</code>` : "Production"} ${isCurrent && html`<${Badge} tone="good">Current<//>`}
  `;
}

function Address({ url, isServing }) {
  if (!isServing) return html`<span class="host">${hostOf(url)}</span>`;
  return html`<a class="host" href=${url} target="_blank" rel="noreferrer">${hostOf(url)} <${Icon} name="external" size=${14} /></a><${Copy} text=${url} label="Copy the address" />`;
}

function took({ status, started_at: from, finished_at: to, duration_ms: ms }) {
  return status === "queued" ? {} : { ms, from, to };
}
