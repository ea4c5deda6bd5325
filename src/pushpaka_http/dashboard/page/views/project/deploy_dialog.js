/** Asks what is to be deployed, and goes to where one sees it happen. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { Button, CopyLine, Dialog, FormDialog, Input, Select } from "../../lib/ui.js";
import { FOLDER } from "../deployment/allowed.js";

const TARGETS = [
  { value: "production", label: "Production" },
  { value: "preview", label: "A preview of the branch" },
];

export function DeployButton({ project, kind = "primary", children = "Deploy" }) {
  const [isAsking, setIsAsking] = useState(false);
  return html`
    <${Button} kind=${kind} icon="up" onClick=${() => setIsAsking(true)}>${children}<//>
    ${isAsking && html`<${project.repo_url === FOLDER ? FolderDialog : DeployDialog} project=${project} onClose=${() => setIsAsking(false)} />`}
  `;
}

/** Says how a project without a repository is deployed, which no page can do. */
function FolderDialog({ project, onClose }) {
  return html`
    <${Dialog} title="Deploy ${project.name}" onClose=${onClose} actions=${html`<${Button} onClick=${onClose}>Close<//>`}>
      <p>This project has no repository. In its folder, run:</p>
      <${CopyLine} text="pushpaka deploy --local --project ${project.slug}" label="Copy the command" />
    <//>
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
