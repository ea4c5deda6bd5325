/** The toolbar of a log: search, filters, wrapping, copying and download. */
import { saveFile } from "../lib/download.js";
import { html, useEffect, useState } from "../lib/html.js";
import { Button } from "../lib/ui/button.js";
import { Choice } from "../lib/ui/fields.js";
import { Icon } from "../lib/ui/icons.js";
import { Copy } from "../lib/ui/values.js";
import { fileOf, messagesOf, positionsOf } from "./text.js";

const STREAM_OPTIONS = [
  { value: "", label: "All output" },
  { value: "system", label: "Platform" },
  { value: "stdout", label: "stdout" },
  { value: "stderr", label: "stderr" },
];
const LEVEL_OPTIONS = [
  { value: "", label: "All levels" },
  { value: "info", label: "Info" },
  { value: "warn", label: "Warnings" },
  { value: "error", label: "Errors" },
];
const DEBOUNCE_MILLISECONDS = 150;

/**
 * @param {object} props
 * @param {import("./filter.js").Criteria} props.criteria
 * @param {(change: (criteria: object) => object) => void} props.setCriteria
 * @param {boolean} props.isWrapped
 * @param {(isWrapped: boolean) => void} props.setIsWrapped
 * @param {boolean} props.isFollowing
 * @param {boolean} props.isComplete
 * @param {(isFollowing: boolean) => void} props.follow
 * @param {import("./line_range.js").LineRange | null} props.selection copied instead of all shown lines
 * @param {() => Iterable<number>} props.shown returns the positions of the shown lines
 * @param {import("./store.js").LogStore} props.store
 * @param {string} props.fileName
 * @param {{current: HTMLInputElement | null}} props.search
 * @param {() => void} props.onEscape called when Escape closes the search
 */
export function Toolbar({ criteria, setCriteria, isWrapped, setIsWrapped, isFollowing, isComplete, follow, selection, shown, store, fileName, search, onEscape }) {
  const change = (values) => setCriteria((before) => ({ ...before, ...values }));
  const text = () => messagesOf(store, selection ? positionsOf(store, selection) : shown());
  const choice = (label, name, options) => html`<${Choice} class="log-choice" aria-label=${label} options=${options} value=${criteria[name]} onChange=${(event) => change({ [name]: event.target.value })} />`;
  return html`
    <div class="log-toolbar" role="toolbar" aria-label="Log">
      <${Search} text=${criteria.text} find=${(found) => change({ text: found })} ...${{ search, onEscape }} />
      ${choice("Output", "stream", STREAM_OPTIONS)} ${choice("Level", "level", LEVEL_OPTIONS)}
      <div class="log-tools">
        ${!isComplete && html`<${Button} size="small" class="log-follow" icon=${isFollowing ? "pause" : "play"} onClick=${() => follow(!isFollowing)}>${isFollowing ? "Pause" : "Follow"}<//>`}
        <${Button} size="small" kind="quiet" icon="wrap" label="Wrap long lines" aria-pressed=${isWrapped} onClick=${() => setIsWrapped(!isWrapped)} />
        <${Copy} label=${selection ? "Copy selected lines" : "Copy shown lines"} text=${text} />
        <${Button} size="small" kind="quiet" icon="download" label="Download log" onClick=${() => saveFile(new Blob(fileOf(store), { type: "text/plain" }), fileName)} />
      </div>
    </div>
  `;
}

function Search({ text, find, search, onEscape }) {
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return undefined;
    const timer = setTimeout(() => find(typed), DEBOUNCE_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [typed]);
  const onKeyDown = (event) => {
    if (event.key === "Enter") find(typed);
    if (event.key !== "Escape") return;
    event.preventDefault();
    setTyped("");
    find("");
    onEscape();
  };
  return html`
    <div class="input log-search">
      <span class="affix" aria-hidden="true"><${Icon} name="search" /></span>
      <input ref=${search} type="search" aria-label="Search log" placeholder="Search log" spellcheck=${false} autocapitalize="none" autocomplete="off" value=${typed} onInput=${(event) => setTyped(event.target.value)} onKeyDown=${onKeyDown} />
    </div>
  `;
}
