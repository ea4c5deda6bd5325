/** Forms that send to the API and show what it says of each field. */
import { createContext, html, useContext, useEffect, useMemo, useRef, useState } from "../html.js";
import { Button } from "./button.js";
import { Problem } from "./notices.js";

/** What fields know of their form. */
export const FormState = createContext({ problems: {}, isBusy: false, forget() {} });

/**
 * A form.
 *
 *     html`
 *       <${Form} label="New token" onSubmit=${async (values) => { await api.post("/tokens", values); }}>
 *         <${Input} name="name" label="Name" required />
 *         <${Submit}>Make it<//>
 *       <//>
 *     `
 *
 * `onSubmit` is given the values by the names of the fields: a text without the spaces around it
 * (a password as it is), null for one that is empty, a number for a number, a boolean for a
 * checkbox. What it throws as an ApiError is shown at the fields that it names, the rest in
 * <FormProblem /> (at the end of the form, or where one is put). Fields that are `required` and
 * empty are told before anything is sent.
 *
 * @param {{label: string, onSubmit: (values: object) => Promise<unknown>, hasProblem?: boolean,
 *   resets?: boolean}} props `hasProblem`: a <FormProblem /> is among the children; `resets`:
 *   the fields are emptied when it went well.
 */
export function Form({ label, onSubmit, hasProblem = false, resets = false, children, ...more }) {
  const form = useRef(null);
  const isThere = useRef(true);
  const [error, setError] = useState(null);
  const [problems, setProblems] = useState({});
  const [isBusy, setIsBusy] = useState(false);
  useEffect(() => () => (isThere.current = false), []);

  useEffect(() => {
    form.current?.querySelector('[aria-invalid="true"]')?.focus();
  }, [problems]);

  const show = (found) => {
    const names = new Set([...form.current.elements].map((control) => control.name));
    const here = (found.details ?? []).filter((detail) => names.has(detail.field));
    const isAllHere = here.length > 0 && here.length === found.details.length;
    setProblems(Object.fromEntries(here.map((detail) => [detail.field, detail.message])));
    setError(isAllHere ? null : found);
  };

  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    const missing = [...form.current.elements].filter((each) => each.required && !each.value.trim());
    setError(null);
    setProblems(Object.fromEntries(missing.map((each) => [each.name, "is needed"])));
    if (missing.length) return;
    setIsBusy(true);
    try {
      await onSubmit(valuesOf(form.current));
      if (resets && isThere.current) form.current.reset();
    } catch (found) {
      if (isThere.current) show(found);
    } finally {
      if (isThere.current) setIsBusy(false);
    }
  };

  const forget = (name) => setProblems(({ [name]: _, ...others }) => others);
  const state = useMemo(() => ({ problems, error, isBusy, forget }), [problems, error, isBusy]);
  return html`
    <${FormState.Provider} value=${state}>
      <form ...${more} class="form ${more.class ?? ""}" aria-label=${label} ref=${form} novalidate onSubmit=${submit}>
        ${children} ${!hasProblem && html`<${FormProblem} />`}
      </form>
    <//>
  `;
}

/** What went wrong with the form as a whole. */
export function FormProblem() {
  const { error } = useContext(FormState);
  return error && html`<${Problem} error=${error} />`;
}

/** The button that sends the form; busy while it is sent. Takes what Button takes. */
export function Submit({ children, ...more }) {
  const { isBusy } = useContext(FormState);
  return html`<${Button} kind="primary" ...${more} type="submit" isBusy=${isBusy}>${children}<//>`;
}

function valuesOf(form) {
  const named = [...form.elements].filter((control) => control.name && !control.disabled);
  const chosen = named.filter((control) => control.type !== "radio" || control.checked);
  return Object.fromEntries(chosen.map((control) => [control.name, valueOf(control)]));
}

function valueOf(control) {
  if (control.type === "checkbox") return control.checked;
  if (control.type === "password") return control.value || null;
  const text = control.value.trim();
  if (text === "") return null;
  return control.type === "number" ? Number(text) : text;
}
