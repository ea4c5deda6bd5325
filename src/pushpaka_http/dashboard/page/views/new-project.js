/**
 * A new project: which repository, then what would be done with it and why, and only then is it
 * deployed. Between the two the project is there already, at /new?project=…, and is kept when one
 * leaves: it waits in the list until it is deployed or deleted.
 */
import { api } from "../lib/api.js";
import { html } from "../lib/html.js";
import { remember } from "../lib/resource.js";
import { navigate } from "../lib/router.js";
import { Card, PageHead } from "../lib/ui.js";
import { RepositoryForm, isSsh } from "./new-project/repository.js";
import { Setup } from "./new-project/setup.js";

export default function NewProject({ place }) {
  const id = place.query.get("project");
  return html`<div class="narrow">${id ? html`<${Setup} key=${id} id=${id} />` : html`<${Begin} />`}</div>`;
}

function Begin() {
  const create = async (values) => {
    const project = await api.post("/projects", values);
    remember(`/projects/${project.id}`, project);
    if (isSsh(project.repo_url)) {
      // Where this fails the next page has a button for it.
      await api.post(`/projects/${project.id}/deploy-key`).catch(() => {});
    }
    navigate(`/new?project=${project.id}`, { replace: true });
  };
  return html`
    <${PageHead} title="New project" back=${{ to: "/", label: "Projects" }}>
      Name a repository. Nothing is deployed before you have seen what would be done.
    <//>
    <${Card}>
      <${RepositoryForm} action="Look at the repository" onSubmit=${create} />
    <//>
  `;
}
