/** Where the code is: the fields of a new project, and the same to correct them. */
import { html, useState } from "../../lib/html.js";
import { Checkbox, Form, FormProblem, Input, Note, Submit } from "../../lib/ui.js";

/** Whether git asks for an ssh key there. */
export const isSsh = (address) => /^(ssh:\/\/|[^/:@\s]+@[^/:\s]+:)/.test(address);

/**
 * @param {{project?: object, action: string, onSubmit: (values: object) => Promise<unknown>,
 *   children?: any}} props `project`: the one that is corrected; without, a new one
 */
export function RepositoryForm({ project, action, onSubmit, children }) {
  const [address, setAddress] = useState(project?.repo_url ?? "");
  const [name, setName] = useState(null);
  const [isPrivate, setIsPrivate] = useState(project?.has_git_token ?? false);

  const submit = async (values) => {
    try {
      await onSubmit(project ? correctionsOf(values) : said(values));
    } catch (error) {
      if (error.code === "duplicate") error.details = [{ field: "name", message: error.error }];
      throw error;
    }
  };

  return html`
    <${Form} label="Where the code is" onSubmit=${submit} hasProblem>
      <${Input}
        name="repo_url" label="Repository" type="text" inputmode="url" isMono required autofocus=${!project}
        placeholder="https://github.com/you/app.git" value=${address} onInput=${(event) => setAddress(event.target.value)}
      />
      <div class="fields">
        <${Input} name="branch" label="Branch" isMono required value=${project?.branch ?? "main"} />
        <${Input} name="name" label="Name" required value=${name ?? project?.name ?? nameFrom(address)} onInput=${(event) => setName(event.target.value)} />
      </div>
      ${
        isSsh(address)
          ? html`<${Note}><p>A deploy key will be made for it. You add its public half to the repository in the next step.</p><//>`
          : html`<${Token} project=${project} isPrivate=${isPrivate} onChange=${setIsPrivate} />`
      }
      <${Input} name="root_dir" label="Directory" isMono isOptional value=${project?.root_dir ?? ""} hint="Where in the repository the application is, if not at its top." />
      <${FormProblem} />
      <div class="actions"><${Submit}>${action}<//>${children}</div>
    <//>
  `;
}

function Token({ project, isPrivate, onChange }) {
  return html`
    <${Checkbox} label="The repository is private" checked=${isPrivate} onChange=${(event) => onChange(event.target.checked)} />
    ${
      isPrivate &&
      html`<${Input}
        name="git_token" label="Access token" type="password" isMono autocomplete="off" required=${!project?.has_git_token}
        hint=${project?.has_git_token ? "One is kept. It is replaced by what you type." : "It needs to read the repository, and no more. It is stored encrypted and never shown again."}
      />`
    }
  `;
}

/** "app", of https://github.com/you/app.git. */
const nameFrom = (address) => address.trim().replace(/\/+$/, "").replace(/\.git$/, "").split(/[/:]/).pop();

const said = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

/** A token that was not typed stays as it is. */
function correctionsOf({ git_token: token, ...values }) {
  return token ? { ...values, git_token: token } : values;
}
