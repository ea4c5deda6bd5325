/**
 * A new project: the repository or image, then the deployment plan, then the first deployment. After the
 * first step the project exists, at /new?project=…, and stays in the list when the user leaves.
 */
import { api } from "../lib/api.js";
import { html } from "../lib/html.js";
import { cacheResource } from "../lib/resource.js";
import { navigate } from "../lib/router.js";
import { Card, PageHead } from "../lib/ui.js";
import { RepositoryForm, isSsh } from "./new-project/repository.js";
import { Setup } from "./new-project/setup.js";

export default function NewProject({ location }) {
  const id = location.query.get("project");
  return html`<div class="narrow">${id ? html`<${Setup} key=${id} id=${id} />` : html`<${FirstStep} />`}</div>`;
}

function FirstStep() {
  const create = async (values) => {
    const project = await api.post("/projects", values);
    cacheResource(`/projects/${project.id}`, project);
    if (isSsh(project.repo_url)) {
      // If this fails, the next page has a button for it.
      await api.post(`/projects/${project.id}/deploy-key`).catch(() => {});
    }
    navigate(`/new?project=${project.id}`, { replace: true });
  };
  return html`
    <${PageHead} title="New project" path=${[{ to: "/", label: "Projects" }]}>
      Enter a Git repository or an image. You can review the settings before anything is deployed.
    <//>
    <${Card}>
      <${RepositoryForm} action="Continue" onSubmit=${create} />
    <//>
  `;
}
