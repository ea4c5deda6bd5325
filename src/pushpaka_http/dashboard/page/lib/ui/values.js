/** Times, durations, commits, and values to copy. */
import { copyText } from "../clipboard.js";
import { useNow } from "../clock.js";
import { ago, duration, firstLine, fullTime, shortSha } from "../format.js";
import { html, useState } from "../html.js";
import { Button } from "./button.js";
import { Icon } from "./icons.js";

/** A relative time that updates itself; the tooltip shows the absolute time. */
export function TimeAgo({ time }) {
  const now = useNow(Date.now() - Date.parse(time) < 90_000 ? 1000 : 20_000);
  return html`<time datetime=${time} title=${fullTime(time)}>${ago(time, now)}</time>`;
}

/**
 * A duration, from milliseconds or between two times. Without an end it keeps counting.
 *
 * @param {{ms?: number | null, from?: string | null, to?: string | null}} props
 */
export function Duration({ ms = null, from = null, to = null }) {
  const isRunning = ms === null && from !== null && to === null;
  const now = useNow(isRunning ? 100 : 0);
  if (ms === null && from === null) return html`<span class="duration">–</span>`;
  const passed = ms ?? (to === null ? now : Date.parse(to)) - Date.parse(from);
  return html`<span class="duration">${duration(passed)}</span>`;
}

/**
 * A button that copies a text.
 *
 * @param {{text: string | (() => string), label?: string}} props `label`: for screen readers
 */
export function Copy({ text, label = "Copy" }) {
  const [isDone, setIsDone] = useState(false);
  const copy = async () => {
    await copyText(typeof text === "function" ? text() : text);
    setIsDone(true);
    setTimeout(() => setIsDone(false), 1500);
  };
  return html`<${Button} kind="quiet" size="small" icon=${isDone ? "check" : "copy"} label=${isDone ? "Copied" : label} onClick=${copy} />`;
}

/** A text with a button that copies it. */
export function CopyLine({ text, label }) {
  return html`<div class="copy-line"><code>${text}</code><${Copy} text=${text} label=${label} /></div>`;
}

/** A message of the API, in which code is between backticks. */
export function Prose({ text }) {
  const parts = text.split("`");
  return parts.map((part, index) => (index % 2 && index < parts.length - 1 ? html`<code>${part}</code>` : part));
}

/** The branch, short hash and message of the commit of a deployment or a plan. */
export function Commit({ of: { commit_sha: sha, commit_message: message, branch } }) {
  return html`
    <span class="commit">
      ${branch && html`<span class="ref"><${Icon} name="branch" size=${14} />${branch}</span>`}
      ${sha && html`<code title=${sha}>${shortSha(sha)}</code>`}
      ${message && html`<span class="message" title=${message}>${firstLine(message)}</span>`}
    </span>
  `;
}
