/** Toasts: short messages at the edge of the page, which screen readers announce. */
import { html } from "../html.js";
import { observable, useObservable } from "../observable.js";
import { Icon } from "./icons.js";

const MILLISECONDS = 6000;

const shown = observable([]);
let lastId = 0;

export const toast = {
  /** Report success: toast.success("The domain was removed."). */
  success: (text) => add({ text, kind: "good" }),

  /** Report an Error, until the user dismisses it. */
  error: (error) => add({ text: error.message, kind: "bad" }),
};

/** The toasts on display. */
export function Toasts() {
  const toasts = useObservable(shown);
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
  const id = ++lastId;
  shown.set([...shown.get().slice(-2), { id, text, kind }]);
  if (kind === "good") setTimeout(() => remove(id), MILLISECONDS);
}

const remove = (id) => shown.set(shown.get().filter((each) => each.id !== id));
