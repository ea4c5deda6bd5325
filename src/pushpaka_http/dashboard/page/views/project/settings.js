/** The settings of a project. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { imageOf } from "../../lib/sources.js";
import { Button, Card } from "../../lib/ui.js";
import { MissingVariables } from "../new-project/env.js";
import { Plan } from "../new-project/plan.js";
import { DangerZone } from "./danger.js";
import { hasRole } from "./roles.js";
import { SettingsForm, SettingsList } from "./settings_form.js";

export default function Settings({ project, set }) {
  const [plan, setPlan] = useState(null);
  if (!hasRole(project, "member")) return html`<div class="stack loose settings"><${SettingsList} project=${project} /></div>`;
  const detect = async () => setPlan(await api.post(`/projects/${project.id}/plan`, {}));
  return html`
    <div class="stack loose settings">
      ${!imageOf(project.repo_url) && html`<${Detection} ...${{ project, plan, detect }} />`}
      <${SettingsForm} ...${{ project, plan }} onSaved=${set} />
      <${DangerZone} project=${project} />
    </div>
  `;
}

function Detection({ project, plan, detect }) {
  const button = html`<${Button} icon="search" onClick=${detect}>${plan ? "Detect again" : "Detect settings"}<//>`;
  if (!plan) {
    return html`
      <${Card} title="Detected settings" actions=${button}>
        <p>Pushpaka detects the values of empty fields from the repository at each deployment. Detect them now to see each value and the reason for it.</p>
      <//>
    `;
  }
  return html`
    <div class="stack">
      <${Plan} plan=${plan} />
      <${MissingVariables} id=${project.id} env=${plan.env} onSet=${detect} />
      <div class="row">${button}<span class="hint">Detection uses the saved settings.</span></div>
    </div>
  `;
}
