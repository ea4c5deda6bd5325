/** The live log of the application in production. */
import { html, useMemo } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { Empty } from "../../lib/ui.js";
import { LogStore } from "../../log/store.js";
import { LogViewer } from "../../log/viewer.js";
import { DeployButton } from "./deploy_dialog.js";
import { hasRole } from "./roles.js";

export default function Logs({ project }) {
  const id = project.current_deployment_id;
  const store = useMemo(() => new LogStore(), [id]);
  if (id === null) {
    const action = hasRole(project, "member") && html`<${DeployButton} project=${project} />`;
    return html`<${Empty} title="No logs yet" icon="terminal" action=${action}>The application's output appears here after the first deployment.<//>`;
  }
  return html`
    <div class="stack">
      <p class="hint">The application's output in production. Build logs are on the <${Link} to=${`/projects/${project.id}/deployments`}>deployment pages<//>.</p>
      <${LogViewer} key=${id} deploymentId=${id} store=${store} phase="run" fileName="${project.slug}.log" />
    </div>
  `;
}
