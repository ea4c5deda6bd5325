/** Sets one env var, a new one or another value of one. */
import { api } from "../../lib/api.js";
import { html, useRef } from "../../lib/html.js";
import { FormDialog, Input, Select, Textarea, toast } from "../../lib/ui.js";
import { SCOPE_OPTIONS, SCOPES } from "./scopes.js";

/** @param {{project: object, variable?: object, onDone: () => Promise<unknown>, onClose: () => void}} props */
export function EnvDialog({ project, variable, onDone, onClose }) {
  const place = useRef(null);
  const set = async ({ key, scope }) => {
    const answer = await api.post("/env", {
      project_id: project.id,
      key: variable?.key ?? key,
      // As it was typed: what a form gives is without the spaces around it.
      value: place.current.querySelector("textarea").value,
      scope: variable?.scope ?? scope,
    });
    toast.say(`${answer.key} is set.`);
    await onDone();
    onClose();
  };
  return html`
    <${FormDialog} title=${variable ? `Change ${variable.key}` : "Add an env var"} label="Env var" action=${variable ? "Change it" : "Set it"} onSubmit=${set} onClose=${onClose}>
      ${
        variable
          ? html`<p>Seen by: ${SCOPES[variable.scope].label.toLowerCase()}. The value that it has cannot be shown; what you type takes its place.</p>`
          : html`<${Input} name="key" label="Name" isMono required placeholder="DATABASE_URL" />`
      }
      <div ref=${place}>
        <${Textarea} name="value" label="Value" isMono rows="3" autocomplete="off" hint="Taken as it is, with all its lines and spaces." />
      </div>
      ${!variable && html`<${Select} name="scope" label="Seen by" options=${SCOPE_OPTIONS} value="all" />`}
    <//>
  `;
}
