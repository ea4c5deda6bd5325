/** The deployments of a project, newest first. */
import { query } from "../../lib/api.js";
import { count } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Link } from "../../lib/router.js";
import { imageOf } from "../../lib/sources.js";
import { Button, Card, Empty, Problem, Skeleton } from "../../lib/ui.js";
import { DeployButton } from "./deploy_dialog.js";
import { useDeploymentActions } from "./deployment_actions.js";
import { DeploymentList } from "./deployment_row.js";
import { useLiveList } from "./live.js";
import { PhaseLegend } from "./phase_bar.js";
import { hasRole } from "./roles.js";

const PAGE_SIZE = 10;
const FILTERS = [
  { target: "", label: "All" },
  { target: "production", label: "Production" },
  { target: "preview", label: "Previews" },
];

export default function Deployments({ project, location, reload: reloadProject }) {
  const target = location.query.get("target") ?? "";
  const page = Math.max(1, Number.parseInt(location.query.get("page") ?? "1", 10) || 1);
  const filter = { project_id: project.id, target, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE };
  const list = useResource(`/deployments${query(filter)}`);
  const { data, error, reload } = list;
  useLiveList(project, list);
  const actions = useDeploymentActions({ project, onDone: () => Promise.all([reload(), reloadProject()]) });

  const to = (values) => location.path + query({ target, ...values });
  const filters = html`
    <nav class="filters" aria-label="Filter deployments">
      ${FILTERS.map((each) => html`<${Link} key=${each.target} to=${to({ target: each.target })} aria-current=${each.target === target ? "true" : undefined}>${each.label}<//>`)}
    </nav>
  `;
  return html`
    <div class="stack">
      <div class="row apart">${filters}<${PhaseLegend} /></div>
      ${error && html`<${Problem} error=${error} retry=${reload} />`}
      ${!data && !error && html`<${Card} isFlush><div class="waiting"><${Skeleton} lines=${PAGE_SIZE} height=${44} /></div><//>`}
      ${data?.total === 0 && html`<${None} project=${project} target=${target} />`}
      ${
        data?.total > 0 &&
        html`
          <${Card} isFlush>
            <${DeploymentList} label="Deployments" deployments=${data.data} project=${project} actions=${actions} />
          <//>
          <${Pages} page=${page} total=${data.total} to=${(number) => to({ page: number })} />
        `
      }
      ${actions.dialog}
    </div>
  `;
}

function Pages({ page, total, to }) {
  const last = Math.ceil(total / PAGE_SIZE);
  const step = (number, label) => {
    const isAvailable = number >= 1 && number <= last;
    return html`<${Button} size="small" to=${isAvailable ? to(number) : undefined} disabled=${!isAvailable}>${label}<//>`;
  };
  return html`
    <div class="row apart">
      <span class="hint">${count(total, "deployment")}${last > 1 && `, page ${page} of ${last}`}</span>
      ${last > 1 && html`<nav class="row" aria-label="Pages">${step(page - 1, "Newer")}${step(page + 1, "Older")}</nav>`}
    </div>
  `;
}

function None({ project, target }) {
  const action = hasRole(project, "member") && html`<${DeployButton} project=${project} />`;
  if (target === "preview") {
    return html`
      <${Empty} title="No previews yet" icon="branch" action=${action}>
        A preview deploys a branch to its own address. Deploy one here, or let a webhook deploy each pushed branch.
      <//>
    `;
  }
  const image = imageOf(project.repo_url);
  return html`
    <${Empty} title="No deployments yet" icon="up" action=${action}>
      A deployment ${image ? `pulls ${image}` : `builds the latest commit of ${project.branch}`} and switches traffic to it once it is healthy.
    <//>
  `;
}
