/** Short news at the edge of the page, which are also read aloud. */
import { cell, useCell } from "../cell.js";
import { html } from "../html.js";
import { Icon } from "./icons.js";

const MILLISECONDS = 6000;

const shown = cell([]);
let last = 0;

export const toast = {
  /** Say that something went well: toast.say("The domain was removed."). */
  say: (text) => add({ text, kind: "good" }),

  /** Say what went wrong, of an ApiError or any other one; it stays until it is dismissed. */
  problem: (error) => add({ text: error.message, kind: "bad" }),
};

/** The place of toasts: once in the page. */
export function Toasts() {
  const toasts = useCell(shown);
  return html`
    <div class="toasts" role="status" aria-live="polite">
      ${toasts.map(
        ({ id, text, kind }) => html`
          <div class="toast ${kind}" key=${id}>
            <${Icon} name=${kind === "bad" ? "alert" : "check"} />
            <p>${text}</p>
            <button type="button" class="button quiet small square" aria-label="Dismiss" onClick=${() => remove(id)}>
              <${Icon} name="cross" />
            </button>
          </div>
        `,
      )}
    </div>
  `;
}

function add({ text, kind }) {
  const id = ++last;
  shown.set([...shown.get().slice(-2), { id, text, kind }]);
  if (kind === "good") setTimeout(() => remove(id), MILLISECONDS);
}

const remove = (id) => shown.set(shown.get().filter((each) => each.id !== id));
