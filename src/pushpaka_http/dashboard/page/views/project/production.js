/** The active deployment of production. */
import { api } from "../../lib/api.js";
import { useDeploymentEvents } from "../../lib/events.js";
import { count, hostOf } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Link, navigate } from "../../lib/router.js";
import { imageOf } from "../../lib/sources.js";
import { Button, Card, Commit, Copy, DescriptionList, ExternalLink, Loaded, Status, TimeAgo } from "../../lib/ui.js";
import { DeployButton } from "./deploy_dialog.js";
import { hasRole } from "./roles.js";

const EXPLANATIONS = {
  crashed: "The application keeps crashing. Pushpaka restarts it with increasing delays. Check the log.",
  stopped: "The application is stopped. Visitors see a page that says so.",
};

export function Production({ project, actions }) {
  const id = project.current_deployment_id;
  const resource = useResource(id && `/deployments/${id}`);
  useDeploymentEvents({ onChange: (deployment) => deployment.id === id && resource.set(deployment), onReconnect: resource.reload });
  if (id === null) return html`<${NotDeployed} project=${project} />`;
  const deployment = resource.data;
  const explanation = EXPLANATIONS[project.status];
  return html`
    <${Card} title="Production" actions=${deployment && html`<${Actions} ...${{ project, deployment, actions }} />`}>
      <${Loaded} resource=${resource} lines=${4} height=${16}>
        ${() => html`
          <div class="stack">
            ${explanation && html`<p>${explanation}${project.status === "crashed" && deployment.error && html` <span class="reason">${deployment.error}</span>`}</p>`}
            <${DescriptionList} items=${detailsOf(project, deployment)} />
          </div>
        `}
      <//>
    <//>
  `;
}

function detailsOf(project, deployment) {
  const isStopped = project.status === "stopped";
  return [
    ["Status", html`<${Status} of=${isStopped ? "stopped" : deployment.status} />`],
    ["Address", !project.url ? "None: there is no web process" : html`<span class="row"><${ExternalLink} href=${project.url}>${hostOf(project.url)}<//><${Copy} text=${project.url} label="Copy the address" /></span>`],
    ["Commit", !imageOf(project.repo_url) && html`<${Commit} of=${deployment} />`],
    ["Deployed", html`<span class="deployed-at"><${Link} to=${`/deployments/${deployment.id}`}>#${deployment.sequence}<//> <${TimeAgo} time=${deployment.finished_at ?? deployment.created_at} /></span>`],
    ["Instances", !isStopped && project.url && count(project.replicas, "instance")],
    ["Framework", deployment.framework],
    ["Image", deployment.image && html`<code>${deployment.image}</code>`],
  ];
}

function Actions({ project, deployment, actions }) {
  if (!hasRole(project, "member")) return null;
  if (project.status === "stopped") {
    const start = async () => {
      const started = await api.post(`/projects/${project.id}/start`);
      navigate(`/deployments/${started.id}`);
    };
    return html`<${Button} size="small" icon="play" onClick=${start}>Start<//>`;
  }
  const shown = actions.actionsFor(deployment).filter(({ name }) => ["restart", "stop"].includes(name));
  return shown.map(
    ({ name, label, icon, isDangerous, onSelect }) =>
      html`<${Button} key=${name} size="small" kind=${isDangerous ? "danger" : "plain"} icon=${icon} onClick=${onSelect}>${label}<//>`,
  );
}

function NotDeployed({ project }) {
  return html`
    <${Card} title="Production" actions=${hasRole(project, "member") && html`<${DeployButton} project=${project} kind="plain" />`}>
      <p>Nothing is deployed to <code>${hostOf(project.url)}</code> yet.</p>
    <//>
  `;
}
