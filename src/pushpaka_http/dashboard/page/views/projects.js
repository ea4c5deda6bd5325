/** The projects, as cards: how each stands, where it answers, and what was deployed last. */
import { useMoves } from "../lib/events.js";
import { hostOf } from "../lib/format.js";
import { html, useRef, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { Link } from "../lib/router.js";
import { Ago, Button, Commit, Empty, Icon, Input, PageHead, Problem, Skeleton, Status } from "../lib/ui.js";

/** From how many on one would rather search than look. */
const MANY = 9;
const NEWEST = "/deployments?target=production&limit=100";
/** Milliseconds in which many moves cost one question. */
const SOON = 200;

export default function Projects() {
  const projects = useResource("/projects");
  const newest = useResource(NEWEST);
  const [wanted, setWanted] = useState("");
  const reloadSoon = useOnceIn(SOON, projects.reload);
  useMoves({
    moved(deployment) {
      newest.set((page) => withNews(page, deployment));
      reloadSoon();
    },
    readAnew() {
      projects.reload();
      newest.reload();
    },
  });

  const all = projects.data?.data;
  const shown = all?.filter((project) => isAbout(project, wanted));
  const actions = all?.length > 0 && html`<${Button} kind="primary" icon="plus" to="/new">New project<//>`;
  return html`
    <${PageHead} title="Projects" actions=${actions} />
    <div class="stack">
      ${projects.error && html`<${Problem} error=${projects.error} retry=${projects.reload} />`}
      ${!all && !projects.error && html`<${Loading} />`}
      ${all?.length === 0 && html`<${First} />`}
      ${all?.length >= MANY && html`<${Search} onWant=${setWanted} />`}
      ${
        shown?.length > 0 &&
        html`<ul class="columns projects">
          ${shown.map((project) => html`<${Project} key=${project.id} project=${project} newest=${newest.data?.data} />`)}
        </ul>`
      }
      ${all?.length > 0 && shown.length === 0 && html`<${Empty} icon="search" title="No project is called so">Look for another part of its name, its address or its repository.<//>`}
    </div>
  `;
}

/** One project; all of its card leads to it, and its address to what it serves. */
function Project({ project, newest }) {
  const known = newest?.find((each) => each.project_id === project.id);
  const isMissing = newest && !known && project.status !== "inactive";
  const asked = useResource(isMissing ? `/deployments?project_id=${project.id}&target=production&limit=1` : null);
  const last = known ?? asked.data?.data[0];
  const isNew = project.status === "inactive" && project.role === "owner";
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
            : html`<a class="address" href=${project.url} target="_blank" rel="noreferrer">${hostOf(project.url)}<${Icon} name="external" size=${14} /></a>`
        }
        <div class="last">
          ${last ? html`<${Commit} of=${last} />` : html`<span class="commit"><span class="ref"><${Icon} name="branch" size=${14} />${project.branch}</span></span>`}
          <p class="hint">${last ? html`Deployed <${Ago} time=${last.created_at} />` : html`Created <${Ago} time=${project.created_at} />`}</p>
        </div>
      </div>
    </li>
  `;
}

function First() {
  const action = html`<${Button} kind="primary" icon="plus" to="/new">New project<//>`;
  return html`
    <${Empty} icon="branch" title="Deploy your first project" action=${action}>
      Name a Git repository. You are shown how it would be built and run before anything is done,
      and then it answers at an address of its own.
    <//>
  `;
}

function Search({ onWant }) {
  return html`
    <search class="search">
      <${Input} type="search" name="q" label="Search" placeholder="A name, an address or a repository" onInput=${(event) => onWant(event.target.value)} />
    </search>
  `;
}

function Loading() {
  return html`<div class="columns">${[1, 2, 3].map((each) => html`<${Skeleton} key=${each} height=${150} />`)}</div>`;
}

/** The newest deployments, with one that has moved. */
function withNews(page, deployment) {
  if (!page || deployment.target !== "production") return page;
  const isKnown = page.data.some(({ id }) => id === deployment.id);
  const others = page.data.map((each) => (each.id === deployment.id ? deployment : each));
  return { ...page, data: isKnown ? others : [deployment, ...page.data] };
}

/** Have `work` done once within the time, however often it is asked for. */
function useOnceIn(milliseconds, work) {
  const timer = useRef(null);
  return () => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      work();
    }, milliseconds);
  };
}

const isAbout = ({ name, slug, repo_url: repository }, wanted) =>
  `${name} ${slug} ${repository}`.toLowerCase().includes(wanted.trim().toLowerCase());
