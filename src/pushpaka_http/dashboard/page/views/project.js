/** A project: its head, and the tab that is looked at, which is loaded then. */
import { useMoves } from "../lib/events.js";
import { hostOf } from "../lib/format.js";
import { html, useEffect, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { Badge, Button, Empty, PageHead, Problem, Skeleton, Status, Tabs } from "../lib/ui.js";
import { DeployButton } from "./project/deploy_dialog.js";
import { may } from "./project/roles.js";

const TABS = {
  overview: { label: "Overview", path: "", load: () => import("./project/overview.js") },
  deployments: { label: "Deployments", load: () => import("./project/deployments.js") },
  env: { label: "Env vars", load: () => import("./project/env.js") },
  domains: { label: "Domains", load: () => import("./project/domains.js") },
  hooks: { label: "Hooks", load: () => import("./project/hooks.js") },
  members: { label: "Members", load: () => import("./project/members.js") },
  settings: { label: "Settings", load: () => import("./project/settings.js") },
};

const loaded = new Map();

export default function Project({ params: { id, tab }, place }) {
  const { data: project, error, reload, set } = useResource(`/projects/${id}`);
  useMoves({ moved: (deployment) => deployment.project_id === id && reload(), readAnew: reload });

  if (!project) return error ? html`<${Lost} error=${error} retry=${reload} />` : html`<${Coming} />`;
  const here = `/projects/${id}`;
  const tabs = Object.entries(TABS).map(([name, { label, path = `/${name}` }]) => ({ to: here + path, label, name }));
  const title = tab === "overview" ? project.name : `${TABS[tab].label} · ${project.name}`;
  return html`
    <${PageHead}
      title=${project.name}
      windowTitle=${title}
      back=${{ to: "/", label: "Projects" }}
      beside=${html`<${Status} of=${project.status} />`}
      actions=${html`<${Actions} project=${project} />`}
    >
      <${About} project=${project} />
    <//>
    <${Tabs} label="Parts of the project" tabs=${tabs} />
    <${Part} key=${tab} tab=${tab} given=${{ project, reload, set, place }} />
  `;
}

function Actions({ project }) {
  return html`
    ${
      project.current_deployment_id &&
      html`<${Button} href=${project.url} target="_blank" rel="noopener noreferrer" icon="external">Visit<//>`
    }
    ${may(project, "member") && html`<${DeployButton} project=${project} />`}
  `;
}

function About({ project }) {
  return html`
    <div class="row project-about">
      <a href=${project.url} target="_blank" rel="noopener noreferrer">${hostOf(project.url)}</a>
      <span class="hint">${project.repo_url} · ${project.branch}</span>
      ${project.role !== "owner" && html`<${Badge}>You are a ${project.role}<//>`}
    </div>
  `;
}

/** A tab, once it is loaded. */
function Part({ tab, given }) {
  const [, setCount] = useState(0);
  const [isLost, setIsLost] = useState(false);
  useEffect(() => {
    if (loaded.has(tab)) return;
    TABS[tab].load().then(
      (module) => {
        loaded.set(tab, module.default);
        setCount((count) => count + 1);
      },
      () => setIsLost(true),
    );
  }, [tab]);

  const reopen = html`<${Button} kind="primary" onClick=${() => window.location.reload()}>Load the page again<//>`;
  if (isLost) {
    return html`<${Empty} title="This part could not be loaded" icon="refresh" action=${reopen}>
      The server cannot be reached, or has a newer version of this page.
    <//>`;
  }
  const Loaded = loaded.get(tab);
  return Loaded ? html`<${Loaded} ...${given} />` : html`<${Skeleton} lines=${3} height=${64} />`;
}

function Coming() {
  return html`<${PageHead} title=" " windowTitle="Project" back=${{ to: "/", label: "Projects" }} /><${Skeleton} lines=${4} height=${64} />`;
}

function Lost({ error, retry }) {
  if (error.status !== 404) return html`<${Problem} error=${error} retry=${retry} />`;
  return html`
    <${PageHead} title="Project" back=${{ to: "/", label: "Projects" }} />
    <${Empty} title="There is no such project" icon="search" action=${html`<${Button} to="/">Go to the projects<//>`}>
      It was deleted, or you are not in its team: ask its owner for an invitation.
    <//>
  `;
}
