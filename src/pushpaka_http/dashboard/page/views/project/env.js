/** The environment variables of a project. Values are never shown. */
import { api, query } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Badge, Button, ListCard, TimeAgo, toast, useDialog } from "../../lib/ui.js";
import { EnvChanged } from "./env_changed.js";
import { ImportDialog, SCOPES, VariableDialog } from "./env_dialogs.js";
import { hasRole } from "./roles.js";

export default function EnvVars({ project, reload: reloadProject }) {
  const resource = useResource(`/env${query({ project_id: project.id })}`);
  const { dialog, open, confirm } = useDialog();
  const onDone = () => Promise.all([resource.reload(), reloadProject()]);
  const isMember = hasRole(project, "member");

  const edit = (variable) => open((close) => html`<${VariableDialog} ...${{ project, variable, onDone }} onClose=${close} />`);
  const paste = () => open((close) => html`<${ImportDialog} ...${{ project, onDone }} present=${resource.data.data} onClose=${close} />`);
  const remove = ({ key, scope }) =>
    confirm({
      title: `Remove ${key}?`,
      action: "Remove",
      text: html`The value for <strong>${SCOPES[scope].label.toLowerCase()}</strong> will be deleted and cannot be recovered. Running deployments keep the variable until the next deployment.`,
      onConfirm: async () => {
        await api.delete("/env", { project_id: project.id, key, scope });
        toast.success(`${key} was removed.`);
        await onDone();
      },
    });
  const action = isMember && html`
    <div class="row">
      <${Button} icon="copy" onClick=${paste}>Import .env<//>
      <${Button} kind="primary" icon="plus" onClick=${() => edit()}>Add variable<//>
    </div>
  `;
  const text = isMember
    ? "Passwords, keys and URLs that your application needs and that do not belong in its repository."
    : "Project members can add environment variables.";
  return html`
    <div class="stack">
      <${EnvChanged} project=${project} />
      <${ListCard}
        title="Environment variables" hint="Values are stored encrypted and never shown. Changes apply to new deployments."
        resource=${resource} action=${action} empty=${{ title: "No environment variables yet", icon: "key", text }}
      >
        ${(variables) => html`
          <ul class="entries" aria-label="Environment variables">
            ${variables.map((each) => html`<${Variable} key=${each.id} variable=${each} ...${{ isMember, edit, remove }} />`)}
          </ul>
        `}
      <//>
      ${dialog}
    </div>
  `;
}

function Variable({ variable, isMember, edit, remove }) {
  const { key, scope, updated_at: time } = variable;
  return html`
    <li class="member">
      <div>
        <code class="strong">${key}</code>
        <p class="hint">Updated <${TimeAgo} time=${time} /></p>
      </div>
      <div class="row">
        <${Badge} tone=${scope === "production" ? "good" : "idle"}>${SCOPES[scope].label}<//>
        ${
          isMember &&
          html`
            <${Button} size="small" kind="quiet" onClick=${() => edit(variable)}>Edit<span class="unseen"> ${key}</span><//>
            <${Button} size="small" kind="quiet" icon="trash" label=${`Remove ${key}`} onClick=${() => remove(variable)} />
          `
        }
      </div>
    </li>
  `;
}
