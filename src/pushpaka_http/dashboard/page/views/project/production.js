/** What production serves: where, what, since when and with how much; and what to do with it. */
import { api } from "../../lib/api.js";
import { useMoves } from "../../lib/events.js";
import { count, hostOf } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Link, navigate } from "../../lib/router.js";
import { Ago, Button, Card, Commit, Copy, Facts, Problem, Skeleton, Status } from "../../lib/ui.js";
import { DeployButton } from "./deploy_dialog.js";
import { may } from "./roles.js";

/** What stands beside the state, where it does not speak for itself. */
const SAID = {
  crashed: "It keeps ending by itself and is started again, more and more seldom. Its log says why.",
  stopped: "It was stopped. Visitors see a page that says so.",
};

export function Production({ project, verbs }) {
  const id = project.current_deployment_id;
  const { data: deployment, error, reload, set } = useResource(id && `/deployments/${id}`);
  useMoves({ moved: (moved) => moved.id === id && set(moved), readAnew: reload });
  if (id === null) return html`<${NotServed} project=${project} />`;
  if (!deployment) {
    return html`<${Card} title="Production">${error ? html`<${Problem} error=${error} retry=${reload} />` : html`<${Skeleton} lines=${4} />`}<//>`;
  }
  return html`
    <${Card} title="Production" actions=${html`<${Actions} project=${project} deployment=${deployment} verbs=${verbs} />`}>
      <div class="stack">
        ${SAID[project.status] && html`<p>${SAID[project.status]}${project.status === "crashed" && deployment.error && html` <span class="reason">${deployment.error}</span>`}</p>`}
        <${Facts} facts=${factsOf(project, deployment)} />
      </div>
    <//>
  `;
}

function factsOf(project, deployment) {
  const isStopped = project.status === "stopped";
  return [
    ["State", html`<${Status} of=${isStopped ? "stopped" : deployment.status} />`],
    [
      "Address",
      html`<span class="row"><a href=${project.url} target="_blank" rel="noopener noreferrer">${hostOf(project.url)}</a><${Copy} text=${project.url} label="Copy the address" /></span>`,
    ],
    ["Commit", html`<${Commit} of=${deployment} />`],
    [
      "Deployed",
      html`<span class="said"><${Link} to=${`/deployments/${deployment.id}`}>#${deployment.sequence}<//> <${Ago} time=${deployment.finished_at ?? deployment.created_at} /></span>`,
    ],
    ["Runs as", !isStopped && count(project.replicas, "instance")],
    ["Framework", deployment.framework],
    ["Image", deployment.image && html`<code>${deployment.image}</code>`],
  ];
}

function Actions({ project, deployment, verbs }) {
  if (!may(project, "member")) return null;
  if (project.status === "stopped") {
    const start = async () => {
      const started = await api.post(`/projects/${project.id}/start`);
      navigate(`/deployments/${started.id}`);
    };
    return html`<${Button} size="small" icon="play" onClick=${start}>Start<//>`;
  }
  const wanted = verbs.offered(deployment).filter(({ name }) => ["restart", "stop"].includes(name));
  return wanted.map(
    ({ name, label, icon, isDangerous, onSelect }) =>
      html`<${Button} key=${name} size="small" kind=${isDangerous ? "danger" : "plain"} icon=${icon} onClick=${onSelect}>${label}<//>`,
  );
}

function NotServed({ project }) {
  return html`
    <${Card} title="Production" actions=${may(project, "member") && html`<${DeployButton} project=${project} kind="plain" />`}>
      <p>Nothing serves yet at <code>${hostOf(project.url)}</code>: no deployment has got there so far.</p>
    <//>
  `;
}
