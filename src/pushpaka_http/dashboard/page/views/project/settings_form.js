/** The form with all settings, which submits only changes, and a read-only list of them. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { Card, Checkbox, DescriptionList, Form, FormProblem, Input, Select, Submit } from "../../lib/ui.js";
import { imageOf, urlOfImage } from "../../lib/sources.js";
import { GitToken } from "./git_token.js";
import { RegistryCredentials, credentialsOf } from "./registry_credentials.js";
import { groupsOf } from "./setting_fields.js";

/** @param {{project: object, plan: object | null, onSaved: (project: object) => void}} props */
export function SettingsForm({ project, plan, onSaved }) {
  const [message, setMessage] = useState("");
  const [savedSecrets, setSavedSecrets] = useState(0);
  const isImage = imageOf(project.repo_url) !== null;
  const save = async (fields) => {
    const { git_token: token, ...values } = isImage ? credentialsOf(fields) : fields;
    if (isImage) values.repo_url = urlOfImage(values.repo_url);
    const changes = Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== project[name]));
    if (token) changes.git_token = token;
    const hasChanges = Object.keys(changes).length > 0;
    if (hasChanges) onSaved(await api.patch(`/projects/${project.id}`, changes));
    if (token || changes.registry_credentials) setSavedSecrets(savedSecrets + 1);
    setMessage(hasChanges ? "Saved." : "No changes to save.");
  };
  return html`
    <${Form} label="Settings" onSubmit=${save} onInput=${() => setMessage("Unsaved changes.")} hasProblem>
      ${groupsOf(project).map(
        ({ title, hint, fields }) => html`
          <${Card} key=${title} title=${title} hint=${hint}>
            <div class="fields">
              ${fields.map((each) => html`<${Setting} key=${each.name} field=${each} value=${valueOf(project, each)} plan=${plan} />`)}
            </div>
          <//>
        `,
      )}
      <${isImage ? RegistryCredentials : GitToken} key=${savedSecrets} project=${project} onRemoved=${onSaved} />
      <${FormProblem} />
      <div class="deploy-bar"><p class="hint" role="status">${message}</p><${Submit}>Save<//></div>
    <//>
  `;
}

/** The settings for viewers. */
export function SettingsList({ project }) {
  return groupsOf(project).map(
    ({ title, fields }) => html`<${Card} title=${title}><${DescriptionList} items=${fields.map((field) => [field.label, display(field, valueOf(project, field))])} /><//>`,
  );
}

/** Return the value of a setting. An image is shown without its prefix. */
const valueOf = (project, { name }) => (name === "repo_url" && imageOf(project.repo_url)) || project[name];

function display({ suffix, placeholder, planned, isCheckbox, options }, value) {
  if (options) return options.find((each) => each.value === value)?.label ?? value;
  if (isCheckbox) return value ? "Yes" : "No";
  if (value === null) return html`<span class="hint">${placeholder ?? (planned && "detected")}</span>`;
  return suffix ? `${value} ${suffix}` : String(value);
}

function Setting({ field: { planned, isCheckbox, ...field }, value, plan }) {
  if (isCheckbox) return html`<${Checkbox} ...${field} checked=${value} />`;
  if (field.options) return html`<${Select} ...${field} value=${value} />`;
  const detected = plan && planned?.(plan);
  const placeholder = detected || field.placeholder || (planned && "detected");
  const hint = detected && value === null ? `Detected: “${detected}”.` : field.hint;
  return html`<${Input} ...${field} value=${value ?? ""} placeholder=${placeholder} hint=${hint} />`;
}
