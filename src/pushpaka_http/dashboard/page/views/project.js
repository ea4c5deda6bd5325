/** A project: its header and tabs. */
import { useDeploymentEvents } from "../lib/events.js";
import { hostOf } from "../lib/format.js";
import { html } from "../lib/html.js";
import { ModuleFailed, useModule } from "../lib/modules.js";
import { useResource } from "../lib/resource.js";
import { imageOf } from "../lib/sources.js";
import { Badge, Button, Empty, ExternalLink, PageHead, Problem, Skeleton, Status, Tabs } from "../lib/ui.js";
import { DeployButton } from "./project/deploy_dialog.js";
import { hasRole } from "./project/roles.js";

const TABS = {
  overview: { label: "Overview", path: "", load: () => import("./project/overview.js") },
  deployments: { label: "Deployments", load: () => import("./project/deployments.js") },
  logs: { label: "Logs", load: () => import("./project/logs.js") },
  env: { label: "Environment", load: () => import("./project/env.js") },
  storage: { label: "Storage", load: () => import("./project/storage.js") },
  domains: { label: "Domains", load: () => import("./project/domains.js") },
  integrations: { label: "Integrations", load: () => import("./project/integrations.js") },
  members: { label: "Members", load: () => import("./project/members.js") },
  settings: { label: "Settings", load: () => import("./project/settings.js") },
};

const PATH = [{ to: "/", label: "Projects" }];

export default function Project({ params: { id, tab }, location }) {
  const { data: project, error, reload, set } = useResource(`/projects/${id}`);
  useDeploymentEvents({ onChange: (deployment) => deployment.project_id === id && reload(), onReconnect: reload });

  if (!project && error) return html`<${ProjectFailed} error=${error} retry=${reload} />`;
  if (!project) return html`<${PageHead} title=" " here="Project" path=${PATH} /><${Skeleton} lines=${4} height=${64} />`;
  const base = `/projects/${id}`;
  const tabs = Object.entries(TABS).map(([name, { label, path = `/${name}` }]) => ({ to: base + path, label }));
  const isOverview = tab === "overview";
  return html`
    <${PageHead}
      title=${project.name}
      path=${isOverview ? PATH : [...PATH, { to: base, label: project.name }]}
      here=${isOverview ? project.name : TABS[tab].label}
      beside=${html`<${Status} of=${project.status} />`}
      actions=${html`<${Actions} project=${project} />`}
    >
      <${Summary} project=${project} />
    <//>
    <${Tabs} label="Project" tabs=${tabs} />
    <${Tab} key=${tab} tab=${tab} tabProps=${{ project, reload, set, location }} />
  `;
}

function Actions({ project }) {
  return html`
    ${project.current_deployment_id && project.url && html`<${Button} href=${project.url} icon="external">Visit<//>`}
    ${hasRole(project, "member") && html`<${DeployButton} project=${project} />`}
  `;
}

function Summary({ project }) {
  return html`
    <div class="row project-about">
      ${project.url && html`<${ExternalLink} href=${project.url}>${hostOf(project.url)}<//>`}
      <span class="hint">${imageOf(project.repo_url) ?? `${project.repo_url} · ${project.branch}`}</span>
      ${project.role !== "owner" && html`<${Badge}>You are a ${project.role}<//>`}
    </div>
  `;
}

function Tab({ tab, tabProps }) {
  const { Loaded, isFailed } = useModule(`project/${tab}`, TABS[tab].load);
  if (isFailed) return html`<${ModuleFailed} />`;
  return Loaded ? html`<${Loaded} ...${tabProps} />` : html`<${Skeleton} lines=${3} height=${64} />`;
}

function ProjectFailed({ error, retry }) {
  if (error.status !== 404) return html`<${Problem} error=${error} retry=${retry} />`;
  return html`
    <${PageHead} title="Project" path=${PATH} />
    <${Empty} title="Project not found" icon="search" action=${html`<${Button} to="/">Go to projects<//>`}>
      The project was deleted, or you are not a member. Ask the owner for an invitation.
    <//>
  `;
}
