/** What cannot be undone, or is felt by visitors; each says what is lost. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { Button, Card, Confirm, toast } from "../../lib/ui.js";
import { may } from "./roles.js";

export function Danger({ project }) {
  const [asked, setAsked] = useState(null);
  const close = () => setAsked(null);
  const isOwner = may(project, "owner");
  const isServed = ["active", "crashed"].includes(project.status) && project.current_deployment_id;
  if (!isOwner && !isServed) return null;
  return html`
    <${Card} title="Danger zone" kind="danger">
      <ul class="dangers">
        ${isServed && html`<${Risk} title="Stop production" text="Visitors see a page that says so, until it is started or deployed again." action="Stop it" onClick=${() => setAsked("stop")} />`}
        ${isOwner && html`<${Risk} title="Hand the project over" text="Make a member its owner; you stay as a member. Its git token is forgotten." action="Choose a member" to=${`/projects/${project.id}/members`} />`}
        ${isOwner && html`<${Risk} title="Delete the project" text="Its deployments, logs, env vars, domains and hooks go, and its address with them." action="Delete it" onClick=${() => setAsked("delete")} />`}
      </ul>
      ${asked === "stop" && html`<${Stopping} project=${project} onClose=${close} />`}
      ${asked === "delete" && html`<${Deleting} project=${project} onClose=${close} />`}
    <//>
  `;
}

function Risk({ title, text, action, onClick, to }) {
  return html`
    <li>
      <div><h3>${title}</h3><p class="hint">${text}</p></div>
      <${Button} kind=${to ? "plain" : "danger"} onClick=${onClick} to=${to}>${action}<//>
    </li>
  `;
}

function Stopping({ project, onClose }) {
  const stop = async () => {
    await api.post(`/deployments/${project.current_deployment_id}/stop`);
    toast.say("Production is being stopped.");
  };
  return html`
    <${Confirm} title="Stop production?" action="Stop it" onConfirm=${stop} onClose=${onClose}>
      <p>Nothing answers at its address and its domains but a page that says so, and pushes deploy nothing. What is kept: its deployments, and all that is set here.</p>
    <//>
  `;
}

function Deleting({ project, onClose }) {
  const remove = async () => {
    await api.delete(`/projects/${project.id}`);
    toast.say(`${project.name} was deleted.`);
    navigate("/", { replace: true });
  };
  return html`
    <${Confirm} title="Delete ${project.name}?" action="Delete it for ever" name=${project.name} onConfirm=${remove} onClose=${onClose}>
      <p>What runs is stopped. Gone for good are:</p>
      <ul class="losses">
        <li>all deployments with their logs, and what they have built</li>
        <li>env vars, whose values nobody can look up</li>
        <li>domains, which anybody may claim then</li>
        <li>webhooks, the deploy key and notifications, and the places of all members</li>
      </ul>
      <p>The repository itself is not touched.</p>
    <//>
  `;
}
