/** Modal dialogs. */
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { Button } from "./button.js";
import { Form, Submit } from "./form.js";
import { Note, Problem } from "./notices.js";
import { CopyLine } from "./values.js";

/**
 * The dialog of a view.
 *
 *     const { dialog, open, confirm } = useDialog();
 *     open((close) => html`<${EnvDialog} onClose=${close} />`);
 *     confirm({ title: "Delete the token?", action: "Delete", text: "…", onConfirm: remove });
 *     return html`… ${dialog}`;
 *
 * `confirm` takes the properties of Confirm, and its content as `text`.
 */
export function useDialog() {
  const [draw, setDraw] = useState(null);
  const open = (next) => setDraw(() => next);
  const confirm = ({ text, ...more }) => open((close) => html`<${Confirm} ...${more} onClose=${close}><p>${text}</p><//>`);
  return { dialog: draw?.(() => setDraw(null)), open, confirm };
}

/**
 * A dialog, open while it is mounted.
 *
 * @param {{title: string, onClose: () => void, actions?: any}} props
 */
export function Dialog({ title, onClose, actions, children }) {
  const dialog = useRef(null);
  const id = useId();
  useEffect(() => {
    const focused = document.activeElement;
    dialog.current.showModal();
    return () => focused?.focus?.();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`
    <dialog ref=${dialog} aria-labelledby=${id} onCancel=${cancel} onMouseDown=${(event) => event.target === dialog.current && onClose()}>
      <div class="inside">
        <h2 id=${id}>${title}</h2>
        <div class="stack">${children}</div>
        ${actions && html`<div class="actions">${actions}</div>`}
      </div>
    </dialog>
  `;
}

/**
 * A dialog with a form. The Submit button takes all other properties.
 *
 * @param {{title: string, label: string, action: string, onSubmit: (values: object) => Promise<unknown>,
 *   onClose: () => void}} props `label` and `onSubmit`: of the Form; `action`: the label of the
 *   button; `onClose` receives the result of `onSubmit`, or undefined if the user cancels.
 */
export function FormDialog({ title, label, action, onSubmit, onClose, children, ...submit }) {
  const cancel = () => onClose();
  return html`
    <${Dialog} title=${title} onClose=${cancel}>
      <${Form} label=${label} onSubmit=${async (values) => onClose(await onSubmit(values))}>
        ${children}
        <div class="actions">
          <${Button} onClick=${cancel}>Cancel<//>
          <${Submit} ...${submit}>${action}<//>
        </div>
      <//>
    <//>
  `;
}

/**
 * A confirmation.
 *
 * @param {{title: string, action: string, name?: string, kind?: "danger" | "primary",
 *   onConfirm: () => Promise<unknown>, onClose: () => void}} props `action`: the label of the
 *   button; `name`: the user has to type it first; `onClose` receives the result of `onConfirm`, or
 *   undefined if the user cancels. An error of `onConfirm` is shown in the dialog.
 */
export function Confirm({ title, action, name, kind = "danger", onConfirm, onClose, children }) {
  const [typed, setTyped] = useState("");
  const [error, setError] = useState(null);
  const id = useId();
  const isConfirmed = !name || typed.trim() === name;
  const confirm = async () => {
    if (!isConfirmed) return;
    setError(null);
    try {
      onClose(await onConfirm());
    } catch (problem) {
      setError(problem);
    }
  };
  const actions = html`
    <${Button} onClick=${() => onClose()}>Cancel<//>
    <${Button} kind=${kind} disabled=${!isConfirmed} onClick=${confirm}>${action}<//>
  `;
  return html`
    <${Dialog} ...${{ title, actions }} onClose=${() => onClose()}>
      ${children}
      ${
        name &&
        html`<div class="field">
          <label for=${id}>Type <strong class="typed">${name}</strong> to confirm</label>
          <div class="input">
            <input id=${id} autocomplete="off" spellcheck=${false} value=${typed} onInput=${(event) => setTyped(event.target.value)} onKeyDown=${(event) => event.key === "Enter" && confirm()} />
          </div>
        </div>`
      }
      ${error && html`<${Problem} error=${error} />`}
    <//>
  `;
}

/** A secret that the API returns only once. */
export function SecretDialog({ title, secret, label, onClose, children }) {
  return html`
    <${Dialog} title=${title} onClose=${onClose} actions=${html`<${Button} kind="primary" onClick=${onClose}>Done<//>`}>
      <${Note} kind="warn"><p>Copy it now. It is shown only once.</p><//>
      ${secret && html`<${CopyLine} text=${secret} label=${label} />`}
      ${children}
    <//>
  `;
}
