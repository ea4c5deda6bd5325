/** The dialog that creates a deployment. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { navigate } from "../../lib/router.js";
import { FOLDER, imageOf } from "../../lib/sources.js";
import { Button, CopyLine, Dialog, FormDialog, Input, Select, useDialog } from "../../lib/ui.js";

const TARGETS = [
  { value: "production", label: "Production" },
  { value: "preview", label: "Preview of the branch" },
];

export function DeployButton({ project, kind = "primary", children = "Deploy" }) {
  const { dialog, open } = useDialog();
  const withoutImage = project.repo_url === FOLDER ? FolderDialog : DeployDialog;
  const Content = imageOf(project.repo_url) ? ImageDialog : withoutImage;
  const ask = () => open((close) => html`<${Content} project=${project} onClose=${close} />`);
  return html`<${Button} kind=${kind} icon="up" onClick=${ask}>${children}<//>${dialog}`;
}

/** For projects without a repository, which only the command line can deploy. */
function FolderDialog({ project, onClose }) {
  return html`
    <${Dialog} title="Deploy ${project.name}" onClose=${onClose} actions=${html`<${Button} onClick=${onClose}>Close<//>`}>
      <p>This project has no repository. To deploy a folder, run this command in it:</p>
      <${CopyLine} text="pushpaka deploy --local --project ${project.slug}" label="Copy the command" />
    <//>
  `;
}

function ImageDialog({ project, onClose }) {
  const own = imageOf(project.repo_url);
  const deploy = async ({ image }) => {
    const deployment = await api.post("/deployments", { project_id: project.id, image: image ?? own });
    navigate(`/deployments/${deployment.id}`);
  };
  return html`
    <${FormDialog} title="Deploy ${project.name}" label="Deploy" action="Deploy" icon="up" onSubmit=${deploy} onClose=${onClose}>
      <${Input} name="image" label="Image" isMono isOptional placeholder=${own} hint="Another tag of the same image." />
    <//>
  `;
}

function DeployDialog({ project, onClose }) {
  const deploy = async ({ branch, commit_sha, target }) => {
    const name = branch ?? project.branch;
    const deployment = await api.post("/deployments", {
      project_id: project.id,
      branch: name,
      commit_sha,
      target: target === "preview" ? `preview:${name}` : "production",
    });
    navigate(`/deployments/${deployment.id}`);
  };
  return html`
    <${FormDialog} title="Deploy ${project.name}" label="Deploy" action="Deploy" icon="up" onSubmit=${deploy} onClose=${onClose}>
      <${Input} name="branch" label="Branch" isMono isOptional placeholder=${project.branch} />
      <${Input} name="commit_sha" label="Commit" isMono isOptional placeholder="latest" hint="At least the first 7 characters of the hash." />
      <${Select} name="target" label="Target" options=${TARGETS} value="production" />
    <//>
  `;
}
