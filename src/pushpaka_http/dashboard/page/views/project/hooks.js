/** How a project and the world around it speak: pushes come in, its repository opens, news go out. */
import { html } from "../../lib/html.js";
import { DeployKey } from "./deploy_key.js";
import { Notifications } from "./notifications.js";
import { Webhooks } from "./webhooks.js";

export default function Hooks({ project, reload }) {
  return html`
    <div class="stack loose">
      <${Webhooks} project=${project} />
      <${DeployKey} project=${project} reload=${reload} />
      <${Notifications} project=${project} />
    </div>
  `;
}
