/** The form for the repository or the image of a project. */
import { html, useState } from "../../lib/html.js";
import { imageOf, urlOfImage } from "../../lib/sources.js";
import { Checkbox, Form, FormProblem, Input, Note, Select, Submit } from "../../lib/ui.js";
import { CredentialFields, credentialsOf } from "../project/registry_credentials.js";

const SOURCES = [
  { value: "repository", label: "Git repository" },
  { value: "image", label: "Container image" },
];

/** Return true if Git accesses this URL over SSH. */
export const isSsh = (url) => /^(ssh:\/\/|[^/:@\s]+@[^/:\s]+:)/.test(url);

/**
 * @param {{project?: object, action: string, onSubmit: (values: object) => Promise<unknown>,
 *   children?: any}} props `project`: the project to change, or none for a new one
 */
export function RepositoryForm({ project, action, onSubmit, children }) {
  const image = project && imageOf(project.repo_url);
  const [isImage, setIsImage] = useState(Boolean(image));
  const [url, setUrl] = useState(image ?? project?.repo_url ?? "");
  const [name, setName] = useState(null);

  const submit = async ({ source, ...fields }) => {
    const values = source === "image" ? { ...credentialsOf(fields), repo_url: urlOfImage(fields.repo_url) } : fields;
    try {
      await onSubmit(project ? changesOf(values) : withoutEmpty(values));
    } catch (error) {
      if (error.code === "duplicate") error.details = [{ field: "name", message: error.error }];
      throw error;
    }
  };

  return html`
    <${Form} label="Source" onSubmit=${submit} hasProblem>
      <${Select} name="source" label="Deploy from" options=${SOURCES} value=${isImage ? "image" : "repository"} onChange=${(event) => setIsImage(event.target.value === "image")} />
      <${Input}
        key=${isImage} name="repo_url" label=${isImage ? "Image" : "Repository"} type="text" inputmode="url" isMono required autofocus=${!project}
        placeholder=${isImage ? "ghcr.io/you/app:1.0" : "https://github.com/you/app.git"} value=${url} onInput=${(event) => setUrl(event.target.value)}
      />
      <div class="fields">
        ${!isImage && html`<${Input} name="branch" label="Branch" isMono required value=${project?.branch ?? "main"} />`}
        <${Input} name="name" label="Name" required value=${name ?? project?.name ?? nameFrom(url, isImage)} onInput=${(event) => setName(event.target.value)} />
      </div>
      ${isImage ? html`<${ImageAccess} project=${project} />` : html`<${RepositoryAccess} project=${project} url=${url} />`}
      <${FormProblem} />
      <div class="actions">${children}<${Submit}>${action}<//></div>
    <//>
  `;
}

function ImageAccess({ project }) {
  const [isPrivate, setIsPrivate] = useState(project?.has_registry_credentials ?? false);
  return html`
    <${Checkbox} label="The image is private" checked=${isPrivate} onChange=${(event) => setIsPrivate(event.target.checked)} />
    ${isPrivate && html`<${CredentialFields} isStored=${project?.has_registry_credentials} required=${!project?.has_registry_credentials} />`}
  `;
}

function RepositoryAccess({ project, url }) {
  const [isPrivate, setIsPrivate] = useState(project?.has_git_token ?? false);
  return html`
    ${
      isSsh(url)
        ? html`<${Note}><p>Pushpaka creates a deploy key for this repository. You add it to the repository in the next step.</p><//>`
        : html`<${Token} project=${project} isPrivate=${isPrivate} onChange=${setIsPrivate} />`
    }
    <${Input} name="root_dir" label="Directory" isMono isOptional value=${project?.root_dir ?? ""} hint="The directory of the application, if it is not the root of the repository." />
  `;
}

function Token({ project, isPrivate, onChange }) {
  return html`
    <${Checkbox} label="The repository is private" checked=${isPrivate} onChange=${(event) => onChange(event.target.checked)} />
    ${
      isPrivate &&
      html`<${Input}
        name="git_token" label="Access token" type="password" isMono autocomplete="off" required=${!project?.has_git_token}
        hint=${project?.has_git_token ? "A token is stored. Enter a new token to replace it." : "The token needs read access to the repository. It is stored encrypted and never shown again."}
      />`
    }
  `;
}

/** Return "app" for https://github.com/you/app.git, and for the image ghcr.io/you/app:1.0. */
const nameFrom = (url, isImage) => (isImage ? url.replace(/[@].*$|:[^/]*$/, "") : url).trim().replace(/\/+$/, "").replace(/\.git$/, "").split(/[/:]/).pop();

const withoutEmpty = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

/** An empty token field keeps the stored token. */
const changesOf = ({ git_token: token, ...values }) => (token ? { ...values, git_token: token } : values);
