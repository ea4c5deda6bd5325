/** The deployments of a project, the newest first, by where they went. */
import { query } from "../../lib/api.js";
import { count } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Link } from "../../lib/router.js";
import { Button, Card, Empty, Problem, Skeleton } from "../../lib/ui.js";
import { DeployButton } from "./deploy_dialog.js";
import { DeploymentList } from "./deployment_row.js";
import { useLiveList } from "./live.js";
import { PhaseLegend } from "./phase_bar.js";
import { may } from "./roles.js";
import { useVerbs } from "./verbs.js";

const ON_A_PAGE = 10;
const FILTERS = [
  { target: "", label: "All" },
  { target: "production", label: "Production" },
  { target: "preview", label: "Previews" },
];

export default function Deployments({ project, place, reload: reloadProject }) {
  const target = place.query.get("target") ?? "";
  const page = Math.max(1, Number.parseInt(place.query.get("page") ?? "1", 10) || 1);
  const about = { project_id: project.id, target, limit: ON_A_PAGE, offset: (page - 1) * ON_A_PAGE };
  const list = useResource(`/deployments${query(about)}`);
  const { data, error, reload } = list;
  useLiveList(project, list);
  const refresh = () => Promise.all([reload(), reloadProject()]);
  const verbs = useVerbs({ project, onDone: refresh });

  const to = (values) => place.path + query({ target, ...values });
  const filters = html`
    <nav class="filters" aria-label="Which deployments">
      ${FILTERS.map((each) => html`<${Link} key=${each.target} to=${to({ target: each.target })} aria-current=${each.target === target ? "true" : undefined}>${each.label}<//>`)}
    </nav>
  `;
  return html`
    <div class="stack">
      <div class="row apart">${filters}<${PhaseLegend} /></div>
      ${error && html`<${Problem} error=${error} retry=${reload} />`}
      ${!data && !error && html`<${Card} isFlush><div class="waiting"><${Skeleton} lines=${ON_A_PAGE} height=${44} /></div><//>`}
      ${data?.total === 0 && html`<${Nothing} project=${project} target=${target} />`}
      ${
        data?.total > 0 &&
        html`
          <${Card} isFlush>
            <${DeploymentList} label="Deployments" deployments=${data.data} project=${project} verbs=${verbs} />
          <//>
          <${Pages} page=${page} total=${data.total} to=${(wanted) => to({ page: wanted })} />
        `
      }
      ${verbs.dialog}
    </div>
  `;
}

function Pages({ page, total, to }) {
  const last = Math.ceil(total / ON_A_PAGE);
  const step = (wanted, label) =>
    wanted >= 1 && wanted <= last
      ? html`<${Button} size="small" to=${to(wanted)}>${label}<//>`
      : html`<${Button} size="small" disabled>${label}<//>`;
  return html`
    <div class="row apart">
      <span class="hint">${count(total, "deployment")}${last > 1 && `, page ${page} of ${last}`}</span>
      ${last > 1 && html`<nav class="row" aria-label="Pages">${step(page - 1, "Newer")}${step(page + 1, "Older")}</nav>`}
    </div>
  `;
}

function Nothing({ project, target }) {
  const action = may(project, "member") && html`<${DeployButton} project=${project} />`;
  if (target === "preview") {
    return html`
      <${Empty} title="No previews yet" icon="branch" action=${action}>
        A preview shows a branch at an address of its own. Deploy one here, or let a webhook deploy each branch that is pushed.
      <//>
    `;
  }
  return html`
    <${Empty} title="Nothing has been deployed yet" icon="up" action=${action}>
      A deployment takes the newest commit of ${project.branch}, builds it and sends visitors to it once it answers.
    <//>
  `;
}
