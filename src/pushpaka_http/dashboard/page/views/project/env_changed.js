/** A notice that production runs with outdated environment variables. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { Button, Note } from "../../lib/ui.js";
import { hasRole } from "./roles.js";

export function EnvChanged({ project }) {
  if (!project.env_changed) return null;
  const redeploy = async () => {
    const deployment = await api.post(`/deployments/${project.current_deployment_id}/redeploy`);
    navigate(`/deployments/${deployment.id}`);
  };
  const isActive = ["active", "crashed", "building"].includes(project.status);
  return html`
    <${Note} kind="warn">
      <div class="row apart">
        <p><strong>Environment variables have changed.</strong> Redeploy to apply the changes to production.</p>
        ${hasRole(project, "member") && isActive && html`<${Button} size="small" icon="refresh" onClick=${redeploy}>Redeploy<//>`}
      </div>
    <//>
  `;
}
