/** Who is in the team of a project, and who may. */
import { api } from "../../lib/api.js";
import { day } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { navigate } from "../../lib/router.js";
import { useUser } from "../../lib/session.js";
import { Badge, Button, Card, Confirm, Problem, Skeleton, toast } from "../../lib/ui.js";
import { Invitations } from "./invitations.js";
import { Role } from "./role.js";
import { may } from "./roles.js";

export default function Members({ project, reload: reloadProject }) {
  const path = `/projects/${project.id}/members`;
  const { data, error, reload, set } = useResource(path);
  /** {kind: "remove" | "leave" | "transfer", member} */
  const [asked, setAsked] = useState(null);
  const isOwner = may(project, "owner");
  const close = () => setAsked(null);
  const put = (member) => set((now) => ({ data: now.data.map((each) => (each.user_id === member.user_id ? member : each)) }));

  if (error && !data) return html`<${Problem} error=${error} retry=${reload} />`;
  return html`
    <div class="stack loose">
      <${Card} title="Team" hint="Viewers look at everything but secrets. Members also deploy, and change settings and env vars. The owner decides who is in it, and about domains and hooks." isFlush>
        ${
          data
            ? html`<ul class="entries">${data.data.map((member) => html`<${Member} key=${member.user_id} ...${{ member, path, isOwner, put, ask: setAsked }} />`)}</ul>`
            : html`<div class="waiting"><${Skeleton} lines=${2} height=${40} /></div>`
        }
      <//>
      ${isOwner && html`<${Invitations} project=${project} />`}
      ${asked?.kind === "remove" && html`<${Removing} ...${asked} path=${path} onDone=${reload} onClose=${close} />`}
      ${asked?.kind === "leave" && html`<${Leaving} ...${asked} project=${project} path=${path} onClose=${close} />`}
      ${asked?.kind === "transfer" && html`<${HandingOver} ...${asked} project=${project} onDone=${() => Promise.all([reload(), reloadProject()])} onClose=${close} />`}
    </div>
  `;
}

function Member({ member, path, isOwner, put, ask }) {
  const isSelf = useUser().id === member.user_id;
  const isChangeable = isOwner && member.role !== "owner";
  const name = member.name || member.email;
  return html`
    <li class="member">
      <div>
        <p class="row"><strong>${name}</strong>${isSelf && html`<${Badge} tone="busy">You<//>`}</p>
        <p class="hint">${member.email}, since ${day(member.created_at)}</p>
      </div>
      <div class="row">
        ${isChangeable ? html`<${Role} ...${{ member, path, put }} />` : html`<${Badge}>${member.role}<//>`}
        ${isChangeable && html`<${Button} size="small" kind="quiet" onClick=${() => ask({ kind: "transfer", member })}>Make owner<span class="unseen"> of ${name}</span><//>`}
        ${isChangeable && html`<${Button} size="small" kind="quiet" icon="trash" label=${`Take ${name} out of the team`} onClick=${() => ask({ kind: "remove", member })} />`}
        ${isSelf && member.role !== "owner" && html`<${Button} size="small" onClick=${() => ask({ kind: "leave", member })}>Leave<//>`}
      </div>
    </li>
  `;
}

function Removing({ member, path, onDone, onClose }) {
  const remove = async () => {
    await api.delete(`${path}/${member.user_id}`);
    toast.say(`${member.name} is out of the team.`);
    await onDone();
  };
  return html`
    <${Confirm} title="Take ${member.name} out of the team?" action="Take out" onConfirm=${remove} onClose=${onClose}>
      <p>The project is gone for ${member.email} at once. What they have deployed stays.</p>
    <//>
  `;
}

function Leaving({ member, project, path, onClose }) {
  const leave = async () => {
    await api.delete(`${path}/${member.user_id}`);
    toast.say(`You have left ${project.name}.`);
    navigate("/", { replace: true });
  };
  return html`
    <${Confirm} title="Leave ${project.name}?" action="Leave" onConfirm=${leave} onClose=${onClose}>
      <p>You will not see the project any more, unless its owner invites you again.</p>
    <//>
  `;
}

function HandingOver({ member, project, onDone, onClose }) {
  const transfer = async () => {
    await api.post(`/projects/${project.id}/transfer`, { owner_id: member.user_id });
    toast.say(`${member.name} owns ${project.name} now.`);
    await onDone();
  };
  return html`
    <${Confirm} title="Make ${member.name} the owner?" action="Hand it over" name=${project.name} onConfirm=${transfer} onClose=${onClose}>
      <p>You stay as a member, and cannot take it back. The git token is forgotten, open invitations end, and domains are theirs.</p>
    <//>
  `;
}
