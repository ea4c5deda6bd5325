/** The custom domains of a project. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Button, Empty, FormDialog, Input, Loaded, useDialog } from "../../lib/ui.js";
import { DomainCard } from "./domain_card.js";
import { hasRole } from "./roles.js";

const NOTHING_RESPONDS = "Nothing responds at these domains because the application has no web process.";

export default function Domains({ project }) {
  const resource = useResource("/domains");
  const { dialog, open } = useDialog();
  const isOwner = hasRole(project, "owner");
  const update = (change) => resource.set(({ data }) => ({ data: change(data) }));
  const add = (domain) => update((all) => [domain, ...all]);
  const replace = (domain) => update((all) => all.map((each) => (each.id === domain.id ? domain : each)));
  const remove = (domain) => update((all) => all.filter((each) => each.id !== domain.id));

  const askAdd = () => open((close) => html`<${AddDialog} project=${project} onAdded=${add} onClose=${close} />`);
  const button = isOwner && html`<${Button} kind="primary" icon="plus" onClick=${askAdd}>Add domain<//>`;
  const list = ({ data }) => {
    const domains = data.filter(({ project_id: id }) => id === project.id);
    if (!domains.length) return html`<${None} action=${button} isOwner=${isOwner} />`;
    return html`
      <div class="row apart"><p class="hint">${project.url ? "The project also keeps its own address." : NOTHING_RESPONDS}</p>${button}</div>
      ${domains.map((domain) => html`<${DomainCard} key=${domain.id} ...${{ domain, project, isOwner }} onChange=${replace} onRemoved=${() => remove(domain)} />`)}
    `;
  };
  return html`<div class="stack"><${Loaded} resource=${resource} lines=${4} height=${32}>${list}<//>${dialog}</div>`;
}

function AddDialog({ project, onAdded, onClose }) {
  const add = async ({ domain }) => onAdded(await api.post("/domains", { project_id: project.id, domain }));
  return html`
    <${FormDialog} title="Add domain" label="New domain" action="Add" onSubmit=${add} onClose=${onClose}>
      <${Input} name="domain" label="Domain" isMono required placeholder="shop.example.com" hint="The next step shows the DNS records to add." />
    <//>
  `;
}

function None({ action, isOwner }) {
  return html`
    <${Empty} title="No custom domains yet" icon="globe" action=${action}>
      ${
        isOwner
          ? "Serve the project at your own domain. You verify it with a TXT record and point it to this server."
          : "The project owner can add domains."
      }
    <//>
  `;
}
