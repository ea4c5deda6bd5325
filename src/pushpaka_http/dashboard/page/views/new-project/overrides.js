/** What the project decides in place of what is detected. */
import { html, useState } from "../../lib/html.js";
import { Button, Card, Form, Input, Submit } from "../../lib/ui.js";

/**
 * @param {{project: object, plan: object | null, onChange: (changes: object) => Promise<unknown>}}
 *   props `plan`: what is decided by now; null where there is none
 */
export function Overrides({ project, plan, onChange }) {
  const [isOpen, setIsOpen] = useState(false);
  const save = async (changes) => {
    await onChange(changes);
    setIsOpen(false);
  };
  const actions = html`<${Button} size="small" aria-expanded=${isOpen} onClick=${() => setIsOpen(!isOpen)}>${isOpen ? "Close" : "Decide otherwise"}<//>`;
  return html`
    <${Card} title="Your settings" hint="They beat what is detected. What is left empty is found out anew for each commit." actions=${actions} class=${isOpen ? "" : "closed"}>
      ${isOpen && html`<${Fields} project=${project} plan=${plan} onSave=${save} />`}
    <//>
  `;
}

function Fields({ project, plan, onSave }) {
  const set = (name) => (plan?.settings[name]?.origin === "project" ? plan.settings[name].value : "");
  const usual = (name) => plan?.settings[name]?.value ?? "";
  const build = plan?.build.map((step) => step.command).join(" && ");
  return html`
    <${Form} label="Your settings" onSubmit=${onSave}>
      <div class="fields">
        <${Input} name="framework" label="Framework" isMono value=${project.framework ?? ""} placeholder=${plan?.framework ?? "static"} />
        <${Input} name="port" label="Port" type="number" min="1" max="65535" value=${set("port")} placeholder=${usual("port")} hint="On which your program listens; it is told by PORT." />
      </div>
      <${Input} name="install_command" label="Install command" isMono value=${project.install_command ?? ""} placeholder=${plan?.install?.command ?? ""} />
      <${Input} name="build_command" label="Build command" isMono value=${project.build_command ?? ""} placeholder=${build ?? ""} />
      <${Input} name="start_command" label="Start command" isMono value=${project.start_command ?? ""} placeholder=${plan?.processes.web?.command ?? ""} />
      <${Input} name="health_check_path" label="Health check path" isMono value=${project.health_check_path ?? ""} placeholder=${usual("health_check_path") || "/health"} hint="It answers 2xx or 3xx when your program is ready." />
      <div class="actions"><${Submit} kind="plain">Save, and plan again<//></div>
    <//>
  `;
}
