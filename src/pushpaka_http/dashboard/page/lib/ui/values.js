/** Values that people read: times, durations, commits, and what they copy. */
import { copyText } from "../clipboard.js";
import { useNow } from "../clock.js";
import { ago, duration, fullTime, shortSha, subject } from "../format.js";
import { html, useState } from "../html.js";
import { Icon } from "./icons.js";

/** How long ago a time of the API was, which goes on; the time itself is its title. */
export function Ago({ time }) {
  const now = useNow(Date.now() - Date.parse(time) < 90_000 ? 1000 : 20_000);
  return html`<time datetime=${time} title=${fullTime(time)}>${ago(time, now)}</time>`;
}

/**
 * How long something took, or has taken by now.
 *
 * @param {{ms?: number | null, from?: string | null, to?: string | null}} props the milliseconds,
 *   or the times of beginning and end; without an end it counts on.
 */
export function Duration({ ms = null, from = null, to = null }) {
  const isOn = ms === null && from !== null && to === null;
  const now = useNow(isOn ? 100 : 0);
  if (ms === null && from === null) return html`<span class="duration">–</span>`;
  const passed = ms ?? (to === null ? now : Date.parse(to)) - Date.parse(from);
  return html`<span class="duration">${duration(passed)}</span>`;
}

/**
 * A button that copies `text`.
 *
 * @param {{text: string, label?: string}} props `label`: what is copied, for who cannot see it
 */
export function Copy({ text, label = "Copy" }) {
  const [isDone, setIsDone] = useState(false);
  const copy = async () => {
    await copyText(text);
    setIsDone(true);
    setTimeout(() => setIsDone(false), 1500);
  };
  return html`
    <button type="button" class="button quiet small square" aria-label=${isDone ? "Copied" : label} title=${isDone ? "Copied" : label} onClick=${copy}>
      <${Icon} name=${isDone ? "check" : "copy"} />
    </button>
  `;
}

/** A line to be copied elsewhere, as the value of a TXT record. */
export function CopyLine({ text, label }) {
  return html`<div class="copy-line"><code>${text}</code><${Copy} text=${text} label=${label} /></div>`;
}

/** A sentence in which `code` stands between backticks, as the API writes it. */
export function Prose({ text }) {
  const parts = text.split("`");
  return parts.map((part, at) => (at % 2 && at < parts.length - 1 ? html`<code>${part}</code>` : part));
}

/** A commit: its message and how its hash begins; of a deployment or a plan. */
export function Commit({ of: { commit_sha: sha, commit_message: message, branch } }) {
  return html`
    <span class="commit">
      ${branch && html`<span class="ref"><${Icon} name="branch" size=${14} />${branch}</span>`}
      ${sha && html`<code title=${sha}>${shortSha(sha)}</code>`}
      ${message && html`<span class="message" title=${message}>${subject(message)}</span>`}
    </span>
  `;
}
