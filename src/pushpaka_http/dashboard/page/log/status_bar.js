/** The line below a log: the state of its feed and the number of lines. */
import { count, number } from "../lib/format.js";
import { html } from "../lib/html.js";

const STATES = {
  loading: { tone: "busy", text: "Loading…" },
  live: { tone: "good", text: "Live" },
  lost: { tone: "wait", text: "Reconnecting…" },
  complete: { tone: "idle", text: "Complete" },
  failed: { tone: "bad", text: "" },
};

/** `dropped`: how many of the oldest lines are no longer in the browser. */
export function StatusBar({ feed, sizes: { all, shown }, dropped }) {
  const { tone, text } = STATES[feed.name];
  const amount = shown === all ? count(all, "line") : `${number(shown)} of ${count(all, "line")}`;
  return html`
    <footer class="log-status">
      <p class="status ${tone}" role="status"><i aria-hidden="true"></i>${[feed.reason, text].filter(Boolean).join(" ")}</p>
      <p>${dropped > 0 && `The first ${number(dropped)} lines are not shown. `}${amount}</p>
    </footer>
  `;
}
