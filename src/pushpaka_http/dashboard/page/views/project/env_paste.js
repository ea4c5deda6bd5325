/** Takes a whole .env file: it is read in the page, shown, and then set at once. */
import { api } from "../../lib/api.js";
import { parseDotenv } from "../../lib/dotenv.js";
import { count } from "../../lib/format.js";
import { html, useMemo, useState } from "../../lib/html.js";
import { Badge, FormDialog, Note, Select, toast } from "../../lib/ui.js";
import { SCOPE_OPTIONS } from "./scopes.js";

/** @param {{project: object, present: object[], onDone: () => Promise<unknown>, onClose: () => void}} props */
export function EnvPaste({ project, present, onDone, onClose }) {
  const [text, setText] = useState("");
  const [scope, setScope] = useState("all");
  const [leftOut, setLeftOut] = useState(new Set());
  const [refused, setRefused] = useState({});
  const read = useMemo(() => parseDotenv(text), [text]);
  const wanted = read.variables.filter(({ key }) => !leftOut.has(key));

  const change = (next) => {
    setText(next);
    setRefused({});
  };
  const toggle = (key) => {
    const next = new Set(leftOut);
    if (!next.delete(key)) next.add(key);
    setLeftOut(next);
  };
  const set = async () => {
    const variables = Object.fromEntries(wanted.map(({ key, value }) => [key, value]));
    try {
      await api.put(`/projects/${project.id}/env`, { variables, scope });
    } catch (error) {
      setRefused(Object.fromEntries((error.details ?? []).map(({ field, message }) => [field.replace(/^variables\./, ""), message])));
      throw error;
    }
    toast.say(`${count(wanted.length, "env var")} set.`);
    await onDone();
    onClose();
  };

  const action = wanted.length ? `Set ${count(wanted.length, "env var")}` : "Set them";
  return html`
    <${FormDialog} title="Paste a .env file" label="A .env file" action=${action} disabled=${wanted.length === 0} onSubmit=${set} onClose=${onClose}>
      <${Source} text=${text} onChange=${change} />
      <${Select} name="scope" label="Seen by" options=${SCOPE_OPTIONS} value=${scope} onChange=${(event) => setScope(event.target.value)} />
      ${read.problems.length > 0 && html`<${Problems} problems=${read.problems} />`}
      ${
        read.variables.length > 0 &&
        html`<${Preview} variables=${read.variables} present=${present} ...${{ scope, leftOut, refused, toggle }} />`
      }
    <//>
  `;
}

/** Without a name, so that the form does not take it for a value of its own. */
function Source({ text, onChange }) {
  const take = async (event) => onChange(await event.target.files[0].text());
  return html`
    <div class="field">
      <label for="env-source">Its text</label>
      <div class="input mono">
        <textarea id="env-source" rows="6" spellcheck=${false} autocomplete="off" aria-describedby="env-source-hint" placeholder=${'# as in\nDATABASE_URL="postgres://…"'} value=${text} onInput=${(event) => onChange(event.target.value)}></textarea>
      </div>
      <p class="hint" id="env-source-hint">
        Or <label class="file-choice">choose a file<input type="file" class="unseen" onChange=${take} /></label>.
        Quotes, comments, export and values of several lines are understood; $NAME is not filled in. What is not named here stays as it is.
      </p>
    </div>
  `;
}

function Problems({ problems }) {
  return html`
    <${Note} kind="warn">
      <ul aria-label="What could not be read">
        ${problems.map(({ line, message }) => html`<li key=${line + message}>Line ${line}: ${message}</li>`)}
      </ul>
    <//>
  `;
}

/** What will be set, each to be left out; values are shown by their length alone. */
function Preview({ variables, present, scope, leftOut, refused, toggle }) {
  const known = new Set(present.filter((each) => each.scope === scope).map(({ key }) => key));
  return html`
    <fieldset class="env-preview">
      <legend>What will be set</legend>
      <ul>
        ${variables.map(
          ({ key, value }) => html`
            <li key=${key}>
              <label>
                <input type="checkbox" checked=${!leftOut.has(key)} onChange=${() => toggle(key)} />
                <code>${key}</code>
              </label>
              <span class="hint">${sizeOf(value)}</span>
              <${Badge} tone=${known.has(key) ? "wait" : "good"}>${known.has(key) ? "Changes" : "New"}<//>
              ${refused[key] && html`<p class="wrong">${refused[key]}</p>`}
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
