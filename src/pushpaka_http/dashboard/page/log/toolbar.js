/** What stands above a log: which lines are shown, and what is done with them. */
import { html, useEffect, useState } from "../lib/html.js";
import { copyText } from "../lib/clipboard.js";
import { Button } from "../lib/ui/button.js";
import { Icon } from "../lib/ui/icons.js";
import { fileOf, messagesOf, placesOf } from "./text.js";

const STREAM_CHOICES = [
  { value: "", label: "All output" },
  { value: "system", label: "Platform" },
  { value: "stdout", label: "stdout" },
  { value: "stderr", label: "stderr" },
];
const LEVEL_CHOICES = [
  { value: "", label: "All levels" },
  { value: "info", label: "Info" },
  { value: "warn", label: "Warnings" },
  { value: "error", label: "Errors" },
];
const TYPING_MILLISECONDS = 150;

/**
 * @param {object} props
 * @param {import("./filter.js").Wanted} props.wanted
 * @param {(change: (wanted: import("./filter.js").Wanted) => import("./filter.js").Wanted) => void} props.setWanted
 * @param {boolean} props.isWrapped
 * @param {(isWrapped: boolean) => void} props.setIsWrapped
 * @param {boolean} props.isFollowing
 * @param {boolean} props.isOver nothing comes any more
 * @param {(isFollowing: boolean) => void} props.follow
 * @param {import("./place.js").Lines | null} props.pointed lines that are copied rather than all
 * @param {() => Iterable<number>} props.chosen the places of the lines that are shown
 * @param {import("./store.js").LogStore} props.store
 * @param {string} props.fileName
 * @param {{current: HTMLInputElement | null}} props.search
 * @param {() => void} props.leave the field of the search was left by Escape
 */
export function Toolbar({ wanted, setWanted, isWrapped, setIsWrapped, isFollowing, isOver, follow, pointed, chosen, store, fileName, search, leave }) {
  const change = (more) => setWanted((before) => ({ ...before, ...more }));
  const copied = () => copyText(messagesOf(store, pointed ? placesOf(store, pointed) : chosen()));
  return html`
    <div class="log-toolbar" role="toolbar" aria-label="Log">
      <${Search} text=${wanted.text} find=${(text) => change({ text })} ...${{ search, leave }} />
      <${Choice} label="Output" choices=${STREAM_CHOICES} value=${wanted.stream} choose=${(stream) => change({ stream })} />
      <${Choice} label="Level" choices=${LEVEL_CHOICES} value=${wanted.level} choose=${(level) => change({ level })} />
      <div class="log-tools">
        ${!isOver && html`<${Button} size="small" class="log-follow" icon=${isFollowing ? "pause" : "play"} onClick=${() => follow(!isFollowing)}>${isFollowing ? "Pause" : "Follow"}<//>`}
        <${Button} size="small" kind="quiet" icon="wrap" label="Wrap long lines" aria-pressed=${isWrapped} onClick=${() => setIsWrapped(!isWrapped)} />
        <${CopyButton} label=${pointed ? "Copy the marked lines" : "Copy the lines shown"} copy=${copied} />
        <${Button} size="small" kind="quiet" icon="download" label="Download as text" onClick=${() => download(fileOf(store), fileName)} />
      </div>
    </div>
  `;
}

function Search({ text, find, search, leave }) {
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return undefined;
    const timer = setTimeout(() => find(typed), TYPING_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [typed]);
  const pressed = (event) => {
    if (event.key === "Enter") find(typed);
    if (event.key !== "Escape") return;
    event.preventDefault();
    setTyped("");
    find("");
    leave();
  };
  return html`
    <div class="input log-search">
      <span class="affix" aria-hidden="true"><${Icon} name="search" /></span>
      <input ref=${search} type="search" aria-label="Find in the log" placeholder="Find in the log" spellcheck=${false} autocapitalize="none" autocomplete="off" value=${typed} onInput=${(event) => setTyped(event.target.value)} onKeyDown=${pressed} />
    </div>
  `;
}

function Choice({ label, choices, value, choose }) {
  return html`
    <div class="input select log-choice">
      <select aria-label=${label} onChange=${(event) => choose(event.target.value)}>
        ${choices.map((each) => html`<option value=${each.value} selected=${each.value === value}>${each.label}</option>`)}
      </select>
      <${Icon} name="down" />
    </div>
  `;
}

function CopyButton({ label, copy }) {
  const [isDone, setIsDone] = useState(false);
  const press = async () => {
    await copy();
    setIsDone(true);
    setTimeout(() => setIsDone(false), 1500);
  };
  return html`<${Button} size="small" kind="quiet" icon=${isDone ? "check" : "copy"} label=${isDone ? "Copied" : label} onClick=${press} />`;
}

/**
 * @param {string[]} pieces
 * @param {string} name
 */
function download(pieces, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(pieces, { type: "text/plain" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}
