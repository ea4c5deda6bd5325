/** Fields: a label, a control, a hint, and what is wrong with it. */
import { html, useContext, useEffect, useId, useRef, useState } from "../html.js";
import { FormState } from "./form.js";
import { Icon } from "./icons.js";

/**
 * One line of text, a number, or a password (with a button that shows it).
 * All else that an <input> takes goes to it: type, placeholder, autocomplete, required, …
 *
 * With `autofocus` it is typed into first: browsers heed that only in a page that is loaded anew.
 * `value` is what is there at first, and belongs to whoever types from then on; with `onInput`
 * beside it, it is what is there always.
 *
 * @param {{name: string, label: string, hint?: any, isMono?: boolean, isOptional?: boolean,
 *   prefix?: string, suffix?: string}} props
 */
export function Input({ name, label, hint, isMono = false, isOptional = false, prefix, suffix, ...more }) {
  const [isShown, setIsShown] = useState(false);
  const isSecret = more.type === "password";
  const control = useRef(null);
  useEffect(() => {
    if (more.autofocus) control.current.focus();
  }, []);
  return html`
    <${Field} ...${{ name, label, hint, isOptional }}>
      ${(given) => html`
        <div class="input ${isMono ? "mono" : ""}">
          ${prefix && html`<span class="affix" aria-hidden="true">${prefix}</span>`}
          <input ref=${control} type="text" spellcheck=${false} autocapitalize="none" ...${typed(more, given)} type=${isSecret && isShown ? "text" : more.type} />
          ${suffix && html`<span class="affix" aria-hidden="true">${suffix}</span>`}
          ${
            isSecret &&
            html`<button type="button" class="reveal" aria-label="Show what is typed" aria-pressed=${isShown} onClick=${() => setIsShown(!isShown)}>
              <${Icon} name="eye" />
            </button>`
          }
        </div>
      `}
    <//>
  `;
}

/**
 * A choice of a few.
 *
 * @param {{name: string, label: string, hint?: any, options: {value: string, label: string}[]}} props
 */
export function Select({ name, label, hint, isOptional = false, options, value, ...more }) {
  return html`
    <${Field} ...${{ name, label, hint, isOptional }}>
      ${(given) => html`
        <div class="input select">
          <select ...${more} ...${given}>
            ${options.map((each) => html`<option value=${each.value} selected=${each.value === value}>${each.label}</option>`)}
          </select>
          <${Icon} name="down" />
        </div>
      `}
    <//>
  `;
}

/** Several lines of text; takes what a <textarea> takes, and `value` as Input does. */
export function Textarea({ name, label, hint, isMono = false, isOptional = false, ...more }) {
  return html`
    <${Field} ...${{ name, label, hint, isOptional }}>
      ${(given) => html`
        <div class="input ${isMono ? "mono" : ""}">
          <textarea rows="4" spellcheck=${false} ...${typed(more, given)}></textarea>
        </div>
      `}
    <//>
  `;
}

/** Yes or no: `checked` is what it is at first, and with `onChange` beside it always. */
export function Checkbox({ name, label, hint, checked, ...more }) {
  const { problems } = useContext(FormState);
  const id = useId();
  const problem = problems[name];
  return html`
    <div class="field checkbox">
      <input type="checkbox" ...${more.onChange ? { checked } : { defaultChecked: checked }} ...${more} id=${id} name=${name} aria-describedby=${hint || problem ? `${id}-about` : undefined} />
      <label for=${id}>${label}</label>
      ${(hint || problem) && html`<p class=${problem ? "wrong" : "hint"} id="${id}-about">${problem ? sentence(problem) : hint}</p>`}
    </div>
  `;
}

/**
 * The frame of a field, for a control of one's own: its child is a function that is given the
 * attributes which tie the control to its label, its hint and its problem.
 */
export function Field({ name, label, hint, isOptional = false, children }) {
  const { problems, forget } = useContext(FormState);
  const id = useId();
  const problem = problems[name];
  const about = problem ? `${id}-wrong` : hint && `${id}-hint`;
  const given = {
    id,
    name,
    "aria-invalid": problem ? "true" : undefined,
    "aria-describedby": about || undefined,
    ...(problem && { onInput: () => forget(name) }),
  };
  return html`
    <div class="field">
      <label for=${id}>${label}${isOptional && html`<span class="optional">optional</span>`}</label>
      ${children(given)}
      ${problem && html`<p class="wrong" id="${id}-wrong"><${Icon} name="alert" size=${14} />${sentence(problem)}</p>`}
      ${hint && !problem && html`<p class="hint" id="${id}-hint">${hint}</p>`}
    </div>
  `;
}

/** The attributes of a control that is typed into: those of the view, and those of its field. */
function typed({ value, onInput, ...more }, { onInput: forget, ...given }) {
  const hear = (event) => {
    onInput?.(event);
    forget?.(event);
  };
  return { ...more, ...given, onInput: hear, ...(onInput ? { value } : { defaultValue: value }) };
}

/** "must be a port" of the API, as a sentence below a field. */
function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
