/** The env vars that the code reads and that nobody has set yet. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { Card, Form, Input, Submit } from "../../lib/ui.js";

/** @param {{id: string, env: object, onSet: () => void}} props `env`: as a plan has it */
export function NeededEnv({ id, env, onSet }) {
  const names = [...new Set([...env.missing, ...env.unset])];
  if (!names.length) return null;
  const set = async (values) => {
    const variables = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
    await api.put(`/projects/${id}/env`, { variables });
    onSet();
  };
  return html`
    <${Card} title="Env vars" hint="The code reads these. They are stored encrypted and never shown again.">
      <${Form} label="Env vars" onSubmit=${set}>
        ${names.map((name) => html`<${Variable} key=${name} name=${name} isNeeded=${env.missing.includes(name)} />`)}
        <div class="actions"><${Submit} kind="plain">Set them<//></div>
      <//>
    <//>
  `;
}

function Variable({ name, isNeeded }) {
  return html`<${Input} name=${name} label=${name} type="password" isMono autocomplete="off" required=${isNeeded} isOptional=${!isNeeded} />`;
}
