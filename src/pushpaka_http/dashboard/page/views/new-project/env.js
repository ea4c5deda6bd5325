/** Environment variables that the code reads and that are not set. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { Card, Form, Input, Submit } from "../../lib/ui.js";

/** @param {{id: string, env: object, onSet: () => void}} props `env`: of a plan */
export function MissingVariables({ id, env, onSet }) {
  const names = [...new Set([...env.missing, ...env.unset])];
  if (!names.length) return null;
  const save = async (values) => {
    const variables = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
    await api.put(`/projects/${id}/env`, { variables });
    onSet();
  };
  const field = (name) => {
    const isRequired = env.missing.includes(name);
    return html`<${Input} key=${name} name=${name} label=${name} type="password" isMono autocomplete="off" required=${isRequired} isOptional=${!isRequired} />`;
  };
  return html`
    <${Card} title="Environment variables" hint="Your code reads these variables. Values are stored encrypted and never shown again.">
      <${Form} label="Environment variables" onSubmit=${save}>
        ${names.map(field)}
        <div class="actions"><${Submit} kind="plain">Save<//></div>
      <//>
    <//>
  `;
}
