/** The line below a log: how it stands, and how much of it there is. */
import { count, number } from "../lib/format.js";
import { html } from "../lib/html.js";

const SAID = {
  loading: { tone: "busy", text: "Reading what there is…" },
  live: { tone: "good", text: "Live" },
  lost: { tone: "wait", text: "Trying again…" },
  over: { tone: "idle", text: "Complete" },
  refused: { tone: "bad", text: "" },
};

/**
 * @param {{feed: import("./feed.js").FeedState, sizes: {all: number, shown: number}, first: number}}
 *   props `first`: how many lines this page has forgotten
 */
export function StatusBar({ feed, sizes, first }) {
  const { tone, text } = SAID[feed.name];
  return html`
    <footer class="log-status">
      <p class="status ${tone}" role="status"><i aria-hidden="true"></i>${[feed.reason, text].filter(Boolean).join(" ")}</p>
      <p>${first > 0 && `The first ${number(first)} lines are not kept here. `}${amount(sizes)}</p>
    </footer>
  `;
}

function amount({ all, shown }) {
  return shown === all ? count(all, "line") : `${number(shown)} of ${count(all, "line")}`;
}
