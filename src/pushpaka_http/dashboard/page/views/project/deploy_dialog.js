/** Asks what is to be deployed, and goes to where one sees it happen. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { Button, FormDialog, Input, Select } from "../../lib/ui.js";

const TARGETS = [
  { value: "production", label: "Production" },
  { value: "preview", label: "A preview of the branch" },
];

export function DeployButton({ project, kind = "primary", children = "Deploy" }) {
  const [isAsking, setIsAsking] = useState(false);
  return html`
    <${Button} kind=${kind} icon="up" onClick=${() => setIsAsking(true)}>${children}<//>
    ${isAsking && html`<${DeployDialog} project=${project} onClose=${() => setIsAsking(false)} />`}
  `;
}

function DeployDialog({ project, onClose }) {
  const deploy = async ({ branch, commit_sha, target }) => {
    const wanted = branch ?? project.branch;
    const deployment = await api.post("/deployments", {
      project_id: project.id,
      branch: wanted,
      commit_sha,
      target: target === "preview" ? `preview:${wanted}` : "production",
    });
    onClose();
    navigate(`/deployments/${deployment.id}`);
  };
  return html`
    <${FormDialog} title="Deploy ${project.name}" label="Deploy" action="Deploy" icon="up" onSubmit=${deploy} onClose=${onClose}>
      <${Input} name="branch" label="Branch" isMono placeholder=${project.branch} hint="Left empty, it is the branch of the project." />
      <${Input} name="commit_sha" label="Commit" isMono isOptional placeholder="the newest" hint="At least the first 7 characters of its hash." />
      <${Select} name="target" label="To" options=${TARGETS} value="production" />
    <//>
  `;
}
