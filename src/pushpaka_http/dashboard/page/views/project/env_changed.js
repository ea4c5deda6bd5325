/** Says that what runs does not have today's env vars, and offers to mend that. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { Button, Note } from "../../lib/ui.js";
import { may } from "./roles.js";

export function EnvChanged({ project }) {
  if (!project.env_changed) return null;
  const redeploy = async () => {
    const deployment = await api.post(`/deployments/${project.current_deployment_id}/redeploy`);
    navigate(`/deployments/${deployment.id}`);
  };
  const isServed = ["active", "crashed", "building"].includes(project.status);
  return html`
    <${Note} kind="warn">
      <div class="row apart">
        <p><strong>The env vars have changed.</strong> What production runs does not have them yet: a deployment takes them up.</p>
        ${may(project, "member") && isServed && html`<${Button} size="small" icon="refresh" onClick=${redeploy}>Redeploy with them<//>`}
      </div>
    <//>
  `;
}
