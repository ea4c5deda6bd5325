/** Domains of one's own: claimed, proven by a record, and led here. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Button, Card, Empty, FormDialog, Input, Problem, Skeleton } from "../../lib/ui.js";
import { DomainCard } from "./domain_card.js";
import { may } from "./roles.js";

export default function Domains({ project }) {
  const { data, error, reload, set } = useResource("/domains");
  const [isAdding, setIsAdding] = useState(false);
  const isAllowed = may(project, "owner");
  if (error && !data) return html`<${Problem} error=${error} retry=${reload} />`;
  if (!data) return html`<${Card}><${Skeleton} lines=${4} height=${32} /><//>`;

  const domains = data.data.filter(({ project_id: id }) => id === project.id);
  const put = (domain) => set((now) => ({ data: now.data.map((each) => (each.id === domain.id ? domain : each)) }));
  const added = (domain) => set((now) => ({ data: [domain, ...now.data] }));
  const gone = (domain) => set((now) => ({ data: now.data.filter((each) => each.id !== domain.id) }));
  const add = isAllowed && html`<${Button} kind="primary" icon="plus" onClick=${() => setIsAdding(true)}>Add a domain<//>`;
  return html`
    <div class="stack">
      ${domains.length > 0 && html`<div class="row apart"><p class="hint">The project also answers at its own address, whatever is here.</p>${add}</div>`}
      ${domains.length === 0 && html`<${Nothing} action=${add} isAllowed=${isAllowed} />`}
      ${domains.map((domain) => html`<${DomainCard} key=${domain.id} ...${{ domain, project, isAllowed }} onChange=${put} onGone=${() => gone(domain)} />`)}
      ${isAdding && html`<${Adding} project=${project} onAdded=${added} onClose=${() => setIsAdding(false)} />`}
    </div>
  `;
}

function Adding({ project, onAdded, onClose }) {
  const add = async ({ domain }) => {
    onAdded(await api.post("/domains", { project_id: project.id, domain }));
    onClose();
  };
  return html`
    <${FormDialog} title="Add a domain" label="New domain" action="Add it" onSubmit=${add} onClose=${onClose}>
      <${Input} name="domain" label="Domain" isMono required placeholder="shop.example.com" hint="You are told next which records to set where its names are kept." />
    <//>
  `;
}

function Nothing({ action, isAllowed }) {
  return html`
    <${Empty} title="No domains of your own yet" icon="globe" action=${action}>
      ${
        isAllowed
          ? "Let the project answer at a name that you own. You prove that it is yours by a TXT record, and lead it here."
          : "The owner of the project can let it answer at a name of their own."
      }
    <//>
  `;
}
