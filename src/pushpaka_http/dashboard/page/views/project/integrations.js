/** The integrations of a project: webhooks, the deploy key and notifications. */
import { html } from "../../lib/html.js";
import { DeployKey } from "./deploy_key.js";
import { Notifications } from "./notifications.js";
import { Webhooks } from "./webhooks.js";

export default function Integrations({ project, reload }) {
  return html`
    <div class="stack loose">
      <${Webhooks} project=${project} />
      <${DeployKey} project=${project} reload=${reload} />
      <${Notifications} project=${project} />
    </div>
  `;
}
