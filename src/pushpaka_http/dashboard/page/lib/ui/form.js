/** Forms that submit to the API and show its validation errors at their fields. */
import { createContext, html, useContext, useEffect, useMemo, useRef, useState } from "../html.js";
import { Button } from "./button.js";
import { Problem } from "./notices.js";

/** The state of the form around a field. */
export const FormState = createContext({ problems: {}, isBusy: false, clearProblem() {} });

/**
 * A form.
 *
 *     html`
 *       <${Form} label="New token" onSubmit=${async (values) => { await api.post("/tokens", values); }}>
 *         <${Input} name="name" label="Name" required />
 *         <${Submit}>Create<//>
 *       <//>
 *     `
 *
 * `onSubmit` receives the values by field name: strings are trimmed (except passwords), an empty
 * field is null, number fields are numbers and checkboxes are booleans. An ApiError is shown at
 * the fields that it names, or in <FormProblem /> (by default at the end of the form). Empty
 * `required` fields are reported without a request.
 *
 * @param {{label: string, onSubmit: (values: object) => Promise<unknown>, hasProblem?: boolean,
 *   resets?: boolean}} props `hasProblem`: a <FormProblem /> is among the children; `resets`:
 *   clear the fields after success.
 */
export function Form({ label, onSubmit, hasProblem = false, resets = false, children, ...more }) {
  const form = useRef(null);
  const isMounted = useRef(true);
  const [error, setError] = useState(null);
  const [problems, setProblems] = useState({});
  const [isBusy, setIsBusy] = useState(false);
  useEffect(() => () => (isMounted.current = false), []);

  useEffect(() => {
    form.current?.querySelector('[aria-invalid="true"]')?.focus();
  }, [problems]);

  const show = (found) => {
    const names = new Set([...form.current.elements].map((control) => control.name));
    const details = (found.details ?? []).filter((detail) => names.has(detail.field));
    const isComplete = details.length > 0 && details.length === found.details.length;
    setProblems(Object.fromEntries(details.map((detail) => [detail.field, detail.message])));
    setError(isComplete ? null : found);
  };

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    const missing = [...form.current.elements].filter((each) => each.required && !each.value.trim());
    setError(null);
    setProblems(Object.fromEntries(missing.map((each) => [each.name, "is required"])));
    if (missing.length) return;
    setIsBusy(true);
    try {
      await onSubmit(valuesOf(form.current));
      if (resets && isMounted.current) form.current.reset();
    } catch (found) {
      if (isMounted.current) show(found);
    } finally {
      if (isMounted.current) setIsBusy(false);
    }
  };

  const clearProblem = (name) => setProblems(({ [name]: _, ...others }) => others);
  const state = useMemo(() => ({ problems, error, isBusy, clearProblem }), [problems, error, isBusy]);
  return html`
    <${FormState.Provider} value=${state}>
      <form ...${more} class="form ${more.class ?? ""}" aria-label=${label} ref=${form} novalidate onSubmit=${submit}>
        ${children} ${!hasProblem && html`<${FormProblem} />`}
      </form>
    <//>
  `;
}

/** An error that belongs to no field. */
export function FormProblem() {
  const { error } = useContext(FormState);
  return error && html`<${Problem} error=${error} />`;
}

/** The submit button. Takes the properties of Button. */
export function Submit({ children, ...more }) {
  const { isBusy } = useContext(FormState);
  return html`<${Button} kind="primary" ...${more} type="submit" isBusy=${isBusy}>${children}<//>`;
}

function valuesOf(form) {
  const controls = [...form.elements].filter((control) => control.name && !control.disabled);
  return Object.fromEntries(controls.map((control) => [control.name, valueOf(control)]));
}

function valueOf(control) {
  if (control.type === "checkbox") return control.checked;
  if (control.type === "password") return control.value || null;
  const text = control.value.trim();
  if (text === "") return null;
  return control.type === "number" ? Number(text) : text;
}
