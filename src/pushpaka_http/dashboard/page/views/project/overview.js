/** What serves, what is on its way, and what was deployed last. */
import { query } from "../../lib/api.js";
import { useMoves } from "../../lib/events.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Link } from "../../lib/router.js";
import { Ago, Button, Card, Duration, Empty, Note, Problem, Prose, Skeleton, Status } from "../../lib/ui.js";
import { DeployButton } from "./deploy_dialog.js";
import { DeploymentList } from "./deployment_row.js";
import { EnvChanged } from "./env_changed.js";
import { useLiveList } from "./live.js";
import { Previews } from "./previews.js";
import { Production } from "./production.js";
import { may } from "./roles.js";
import { useVerbs } from "./verbs.js";

const UNDER_WAY = ["queued", "building", "deploying"];

export default function Overview({ project, reload: reloadProject }) {
  const latest = useResource(`/deployments${query({ project_id: project.id, limit: 5 })}`);
  const previews = useResource(`/deployments${query({ project_id: project.id, target: "preview", status: "running", limit: 100 })}`);
  useLiveList(project, latest);
  useMoves({
    moved: ({ project_id: id, target }) => id === project.id && target !== "production" && previews.reload(),
    readAnew: previews.reload,
  });
  const refresh = () => Promise.all([latest.reload(), previews.reload(), reloadProject()]);
  const verbs = useVerbs({ project, onDone: refresh });

  const recent = latest.data?.data ?? [];
  const more = html`<${Link} to=${`/projects/${project.id}/deployments`}>All deployments<//>`;
  return html`
    <div class="stack loose">
      <${EnvChanged} project=${project} />
      <${Attention} project=${project} recent=${recent} />
      ${
        latest.data?.total === 0
          ? html`<${Nothing} project=${project} />`
          : html`<${Production} project=${project} verbs=${verbs} />`
      }
      ${previews.data?.total > 0 && html`<${Previews} project=${project} previews=${previews.data.data} verbs=${verbs} />`}
      ${latest.error && html`<${Problem} error=${latest.error} retry=${latest.reload} />`}
      ${!latest.data && !latest.error && html`<${Skeleton} lines=${5} height=${44} />`}
      ${
        recent.length > 0 &&
        html`<${Card} title="Latest deployments" actions=${more} isFlush>
          <${DeploymentList} label="Latest deployments" deployments=${recent} project=${project} verbs=${verbs} />
        <//>`
      }
      ${verbs.dialog}
    </div>
  `;
}

/** What is on its way to production, or did not get there although something newer was wanted. */
function Attention({ project, recent }) {
  const newest = recent.find(({ target }) => target === "production");
  if (!newest || newest.id === project.current_deployment_id) return null;
  const link = html`<${Link} to=${`/deployments/${newest.id}`}>deployment #${newest.sequence}<//>`;
  if (UNDER_WAY.includes(newest.status)) {
    return html`
      <${Note}>
        <p class="row">
          <${Status} of=${newest.status} phase=${newest.phase} />
          <span>${link} is on its way, since <${Duration} from=${newest.created_at} />.</span>
        </p>
      <//>
    `;
  }
  if (newest.status !== "failed") return null;
  return html`
    <${Note} kind="bad">
      <p><strong>The last ${link} has failed</strong> <${Ago} time=${newest.finished_at ?? newest.created_at} />. <${Prose} text=${newest.error.split("\n", 1)[0]} /></p>
      ${project.status === "active" && html`<p class="hint">What was deployed before still serves.</p>`}
    <//>
  `;
}

function Nothing({ project }) {
  const isAllowed = may(project, "member");
  const action = isAllowed
    ? html`<div class="row"><${DeployButton} project=${project} /><${Button} to=${`/projects/${project.id}/env`}>Set env vars first<//></div>`
    : null;
  return html`
    <${Empty} title="Nothing is deployed yet" icon="up" action=${action}>
      ${
        isAllowed
          ? "Deploy the newest commit, and visitors are sent to it as soon as it answers."
          : "A member of the team can deploy it; you will see it here as it happens."
      }
    <//>
  `;
}
