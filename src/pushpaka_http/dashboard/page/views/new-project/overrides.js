/** Build settings that override the detection. */
import { html, useState } from "../../lib/html.js";
import { Button, Card, Form, Input, Select, Submit } from "../../lib/ui.js";
import { HEALTH_CHECKS } from "../project/setting_fields.js";

const DEFAULT_HEALTH_CHECK = { value: "", label: "HTTP, unless the repository sets another type" };

/**
 * @param {{project: object, plan: object | null, onChange: (changes: object) => Promise<unknown>}}
 *   props `plan`: the latest plan, if there is one
 */
export function Overrides({ project, plan, onChange }) {
  const [isOpen, setIsOpen] = useState(false);
  const save = async (changes) => {
    await onChange(changes);
    setIsOpen(false);
  };
  const actions = html`<${Button} size="small" aria-expanded=${isOpen} onClick=${() => setIsOpen(!isOpen)}>${isOpen ? "Cancel" : "Edit"}<//>`;
  return html`
    <${Card} title="Build settings" hint="These settings override what Pushpaka detects. Pushpaka detects the values of empty fields for each commit." actions=${actions} class=${isOpen ? "" : "closed"}>
      ${isOpen && html`<${Fields} project=${project} plan=${plan} onSave=${save} />`}
    <//>
  `;
}

function Fields({ project, plan, onSave }) {
  const override = (name) => (plan?.settings[name]?.origin === "project" ? plan.settings[name].value : "");
  const effective = (name) => plan?.settings[name]?.value ?? "";
  const build = plan?.build.map((step) => step.command).join(" && ");
  return html`
    <${Form} label="Build settings" onSubmit=${onSave}>
      <div class="fields">
        <${Input} name="framework" label="Framework" isMono value=${project.framework ?? ""} placeholder=${plan?.framework ?? "static"} />
        <${Input} name="port" label="Port" type="number" min="1" max="65535" value=${override("port")} placeholder=${effective("port")} hint="The port that your application listens on, passed as PORT." />
      </div>
      <${Input} name="install_command" label="Install command" isMono value=${project.install_command ?? ""} placeholder=${plan?.install?.command ?? ""} />
      <${Input} name="build_command" label="Build command" isMono value=${project.build_command ?? ""} placeholder=${build ?? ""} />
      <${Input} name="start_command" label="Start command" isMono value=${project.start_command ?? ""} placeholder=${plan?.processes.web?.command ?? ""} />
      <${Select} name="health_check" label="Health check" value=${override("health_check")} options=${[DEFAULT_HEALTH_CHECK, ...HEALTH_CHECKS]} />
      <${Input} name="health_check_path" label="Health check path" isMono value=${project.health_check_path ?? ""} placeholder=${effective("health_check_path") || "/health"} hint="Responds with 2xx or 3xx when the application is ready." />
      <div class="actions"><${Submit} kind="plain">Save<//></div>
    <//>
  `;
}
