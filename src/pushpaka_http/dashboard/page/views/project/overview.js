/** The overview of a project: production, previews and the latest deployments. */
import { query } from "../../lib/api.js";
import { useDeploymentEvents } from "../../lib/events.js";
import { firstLine } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Link } from "../../lib/router.js";
import { isPreview } from "../../lib/targets.js";
import { Button, Card, Duration, Empty, Loaded, Note, Prose, Status, TimeAgo } from "../../lib/ui.js";
import { ActiveAgain, ROLLED_BACK, isRolledBack, reasonOf } from "../deployment/rolled_back.js";
import { DeployButton } from "./deploy_dialog.js";
import { useDeploymentActions } from "./deployment_actions.js";
import { DeploymentList } from "./deployment_row.js";
import { EnvChanged } from "./env_changed.js";
import { useLiveList } from "./live.js";
import { Previews } from "./previews.js";
import { Production } from "./production.js";
import { hasRole } from "./roles.js";

const IN_PROGRESS = ["queued", "building", "deploying"];

export default function Overview({ project, reload: reloadProject }) {
  const latest = useResource(`/deployments${query({ project_id: project.id, limit: 5 })}`);
  const previews = useResource(`/deployments${query({ project_id: project.id, target: "preview", status: "running", limit: 100 })}`);
  useLiveList(project, latest);
  useDeploymentEvents({
    onChange: ({ project_id: id, target }) => id === project.id && isPreview({ target }) && previews.reload(),
    onReconnect: previews.reload,
  });
  const refresh = () => Promise.all([latest.reload(), previews.reload(), reloadProject()]);
  const actions = useDeploymentActions({ project, onDone: refresh });

  const all = html`<${Link} to=${`/projects/${project.id}/deployments`}>All deployments<//>`;
  const list = ({ data }) =>
    data.length > 0 &&
    html`<${Card} title="Latest deployments" actions=${all} isFlush>
      <${DeploymentList} label="Latest deployments" deployments=${data} project=${project} actions=${actions} />
    <//>`;
  return html`
    <div class="stack loose">
      <${EnvChanged} project=${project} />
      <${LatestState} project=${project} deployments=${latest.data?.data ?? []} />
      ${latest.data?.total === 0 ? html`<${None} project=${project} />` : html`<${Production} project=${project} actions=${actions} />`}
      ${previews.data?.total > 0 && html`<${Previews} project=${project} previews=${previews.data.data} actions=${actions} />`}
      <${Loaded} resource=${latest} lines=${5} height=${44}>${list}<//>
      ${actions.dialog}
    </div>
  `;
}

/** A note about the latest deployment to production, if it is in progress or has failed. */
function LatestState({ project, deployments }) {
  const newest = deployments.find(({ target }) => target === "production");
  if (!newest || newest.id === project.current_deployment_id) return null;
  const link = (label) => html`<${Link} to=${`/deployments/${newest.id}`}>${label} #${newest.sequence}<//>`;
  if (IN_PROGRESS.includes(newest.status)) {
    return html`
      <${Note}>
        <p class="row">
          <${Status} of=${newest.status} phase=${newest.phase} />
          <span>${link("Deployment")} has been in progress for <${Duration} from=${newest.created_at} />.</span>
        </p>
      <//>
    `;
  }
  if (newest.status !== "failed") return null;
  if (isRolledBack(newest)) {
    return html`
      <${Note} kind="bad">
        <p><strong>${ROLLED_BACK}: ${link("deployment")}</strong> <${TimeAgo} time=${newest.finished_at} />. <${Prose} text=${reasonOf(newest)} /></p>
        <p class="hint"><${ActiveAgain} deployment=${newest} /></p>
      <//>
    `;
  }
  return html`
    <${Note} kind="bad">
      <p><strong>${link("Deployment")} failed</strong> <${TimeAgo} time=${newest.finished_at ?? newest.created_at} />. <${Prose} text=${firstLine(newest.error)} /></p>
      ${project.status === "active" && html`<p class="hint">The previous deployment is still active.</p>`}
    <//>
  `;
}

function None({ project }) {
  const isMember = hasRole(project, "member");
  const action = isMember
    ? html`<div class="row"><${DeployButton} project=${project} /><${Button} to=${`/projects/${project.id}/env`}>Set environment variables<//></div>`
    : null;
  return html`
    <${Empty} title="No deployments yet" icon="up" action=${action}>
      ${isMember ? "Deploy the latest commit to put the project online." : "A project member can deploy it."}
    <//>
  `;
}
