/** Form fields: a label, a control, and a hint or a validation error. */
import { html, useContext, useEffect, useId, useRef, useState } from "../html.js";
import { FormState } from "./form.js";
import { Icon } from "./icons.js";

/**
 * A text, number or password field. All other properties go to the <input>.
 *
 * `value` is the initial value, or with `onInput` the controlled value. `autofocus` is handled here,
 * because browsers ignore it after the page has loaded.
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
      ${(attributes) => html`
        <div class="input ${isMono ? "mono" : ""}">
          ${prefix && html`<span class="affix" aria-hidden="true">${prefix}</span>`}
          <input ref=${control} type="text" spellcheck=${false} autocapitalize="none" ...${textAttributes(more, attributes)} type=${isSecret && isShown ? "text" : more.type} />
          ${suffix && html`<span class="affix" aria-hidden="true">${suffix}</span>`}
          ${
            isSecret &&
            html`<button type="button" class="reveal" aria-label="Show password" aria-pressed=${isShown} onClick=${() => setIsShown(!isShown)}>
              <${Icon} name="eye" />
            </button>`
          }
        </div>
      `}
    <//>
  `;
}

/**
 * A field with a drop-down list.
 *
 * @param {{name: string, label: string, hint?: any, options: {value: string, label: string}[]}} props
 */
export function Select({ name, label, hint, isOptional = false, options, value, ...more }) {
  return html`
    <${Field} ...${{ name, label, hint, isOptional }}>
      ${(attributes) => html`<${Choice} options=${options} value=${value} ...${more} ...${attributes} />`}
    <//>
  `;
}

/** A drop-down list without a field around it, for toolbars and rows. All other properties go to the <select>. */
export function Choice({ options, value, class: className = "", ...more }) {
  return html`
    <div class="input select ${className}">
      <select ...${more}>
        ${options.map((each) => html`<option value=${each.value} selected=${each.value === value}>${each.label}</option>`)}
      </select>
      <${Icon} name="down" />
    </div>
  `;
}

/** A field with several lines of text. `value` is as in Input; all other properties go to the <textarea>. */
export function Textarea({ name, label, hint, isMono = false, isOptional = false, ...more }) {
  return html`
    <${Field} ...${{ name, label, hint, isOptional }}>
      ${(attributes) => html`
        <div class="input ${isMono ? "mono" : ""}">
          <textarea rows="4" spellcheck=${false} ...${textAttributes(more, attributes)}></textarea>
        </div>
      `}
    <//>
  `;
}

/** A checkbox. `checked` is the initial state, or with `onChange` the controlled state. */
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
 * A field with a custom control: its child is a function of the attributes that connect the control
 * to the label, the hint and the validation error.
 */
export function Field({ name, label, hint, isOptional = false, children }) {
  const { problems, clearProblem } = useContext(FormState);
  const id = useId();
  const problem = problems[name];
  const about = problem ? `${id}-wrong` : hint && `${id}-hint`;
  const attributes = {
    id,
    name,
    "aria-invalid": problem ? "true" : undefined,
    "aria-describedby": about || undefined,
    ...(problem && { onInput: () => clearProblem(name) }),
  };
  return html`
    <div class="field">
      <label for=${id}>${label}${isOptional && html`<span class="optional">optional</span>`}</label>
      ${children(attributes)}
      ${problem && html`<p class="wrong" id="${id}-wrong"><${Icon} name="alert" size=${14} />${sentence(problem)}</p>`}
      ${hint && !problem && html`<p class="hint" id="${id}-hint">${hint}</p>`}
    </div>
  `;
}

/** Merge the attributes from the view with those from the field. */
function textAttributes({ value, onInput, ...more }, { onInput: clearProblem, ...attributes }) {
  const handle = (event) => {
    onInput?.(event);
    clearProblem?.(event);
  };
  return { ...more, ...attributes, onInput: handle, ...(onInput ? { value } : { defaultValue: value }) };
}

/** Turn a validation error of the API, such as "must be a port", into a sentence. */
function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
