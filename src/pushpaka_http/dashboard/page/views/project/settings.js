/** How a project is built and run: what is chosen here, and what its repository leaves to us. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { Button, Card } from "../../lib/ui.js";
import { NeededEnv } from "../new-project/env.js";
import { Plan } from "../new-project/plan.js";
import { Danger } from "./danger.js";
import { GitToken } from "./git_token.js";
import { may } from "./roles.js";
import { GROUPS } from "./setting_fields.js";
import { SettingsForm } from "./settings_form.js";

export default function Settings({ project, set }) {
  const [plan, setPlan] = useState(null);
  const isAllowed = may(project, "member");
  const look = async () => setPlan(await api.post(`/projects/${project.id}/plan`, {}));
  const forms = GROUPS.map(
    (group) => html`<${SettingsForm} key=${group.title} ...${{ group, project, plan, isAllowed }} onSaved=${set} />`,
  );
  return html`
    <div class="stack loose settings">
      ${isAllowed && html`<${Detection} ...${{ project, plan, look }} />`} ${forms}
      ${isAllowed && html`<${GitToken} project=${project} onSaved=${set} />`}
      ${isAllowed && html`<${Danger} project=${project} />`}
    </div>
  `;
}

/** The plan, once it was asked for: that takes a look into the repository. */
function Detection({ project, plan, look }) {
  const button = html`<${Button} icon="search" onClick=${look}>${plan ? "Look again" : "Look at the repository"}<//>`;
  if (!plan) {
    return html`
      <${Card} title="What is detected" actions=${button}>
        <p>What is left open below is found out from the repository, at each deployment. Have it looked at to see what that is now, and why.</p>
      <//>
    `;
  }
  return html`
    <div class="stack">
      <${Plan} plan=${plan} />
      <${NeededEnv} id=${project.id} env=${plan.env} onSet=${look} />
      <div class="row">${button}<span class="hint">Of what is saved, not of what is typed below.</span></div>
    </div>
  `;
}
