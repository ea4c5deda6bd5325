/** The details of a deployment. */
import { hostOf } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { imageOf } from "../../lib/sources.js";
import { databaseOf, isPreview } from "../../lib/targets.js";
import { Badge, Card, Commit, Copy, Duration, ExternalLink, Icon, TimeAgo } from "../../lib/ui.js";

const SOURCES = { rollback: "An earlier deployment", redeploy: "The previous deployment", promote: "A preview" };

/** @param {{deployment: object, project: object | undefined, nameOf: (userId: string) => string}} props */
export function Details({ deployment, project, nameOf }) {
  const { status, kind, source_deployment_id: source, framework, url } = deployment;
  const isCurrent = project?.current_deployment_id === deployment.id;
  const { started_at: from, finished_at: to, duration_ms: ms } = deployment;
  const isImage = project && imageOf(project.repo_url) !== null;
  const isFromBranch = !isImage && databaseOf(deployment) === null;
  const items = [
    ["Address", url && html`<${Address} url=${isCurrent ? project.url : url} isActive=${status === "running"} />`, "wide"],
    ["Target", html`<${Target} of=${deployment} isCurrent=${isCurrent} />`],
    ["Duration", html`<${Duration} ...${status === "queued" ? {} : { ms, from, to }} />`],
    ["Created by", nameOf(deployment.user_id)],
    ["Commit", isFromBranch && commitOf(deployment), "wide"],
    ["Branch", isFromBranch && html`<${Icon} name="branch" size=${14} />${deployment.branch}`],
    ["Created", html`<${TimeAgo} time=${deployment.created_at} />`],
    ["Source", source && html`<${Link} to=${`/deployments/${source}`}>${SOURCES[kind]}<//>`],
    ["Framework", framework],
    ["Image", deployment.image && html`<code>${deployment.image}</code>`, "wide"],
    ["Instances", isCurrent && project.url && project.replicas],
  ].filter(([, value]) => value);
  return html`
    <${Card} class="deployment-facts">
      <dl>${items.map(([name, value, className]) => html`<div key=${name} class=${className}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <//>
  `;
}

function commitOf(deployment) {
  const { commit_sha: sha, commit_message: message } = deployment;
  return sha || message ? html`<${Commit} of=${{ ...deployment, branch: null }} />` : "Latest commit on the branch";
}

function Target({ of: deployment, isCurrent }) {
  const database = databaseOf(deployment);
  if (database) return html`Database <code>${database}</code>`;
  const branch = isPreview(deployment) && deployment.target.slice("preview:".length);
  return html`
    ${branch ? html`Preview of <code>${branch}</code>` : "Production"} ${isCurrent && html`<${Badge} tone="good">Current<//>`}
  `;
}

function Address({ url, isActive }) {
  if (!isActive) return html`<span class="host">${hostOf(url)}</span>`;
  return html`<${ExternalLink} class="host" href=${url}>${hostOf(url)} <${Icon} name="external" size=${14} /><//><${Copy} text=${url} label="Copy the address" />`;
}
