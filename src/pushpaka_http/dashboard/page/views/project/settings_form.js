/** One group of settings; only what was changed is sent. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { Card, Checkbox, Facts, Form, Input, Note, Submit } from "../../lib/ui.js";
import { DeployButton } from "./deploy_dialog.js";

/** @param {{group: object, project: object, plan: object | null, isAllowed: boolean, onSaved: (project: object) => void}} props */
export function SettingsForm({ group, project, plan, isAllowed, onSaved }) {
  const [isSaved, setIsSaved] = useState(false);
  if (!isAllowed) return html`<${Shown} group=${group} project=${project} />`;
  const save = async (values) => {
    const changes = changesIn(values, project);
    if (Object.keys(changes).length > 0) onSaved(await api.patch(`/projects/${project.id}`, changes));
    setIsSaved(true);
  };
  return html`
    <${Card} title=${group.title} hint=${group.effect}>
      <${Form} label=${group.title} onSubmit=${save} onInput=${() => setIsSaved(false)}>
        <div class="fields">
          ${group.fields.map((each) => html`<${Setting} key=${each.name} field=${each} value=${project[each.name]} plan=${plan} />`)}
        </div>
        ${isSaved && html`<${Saved} project=${project} />`}
        <div class="actions"><${Submit}>Save<//></div>
      <//>
    <//>
  `;
}

/** For who may only look. */
function Shown({ group, project }) {
  const facts = group.fields.map(({ name, label, suffix, placeholder, planned, isChoice }) => {
    const value = project[name];
    if (isChoice) return [label, value ? "Yes" : "No"];
    if (value === null) return [label, html`<span class="hint">${placeholder ?? (planned && "detected")}</span>`];
    return [label, suffix ? `${value} ${suffix}` : String(value)];
  });
  return html`<${Card} title=${group.title}><${Facts} facts=${facts} /><//>`;
}

function Setting({ field: { planned, isChoice, ...field }, value, plan }) {
  if (isChoice) return html`<${Checkbox} ...${field} checked=${value} />`;
  const holds = plan && planned?.(plan);
  const placeholder = holds || field.placeholder || (planned && "detected");
  const hint = holds && value === null ? `Left open: “${holds}” is what the repository says or leads to.` : field.hint;
  return html`<${Input} ...${field} value=${value ?? ""} placeholder=${placeholder} hint=${hint} />`;
}

function Saved({ project }) {
  return html`
    <${Note} kind="good">
      <div class="row apart">
        <p role="status">Saved.</p>
        ${project.current_deployment_id && html`<${DeployButton} project=${project} kind="plain">Deploy with it<//>`}
      </div>
    <//>
  `;
}

/** What differs from what holds; an empty field takes a choice back. */
export const changesIn = (values, project) =>
  Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== project[name]));
