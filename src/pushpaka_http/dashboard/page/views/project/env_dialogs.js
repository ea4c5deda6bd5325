/** Dialogs that set environment variables, one by one or from a .env file. */
import { api } from "../../lib/api.js";
import { parseDotenv } from "../../lib/dotenv.js";
import { count } from "../../lib/format.js";
import { html, useMemo, useRef, useState } from "../../lib/html.js";
import { Badge, FormDialog, Input, Note, Select, Textarea, toast } from "../../lib/ui.js";

/** The deployments that receive a variable. */
export const SCOPES = {
  all: { label: "All deployments", hint: "production and previews" },
  production: { label: "Production", hint: "overrides all deployments" },
  preview: { label: "Previews", hint: "overrides all deployments" },
};

const SCOPE_OPTIONS = Object.entries(SCOPES).map(([value, { label, hint }]) => ({ value, label: `${label} (${hint})` }));

/** @param {{project: object, variable?: object, onDone: () => Promise<unknown>, onClose: () => void}} props */
export function VariableDialog({ project, variable, onDone, onClose }) {
  const field = useRef(null);
  const save = async ({ key, scope }) => {
    const saved = await api.post("/env", {
      project_id: project.id,
      key: variable?.key ?? key,
      // Read from the control, because the values of a form are trimmed.
      value: field.current.querySelector("textarea").value,
      scope: variable?.scope ?? scope,
    });
    toast.success(`${saved.key} was saved.`);
    await onDone();
  };
  return html`
    <${FormDialog} title=${variable ? `Edit ${variable.key}` : "Add variable"} label="Environment variable" action="Save" onSubmit=${save} onClose=${onClose}>
      ${
        variable
          ? html`<p>Scope: ${SCOPES[variable.scope].label.toLowerCase()}. The current value cannot be shown. Enter a new value to replace it.</p>`
          : html`<${Input} name="key" label="Name" isMono required placeholder="DATABASE_URL" />`
      }
      <div ref=${field}>
        <${Textarea} name="value" label="Value" isMono rows="3" autocomplete="off" hint="The value is stored as entered, including spaces and line breaks." />
      </div>
      ${!variable && html`<${Select} name="scope" label="Scope" options=${SCOPE_OPTIONS} value="all" />`}
    <//>
  `;
}

/** @param {{project: object, present: object[], onDone: () => Promise<unknown>, onClose: () => void}} props */
export function ImportDialog({ project, present, onDone, onClose }) {
  const [text, setText] = useState("");
  const [scope, setScope] = useState("all");
  const [excluded, setExcluded] = useState(new Set());
  const [rejected, setRejected] = useState({});
  const parsed = useMemo(() => parseDotenv(text), [text]);
  const included = parsed.variables.filter(({ key }) => !excluded.has(key));

  const change = (next) => {
    setText(next);
    setRejected({});
  };
  const toggle = (key) => {
    const next = new Set(excluded);
    if (!next.delete(key)) next.add(key);
    setExcluded(next);
  };
  const save = async () => {
    const variables = Object.fromEntries(included.map(({ key, value }) => [key, value]));
    try {
      await api.put(`/projects/${project.id}/env`, { variables, scope });
    } catch (error) {
      setRejected(Object.fromEntries((error.details ?? []).map(({ field, message }) => [field.replace(/^variables\./, ""), message])));
      throw error;
    }
    toast.success(`${count(included.length, "variable was", "variables were")} saved.`);
    await onDone();
  };

  const action = included.length ? `Save ${count(included.length, "variable")}` : "Save";
  return html`
    <${FormDialog} title="Import .env" label="Import .env" action=${action} disabled=${included.length === 0} onSubmit=${save} onClose=${onClose}>
      <${Source} text=${text} onChange=${change} />
      <${Select} name="scope" label="Scope" options=${SCOPE_OPTIONS} value=${scope} onChange=${(event) => setScope(event.target.value)} />
      ${
        parsed.problems.length > 0 &&
        html`<${Note} kind="warn">
          <ul aria-label="Problems">${parsed.problems.map(({ line, message }) => html`<li key=${line + message}>Line ${line}: ${message}</li>`)}</ul>
        <//>`
      }
      ${parsed.variables.length > 0 && html`<${Preview} variables=${parsed.variables} ...${{ present, scope, excluded, rejected, toggle }} />`}
    <//>
  `;
}

/** The text of the file. Its control has no name, so that it is not among the values of the form. */
function Source({ text, onChange }) {
  const readFile = async (event) => onChange(await event.target.files[0].text());
  return html`
    <div class="field">
      <label for="env-source">Contents</label>
      <div class="input mono">
        <textarea id="env-source" rows="6" spellcheck=${false} autocomplete="off" aria-describedby="env-source-hint" placeholder=${'# Example\nDATABASE_URL="postgres://…"'} value=${text} onInput=${(event) => onChange(event.target.value)}></textarea>
      </div>
      <p class="hint" id="env-source-hint">
        Or <label class="file-choice">choose a file<input type="file" class="unseen" onChange=${readFile} /></label>.
        Quotes, comments, <code>export</code> and multiline values are supported. References such as <code>$NAME</code> are not expanded. Other variables are kept.
      </p>
    </div>
  `;
}

/** The variables to save. Only the lengths of values are shown. */
function Preview({ variables, present, scope, excluded, rejected, toggle }) {
  const existing = new Set(present.filter((each) => each.scope === scope).map(({ key }) => key));
  return html`
    <fieldset class="env-preview">
      <legend>Variables to save</legend>
      <ul>
        ${variables.map(
          ({ key, value }) => html`
            <li key=${key}>
              <label>
                <input type="checkbox" checked=${!excluded.has(key)} onChange=${() => toggle(key)} />
                <code>${key}</code>
              </label>
              <span class="hint">${sizeOf(value)}</span>
              <${Badge} tone=${existing.has(key) ? "wait" : "good"}>${existing.has(key) ? "Changed" : "New"}<//>
              ${rejected[key] && html`<p class="wrong">${rejected[key]}</p>`}
            </li>
          `,
        )}
      </ul>
    </fieldset>
  `;
}

function sizeOf(value) {
  if (value === "") return "empty";
  const lines = value.split("\n").length;
  return count(value.length, "character") + (lines > 1 ? `, ${lines} lines` : "");
}
