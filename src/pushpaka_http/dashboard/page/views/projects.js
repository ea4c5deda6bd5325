/** The list of projects with their latest deployments. */
import { useDeploymentEvents } from "../lib/events.js";
import { hostOf, words } from "../lib/format.js";
import { html, useRef, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { Link } from "../lib/router.js";
import { imageOf } from "../lib/sources.js";
import { Button, Commit, Empty, ExternalLink, Icon, Input, PageHead, Problem, Skeleton, Status, TimeAgo, toneOf } from "../lib/ui.js";

/** The number of projects from which a search field is shown. */
const MIN_SEARCHABLE = 9;
const LATEST = "/deployments?target=production&limit=100";
const THROTTLE_MILLISECONDS = 200;

export default function Projects() {
  const projects = useResource("/projects");
  const latest = useResource(LATEST);
  const [search, setSearch] = useState("");
  const reloadSoon = useThrottled(projects.reload);
  useDeploymentEvents({
    onChange(deployment) {
      latest.set((page) => withDeployment(page, deployment));
      reloadSoon();
    },
    onReconnect() {
      projects.reload();
      latest.reload();
    },
  });

  const all = projects.data?.data;
  const shown = all?.filter((project) => matches(project, search));
  const actions = all?.length > 0 && html`<${Button} kind="primary" icon="plus" to="/new">New project<//>`;
  return html`
    <${PageHead} title="Projects" actions=${actions} />
    <div class="stack">
      ${projects.error && html`<${Problem} error=${projects.error} retry=${projects.reload} />`}
      ${!all && !projects.error && html`<div class="columns">${[1, 2, 3].map((each) => html`<${Skeleton} key=${each} height=${150} />`)}</div>`}
      ${all?.length === 0 && html`<${FirstProject} />`}
      ${all?.length >= MIN_SEARCHABLE && html`<${Search} onSearch=${setSearch} />`}
      ${
        shown?.length > 0 &&
        html`<ul class="columns projects">
          ${shown.map((project) => html`<${Project} key=${project.id} project=${project} latest=${latest.data?.data} />`)}
        </ul>`
      }
      ${all?.length > 0 && shown.length === 0 && html`<${Empty} icon="search" title="No matching projects">Search for a name, an address or a repository.<//>`}
    </div>
  `;
}

/** The card of a project, which links to its page. */
function Project({ project, latest }) {
  const listed = latest?.find((each) => each.project_id === project.id);
  const isMissing = latest && !listed && project.status !== "inactive";
  const loaded = useResource(isMissing ? `/deployments?project_id=${project.id}&target=production&limit=1` : null);
  const last = listed ?? loaded.data?.data[0];
  const isNew = project.status === "inactive" && project.role === "owner";
  const image = imageOf(project.repo_url);
  return html`
    <li class="card project">
      <div class="content stack tight">
        <div class="row apart">
          <h2><${Link} class="whole" to=${isNew ? `/new?project=${project.id}` : `/projects/${project.id}`}>${project.name}<//></h2>
          <${Status} of=${project.status} phase=${last?.phase} />
        </div>
        ${
          isNew
            ? html`<p class="address hint">${project.repo_url}</p>`
            : project.url && html`<${ExternalLink} class="address" href=${project.url}>${hostOf(project.url)}<${Icon} name="external" size=${14} /><//>`
        }
        <div class="last">
          ${last && !image ? html`<${Commit} of=${last} />` : html`<span class="commit"><span class="ref"><${Icon} name="branch" size=${14} />${image ?? project.branch}</span></span>`}
          <p class="hint">${last ? html`${outcomeOf(last)} <${TimeAgo} time=${last.finished_at ?? last.created_at} />` : html`Created <${TimeAgo} time=${project.created_at} />`}</p>
        </div>
      </div>
    </li>
  `;
}

/** Return the verb for the latest deployment. */
function outcomeOf({ status }) {
  if (["failed", "cancelled", "superseded"].includes(status)) return words(status);
  return ["wait", "busy"].includes(toneOf(status)) ? "Started" : "Deployed";
}

function FirstProject() {
  const action = html`<${Button} kind="primary" icon="plus" to="/new">New project<//>`;
  return html`
    <${Empty} icon="branch" title="Deploy your first project" action=${action}>
      Enter a Git repository, review the plan, and deploy the application to its own address.
    <//>
  `;
}

function Search({ onSearch }) {
  return html`
    <search class="search">
      <${Input} type="search" name="q" label="Search" placeholder="Name, address or repository" onInput=${(event) => onSearch(event.target.value)} />
    </search>
  `;
}

/** Return the page of deployments with a changed or new one. */
function withDeployment(page, deployment) {
  if (!page || deployment.target !== "production") return page;
  const isListed = page.data.some(({ id }) => id === deployment.id);
  const data = page.data.map((each) => (each.id === deployment.id ? deployment : each));
  return { ...page, data: isListed ? data : [deployment, ...page.data] };
}

/** Return a function that calls `work` at most once in a while. */
function useThrottled(work) {
  const timer = useRef(null);
  return () => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      work();
    }, THROTTLE_MILLISECONDS);
  };
}

const matches = ({ name, slug, repo_url: repository }, search) =>
  `${name} ${slug} ${repository}`.toLowerCase().includes(search.trim().toLowerCase());
