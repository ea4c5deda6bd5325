/** Questions that stand before everything else. */
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { Button } from "./button.js";
import { Form, Submit } from "./form.js";
import { Problem } from "./notices.js";

/**
 * A dialog; it is open as long as it is drawn.
 *
 *     ${isAsking && html`<${Dialog} title="…" onClose=${() => setIsAsking(false)}>…<//>`}
 *
 * @param {{title: string, onClose: () => void, actions?: any}} props
 */
export function Dialog({ title, onClose, actions, children }) {
  const dialog = useRef(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => before?.focus?.();
  }, []);
  const byBackdrop = (event) => event.target === dialog.current && onClose();
  return html`
    <dialog ref=${dialog} aria-labelledby=${id} onCancel=${(event) => (event.preventDefault(), onClose())} onMouseDown=${byBackdrop}>
      <div class="inside">
        <h2 id=${id}>${title}</h2>
        <div class="stack">${children}</div>
        ${actions && html`<div class="actions">${actions}</div>`}
      </div>
    </dialog>
  `;
}

/**
 * A dialog that is a form, and can be left without sending it.
 *
 * @param {{title: string, label: string, action: string, onSubmit: (values: object) => Promise<unknown>,
 *   onClose: () => void}} props `label` and `onSubmit` are those of Form, `action` is what the
 *   button says that sends it; that takes all other properties.
 */
export function FormDialog({ title, label, action, onSubmit, onClose, children, ...submit }) {
  return html`
    <${Dialog} ...${{ title, onClose }}>
      <${Form} ...${{ label, onSubmit }}>
        ${children}
        <div class="actions">
          <${Button} onClick=${onClose}>Not now<//>
          <${Submit} ...${submit}>${action}<//>
        </div>
      <//>
    <//>
  `;
}

/**
 * Asks before something that cannot be undone.
 *
 * @param {{title: string, action: string, name?: string, kind?: "danger" | "primary",
 *   onConfirm: () => Promise<unknown>, onClose: () => void}} props `action`: what the button says;
 *   `name`: has to be typed first; what `onConfirm` throws is shown in the dialog, else it closes.
 */
export function Confirm({ title, action, name, kind = "danger", onConfirm, onClose, children }) {
  const [typed, setTyped] = useState("");
  const [error, setError] = useState(null);
  const id = useId();
  const isMeant = !name || typed.trim() === name;
  const confirm = async () => {
    if (!isMeant) return;
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (found) {
      setError(found);
    }
  };
  const actions = html`
    <${Button} onClick=${onClose}>${kind === "danger" ? "Keep it" : "Not now"}<//>
    <${Button} kind=${kind} disabled=${!isMeant} onClick=${confirm}>${action}<//>
  `;
  return html`
    <${Dialog} ...${{ title, onClose, actions }}>
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
