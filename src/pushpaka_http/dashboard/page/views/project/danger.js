/** Actions that cannot be undone, or that visitors notice. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { Button, Card, Confirm, toast, useDialog } from "../../lib/ui.js";
import { hasRole } from "./roles.js";

export function DangerZone({ project }) {
  const { dialog, open, confirm } = useDialog();
  const isOwner = hasRole(project, "owner");
  const isActive = ["active", "crashed"].includes(project.status) && project.current_deployment_id;
  if (!isOwner && !isActive) return null;
  const askStop = () =>
    confirm({
      title: "Stop production?",
      action: "Stop",
      text: "Visitors will see a page saying that the application is stopped, and pushes will not be deployed. Deployments and settings are kept.",
      onConfirm: async () => {
        await api.post(`/deployments/${project.current_deployment_id}/stop`);
        toast.success("Production is stopping.");
      },
    });
  const askDelete = () => open((close) => html`<${DeleteDialog} project=${project} onClose=${close} />`);
  return html`
    <${Card} title="Danger zone" kind="danger">
      <ul class="dangers">
        ${isActive && html`<${Action} title="Stop production" text="Visitors see a page saying that the application is stopped, until you start or deploy it again." action="Stop" onClick=${askStop} />`}
        ${isOwner && html`<${Action} title="Transfer ownership" text="Make a member the owner. You remain a member. The Git token is deleted." action="Choose a member" to=${`/projects/${project.id}/members`} />`}
        ${isOwner && html`<${Action} title="Delete project" text="Deletes the project's deployments, logs, environment variables, domains and integrations, and frees its address." action="Delete" onClick=${askDelete} />`}
      </ul>
      ${dialog}
    <//>
  `;
}

function Action({ title, text, action, onClick, to }) {
  return html`
    <li>
      <div><h3>${title}</h3><p class="hint">${text}</p></div>
      <${Button} kind=${to ? "plain" : "danger"} onClick=${onClick} to=${to}>${action}<//>
    </li>
  `;
}

function DeleteDialog({ project, onClose }) {
  const remove = async () => {
    await api.delete(`/projects/${project.id}`);
    toast.success(`${project.name} was deleted.`);
    navigate("/", { replace: true });
  };
  return html`
    <${Confirm} title="Delete ${project.name}?" action="Delete project" name=${project.name} onConfirm=${remove} onClose=${onClose}>
      <p>The application will stop. This permanently deletes:</p>
      <ul class="losses">
        <li>all deployments with their logs and build results</li>
        <li>environment variables, whose values cannot be recovered</li>
        <li>custom domains, which others can claim afterward</li>
        <li>webhooks, the deploy key, notifications and the access of all members</li>
      </ul>
      <p>Your repository will not be changed. The files of volumes are kept for 7 days. Until then, you can attach the volumes to another project.</p>
    <//>
  `;
}
