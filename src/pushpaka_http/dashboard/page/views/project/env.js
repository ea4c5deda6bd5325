/** The env vars of a project: which there are, never what they hold. */
import { api, query } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Ago, Badge, Button, Card, Confirm, Empty, Problem, Skeleton, toast } from "../../lib/ui.js";
import { EnvChanged } from "./env_changed.js";
import { EnvDialog } from "./env_dialog.js";
import { EnvPaste } from "./env_paste.js";
import { may } from "./roles.js";
import { SCOPES } from "./scopes.js";

export default function EnvVars({ project, reload: reloadProject }) {
  const { data, error, reload } = useResource(`/env${query({ project_id: project.id })}`);
  /** {kind: "set" | "paste" | "remove", variable?: object} */
  const [asked, setAsked] = useState(null);
  const close = () => setAsked(null);
  const refresh = () => Promise.all([reload(), reloadProject()]);

  if (error && !data) return html`<${Problem} error=${error} retry=${reload} />`;
  if (!data) return html`<${Card} title="Env vars"><${Skeleton} lines=${4} height=${32} /><//>`;
  const isAllowed = may(project, "member");
  const actions = isAllowed && html`<${Adding} ask=${setAsked} />`;
  const hint = "Values are kept encrypted and shown to nobody. A deployment has those of the moment at which it is asked for.";
  return html`
    <div class="stack">
      <${EnvChanged} project=${project} />
      <${Card} title="Env vars" hint=${hint} actions=${data.data.length > 0 && actions} isFlush>
        ${
          data.data.length === 0
            ? html`<${Nothing} action=${actions} isAllowed=${isAllowed} />`
            : html`<ul class="entries" aria-label="Env vars">${data.data.map((each) => html`<${Variable} key=${each.id} variable=${each} isAllowed=${isAllowed} ask=${setAsked} />`)}</ul>`
        }
      <//>
      ${asked?.kind === "set" && html`<${EnvDialog} ...${{ project, onClose: close, onDone: refresh }} variable=${asked.variable} />`}
      ${asked?.kind === "paste" && html`<${EnvPaste} ...${{ project, present: data.data, onClose: close, onDone: refresh }} />`}
      ${asked?.kind === "remove" && html`<${Removing} ...${{ project, onClose: close, onDone: refresh }} variable=${asked.variable} />`}
    </div>
  `;
}

function Adding({ ask }) {
  return html`
    <${Button} icon="copy" onClick=${() => ask({ kind: "paste" })}>Paste a .env file<//>
    <${Button} kind="primary" icon="plus" onClick=${() => ask({ kind: "set" })}>Add<//>
  `;
}

function Variable({ variable, isAllowed, ask }) {
  const { key, scope, updated_at: time } = variable;
  return html`
    <li class="member">
      <div>
        <code class="strong">${key}</code>
        <p class="hint">set <${Ago} time=${time} /></p>
      </div>
      <div class="row">
        <${Badge} tone=${scope === "production" ? "good" : "idle"}>${SCOPES[scope].label}<//>
        ${
          isAllowed &&
          html`
            <${Button} size="small" kind="quiet" onClick=${() => ask({ kind: "set", variable })}>Change<span class="unseen"> ${key}</span><//>
            <${Button} size="small" kind="quiet" icon="trash" label=${`Remove ${key}`} onClick=${() => ask({ kind: "remove", variable })} />
          `
        }
      </div>
    </li>
  `;
}

function Removing({ project, variable: { key, scope }, onClose, onDone }) {
  const remove = async () => {
    await api.delete("/env", { project_id: project.id, key, scope });
    toast.say(`${key} was removed.`);
    await onDone();
  };
  return html`
    <${Confirm} title=${`Remove ${key}?`} action="Remove it" onConfirm=${remove} onClose=${onClose}>
      <p>Its value for <strong>${SCOPES[scope].label.toLowerCase()}</strong> is gone then: nobody can look it up. What runs keeps it until the next deployment.</p>
    <//>
  `;
}

function Nothing({ action, isAllowed }) {
  return html`
    <${Empty} title="No env vars yet" icon="key" action=${isAllowed && html`<div class="row">${action}</div>`}>
      ${
        isAllowed
          ? "Passwords, keys and addresses that the application needs, and that do not belong into its repository."
          : "A member of the team can set what the application needs."
      }
    <//>
  `;
}
